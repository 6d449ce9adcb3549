/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many connections or flows each client of a listener has open, and how many it has begun
 * lately. A client is an IPv4 address, or an IPv6 /64: the least that one customer of a provider
 * has, who can use any address of it (RFC 6177).
 *
 * One table for all workers of a listener, since a client's connections spread over them. It is
 * told the limits at each call and keeps no copy, so it may outlive what they were read from. Any
 * thread. A lock (one of many, for a search of one chain) is taken when a connection or flow begins
 * or ends, and nothing is allocated or freed under it.
 *
 * A client takes memory (72 bytes) while it has something open, and for up to a second after that
 * where its rate is limited. Those who only wait for that second are bounded: beyond
 * CLIENT_LIMITS_IDLE_MAX the one that waits longest is forgotten, and could begin as many anew.
 * That takes more addresses in a second than anybody gains by it: each of them may begin as many.
 */
#ifndef MMPROXY_CLIENT_LIMITS_H
#define MMPROXY_CLIENT_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/reason.h"

/* Clients that are kept for their rate alone; with all of them the table has 5 MiB. */
#define CLIENT_LIMITS_IDLE_MAX 65536

/* The limits; 0: none. */
struct client_rule {
	uint32_t connections; /* or flows, open at one time */
	uint32_t rate;	      /* begun in a second; after a pause as many as that at once */
};

struct client_limits;

/* A client that has something open. */
struct client_place;

/* NULL when memory is out. */
struct client_limits *client_limits_new(void) __attribute__((warn_unused_result));

/* Everything has been left. NULL is fine. */
void client_limits_free(struct client_limits *table);

/*
 * Count one more of this client's. Returns REASON_DONE with *place to be left, or with NULL where
 * nothing is limited; else, with *place NULL and nothing counted, REASON_CLIENT_LIMIT or, when
 * memory is out, REASON_INTERNAL. now_ms is of clock_now_ms(); it may be a little behind that of
 * other threads. A limit that is set while a client has connections does not know of those that
 * were opened without any.
 */
enum close_reason client_limits_enter(struct client_limits *table, const struct addr *client,
				      const struct client_rule *rule, int64_t now_ms,
				      struct client_place **place)
    __attribute__((warn_unused_result));

/* Count one more of a client that has a place already, whatever its limits are. NULL is fine. */
void client_limits_enter_again(struct client_place *place);

/* One has ended. NULL is fine. The place may be gone when this returns. */
void client_limits_leave(struct client_place *place, int64_t now_ms);

/* The same for one that did not come to be: it does not count as begun. NULL is fine. */
void client_limits_undo(struct client_place *place, int64_t now_ms);

/* Clients that the table has. */
size_t client_limits_count(struct client_limits *table);

#endif
