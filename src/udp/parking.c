/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams of new clients that wait for room. */
#include "udp/parking.h"

#include <stdlib.h>
#include <string.h>

/* Several batches of small datagrams. What another worker takes to answer is far less than a
 * millisecond; if it is so busy that this fills up, losing datagrams is right. */
#define LEN_MAX (256 * 1024)

void parking_init(struct parking *parking)
{
	STAILQ_INIT(&parking->datagrams);
	parking->len = 0;
}

void parking_fini(struct parking *parking)
{
	struct parked *parked;

	while ((parked = parking_take(parking)) != NULL)
		free(parked);
}

int parking_put(struct parking *parking, struct udp_socket *socket, const struct udp_path *path,
		const uint8_t *bytes, size_t len, unsigned attempts)
{
	struct parked *parked;

	if (parking->len + sizeof(*parked) + len > LEN_MAX)
		return -1;
	parked = malloc(sizeof(*parked) + len);
	if (parked == NULL)
		return -1;
	parked->socket = socket;
	parked->path = *path;
	parked->attempts = attempts;
	parked->len = len;
	memcpy(parked->bytes, bytes, len);
	STAILQ_INSERT_TAIL(&parking->datagrams, parked, entry);
	parking->len += sizeof(*parked) + len;
	return 0;
}

struct parked *parking_take(struct parking *parking)
{
	struct parked *parked = STAILQ_FIRST(&parking->datagrams);

	if (parked == NULL)
		return NULL;
	STAILQ_REMOVE_HEAD(&parking->datagrams, entry);
	parking->len -= sizeof(*parked) + parked->len;
	return parked;
}
