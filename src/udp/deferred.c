/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams of new clients that wait for room. */
#include "udp/deferred.h"

#include <stdlib.h>
#include <string.h>

/* Several batches of small datagrams. What another worker takes to answer is far less than a
 * millisecond; if it is so busy that this fills up, losing datagrams is right. */
#define LEN_MAX (256 * 1024)

void deferred_init(struct deferred_list *list)
{
	STAILQ_INIT(&list->datagrams);
	list->len = 0;
}

void deferred_fini(struct deferred_list *list)
{
	struct deferred *deferred;

	while ((deferred = deferred_take(list)) != NULL)
		free(deferred);
}

int deferred_put(struct deferred_list *list, struct udp_socket *socket, const struct udp_path *path,
		 const uint8_t *bytes, size_t len, unsigned attempts)
{
	struct deferred *deferred;

	if (list->len + sizeof(*deferred) + len > LEN_MAX)
		return -1;
	deferred = malloc(sizeof(*deferred) + len);
	if (deferred == NULL)
		return -1;
	deferred->socket = socket;
	deferred->path = *path;
	deferred->attempts = attempts;
	deferred->len = len;
	memcpy(deferred->bytes, bytes, len);
	STAILQ_INSERT_TAIL(&list->datagrams, deferred, entry);
	list->len += sizeof(*deferred) + len;
	return 0;
}

struct deferred *deferred_take(struct deferred_list *list)
{
	struct deferred *deferred = STAILQ_FIRST(&list->datagrams);

	if (deferred == NULL)
		return NULL;
	STAILQ_REMOVE_HEAD(&list->datagrams, entry);
	list->len -= sizeof(*deferred) + deferred->len;
	return deferred;
}

void deferred_forget(struct deferred_list *list, const struct udp_socket *socket)
{
	struct deferred_list kept;
	struct deferred *deferred;

	deferred_init(&kept);
	while ((deferred = deferred_take(list)) != NULL) {
		if (deferred->socket == socket) {
			free(deferred);
			continue;
		}
		STAILQ_INSERT_TAIL(&kept.datagrams, deferred, entry);
		kept.len += sizeof(*deferred) + deferred->len;
	}
	STAILQ_CONCAT(&list->datagrams, &kept.datagrams);
	list->len = kept.len;
}
