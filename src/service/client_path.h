/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The path of a client's replies: the load balancer address that they go to, shared by the workers
 * that have a flow of that client each.
 *
 * Several workers have one when the kernel gives a client's datagrams to one worker now and to
 * another then. Their sockets have the same addresses, so that replies arrive at either, and each
 * worker sends a reply to the load balancer address that the client's latest datagram came from.
 * Any thread; a lock is taken when the path changes, and when a flow begins or ends.
 */
#ifndef MMPROXY_CLIENT_PATH_H
#define MMPROXY_CLIENT_PATH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "net/udp_sock.h"
#include "proxyproto/proxy_spp.h"

/* Bytes that tell clients apart. */
#define CLIENT_PATH_KEY_LEN 40

/* What a reply needs to know. */
struct reply_path {
	struct udp_path path;
	uint32_t socket;     /* number of the listener's address */
	uint32_t header_len; /* of what goes before each reply; 0: nothing */
	uint8_t header[PROXY_SPP_LEN];
};

struct client_path; /* of one client */

/* All of one listener. */
struct client_path_table {
	pthread_mutex_t lock;
	struct client_path *clients;
};

void client_path_init(struct client_path_table *table);

/* Everyone has left. */
void client_path_fini(struct client_path_table *table);

/* A client's, shared with others that joined with this key; NULL when memory is out. */
struct client_path *client_path_join(struct client_path_table *table,
				     const uint8_t key[static CLIENT_PATH_KEY_LEN])
    __attribute__((warn_unused_result));

/* NULL is fine. */
void client_path_leave(struct client_path_table *table, struct client_path *client);

/* A number that changes with the path; it starts as 0, when none is known. */
unsigned client_path_version(const struct client_path *client);

/* Set the path, or get it; returns its version. */
unsigned client_path_set(struct client_path *client, const struct reply_path *path);
unsigned client_path_get(struct client_path *client, struct reply_path *path);

#endif
