/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the load balancer is that a client's replies go to, for several workers that have a flow of
 * that client each.
 *
 * They come to be when the kernel gives a client's datagrams to one worker now and to another then.
 * Their sockets have the same addresses, so that replies arrive at either; whichever it is sends
 * them to where the client was last heard of. Any thread; a lock is taken when that place changes,
 * and when a flow begins or ends.
 */
#ifndef MMPROXY_WHEREABOUTS_H
#define MMPROXY_WHEREABOUTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "net/udp_sock.h"
#include "proxyproto/proxy_spp.h"

/* Bytes that tell clients apart. */
#define WHEREABOUTS_KEY_LEN 40

/* What a reply needs to know. */
struct whereabouts_place {
	struct udp_path path;
	uint32_t socket;     /* number of the listener's address */
	uint32_t header_len; /* of what goes before each reply; 0: nothing */
	uint8_t header[PROXY_SPP_LEN];
};

struct whereabouts; /* of one client */

/* All of one listener. */
struct whereabouts_table {
	pthread_mutex_t lock;
	struct whereabouts *clients;
};

void whereabouts_init(struct whereabouts_table *table);

/* Everyone has left. */
void whereabouts_fini(struct whereabouts_table *table);

/* A client's, shared with others that joined with this key; NULL when memory is out. */
struct whereabouts *whereabouts_join(struct whereabouts_table *table,
				     const uint8_t key[static WHEREABOUTS_KEY_LEN])
    __attribute__((warn_unused_result));

/* NULL is fine. */
void whereabouts_leave(struct whereabouts_table *table, struct whereabouts *client);

/* A number that changes with the place; it starts as 0, when none is known. */
unsigned whereabouts_version(const struct whereabouts *client);

/* Set the place, or get it; returns its version. */
unsigned whereabouts_set(struct whereabouts *client, const struct whereabouts_place *place);
unsigned whereabouts_get(struct whereabouts *client, struct whereabouts_place *place);

#endif
