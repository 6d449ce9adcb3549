/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers requests to the admin endpoint: what each path is. Those that ask workers wait for them
 * without holding up the main thread, whose this is.
 */
#ifndef MMPROXY_ADMIN_DESK_H
#define MMPROXY_ADMIN_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/http.h>

#include "daemon/facts.h"

struct admin_desk;

/* facts and what they point to are borrowed; the workers are there. NULL when memory is out. */
struct admin_desk *admin_desk_new(struct event_base *base, const struct facts *facts)
    __attribute__((warn_unused_result));

/* The workers' threads have ended, and requests are forgotten or answered. NULL is fine. */
void admin_desk_free(struct admin_desk *desk);

/*
 * Answer a request, now or later. may_change: it came by a socket that only some users reach. owner
 * is who has its connection.
 */
void admin_desk_handle(struct admin_desk *desk, struct evhttp_request *request, bool may_change,
		       const void *owner);

/* Once a second: answers those for which the workers take too long. */
void admin_desk_tick(struct admin_desk *desk, int64_t now_ms);

/* Requests of this owner that wait are about to be freed by it. */
void admin_desk_forget(struct admin_desk *desk, const void *owner);

#endif
