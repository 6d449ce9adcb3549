/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pairs of addresses that flows have (a client's and a target's), each with the listener that
 * it belongs to and the path of its replies: the load balancer address that they go to.
 *
 * One table for all listeners and workers of the process. Two sockets with the same pair cannot be
 * told apart by what a backend sends to them, so a pair belongs to one listener at a time. Its
 * workers may have a flow each, when the kernel gives a client's datagrams to one worker now and to
 * another then: they share the entry, and each sends replies to where the client's latest datagram
 * came from, whichever worker that came to.
 *
 * A listener is known by the first address that it had, which no two listeners have, and which its
 * ledger keeps when the configuration is read again: its old flows and its new ones share their
 * pairs. A path names a socket by its number, which outlives it (service/listener.h).
 *
 * Any thread. A lock is taken when a flow begins or ends (one of many, for a search of one chain)
 * and when a path changes (the entry's own). Nothing is allocated or freed under a lock.
 */
#ifndef MMPROXY_CLIENT_PATH_H
#define MMPROXY_CLIENT_PATH_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "net/udp_sock.h"
#include "proxyproto/proxy_spp.h"

/* What a reply needs to know. */
struct reply_path {
	struct udp_path path;
	uint32_t socket;     /* number of the listener's address */
	uint32_t header_len; /* of what goes before each reply; 0: nothing */
	uint8_t header[PROXY_SPP_LEN];
};

/* An entry, shared by flows of one listener. */
struct client_path;

/* Locks of a table; a chain belongs to the lock of its number modulo this. */
#define CLIENT_PATH_LOCKS 64

struct client_path_table {
	struct client_path **chains;
	size_t chains_count; /* a power of 2; fixed, so that no search waits for a growing table */
	pthread_mutex_t locks[CLIENT_PATH_LOCKS];
};

/*
 * Make a table that takes this many pairs without long chains; more make them longer. Returns 0, or
 * -1 when memory is out.
 */
int client_path_table_init(struct client_path_table *table, size_t pairs)
    __attribute__((warn_unused_result));

/* Every entry has been left. Fine for a table of zeros. */
void client_path_table_fini(struct client_path_table *table);

/* What a flow's socket has, or is going to have. */
struct client_pair {
	struct addr source;
	struct addr target;
	struct addr listener; /* its first address */
};

/*
 * Take the pair for its listener, or join flows of the listener that have it. Returns NULL with
 * EADDRINUSE when it is another listener's, or with ENOMEM.
 */
struct client_path *client_path_claim(struct client_path_table *table,
				      const struct client_pair *pair)
    __attribute__((warn_unused_result));

/*
 * The same for flows whose own source ports are the kernel's choice, so that nothing else can have
 * their pair: joins those of the same client, target and listener.
 */
struct client_path *client_path_join(struct client_path_table *table,
				     const struct client_pair *pair)
    __attribute__((warn_unused_result));

/* A flow has ended; the last one frees the entry. NULL is fine. */
void client_path_leave(struct client_path_table *table, struct client_path *entry);

/* A number that changes with the path; it starts as 0, when none is known. */
unsigned client_path_version(const struct client_path *entry);

/* Set the path, or get it; returns its version. */
unsigned client_path_set(struct client_path *entry, const struct reply_path *path);
unsigned client_path_get(struct client_path *entry, struct reply_path *path);

/* Entries of the longest chain, which is what the slowest search looks at. */
size_t client_path_longest_chain(struct client_path_table *table);

#endif
