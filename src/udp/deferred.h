/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams of new clients that wait, for a moment, until another worker has made room for their
 * flows. The worker's thread only.
 */
#ifndef MMPROXY_DEFERRED_H
#define MMPROXY_DEFERRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "net/udp_sock.h"

struct udp_socket;

struct deferred {
	STAILQ_ENTRY(deferred) entry;
	struct udp_socket *socket;
	struct udp_path path;
	unsigned attempts;
	size_t len;
	uint8_t bytes[];
};

struct deferred_list {
	STAILQ_HEAD(, deferred) datagrams;
	size_t len; /* bytes of all of them */
};

void deferred_init(struct deferred_list *list);
void deferred_fini(struct deferred_list *list);

/* Keep a copy, with how often it has been here by then. Returns 0, or -1 when there is too much
 * here already or memory is out. */
int deferred_put(struct deferred_list *list, struct udp_socket *socket, const struct udp_path *path,
		 const uint8_t *bytes, size_t len, unsigned attempts)
    __attribute__((warn_unused_result));

/* Drop those that came by a socket that goes. */
void deferred_forget(struct deferred_list *list, const struct udp_socket *socket);

/* The one here longest, which is the caller's to free, or NULL. */
struct deferred *deferred_take(struct deferred_list *list);

#endif
