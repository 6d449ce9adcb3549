/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connections of all health ports: so many at most, each for a few seconds.
 *
 * When there is one more, the oldest makes room for it, so that idle ones keep nobody out. Main
 * thread.
 */
#ifndef MMPROXY_HEALTH_CLIENT_H
#define MMPROXY_HEALTH_CLIENT_H

#include <event2/event.h>

#include "daemon/health_probe.h"

/* Connections of all health ports together. A check takes one for some milliseconds. */
#define HEALTH_CLIENTS_MAX 128

/*
 * How long a whole request may take to come, from accepting on; how long it may then wait for its
 * answer, which comes when the probe is over; and the peer's end for coming after that. Looked at
 * when health_clients_sweep() is called.
 */
#define HEALTH_CLIENT_REQUEST_MS 5000
#define HEALTH_CLIENT_ANSWER_MS	 (HEALTH_PROBE_TIMEOUT_MS + 1000)
#define HEALTH_CLIENT_END_MS	 2000

struct health_clients;

/*
 * NULL when memory is out. on_request is called with the owner of a connection on which a request
 * has come that asks for the result. It may call health_clients_answer().
 */
struct health_clients *health_clients_new(struct event_base *base, void (*on_request)(void *owner))
    __attribute__((warn_unused_result));

/* Closes what there is. NULL is fine. */
void health_clients_free(struct health_clients *clients);

/* Take a connection, closing it when memory is out. */
void health_clients_take(struct health_clients *clients, int fd, void *owner);

/* Answer those of this owner that wait for the result. */
void health_clients_answer(struct health_clients *clients, const void *owner,
			   const struct health_result *result);

/* Close those of an owner that is about to go. */
void health_clients_drop(struct health_clients *clients, const void *owner);

/* Close those whose time is over. */
void health_clients_sweep(struct health_clients *clients);

#endif
