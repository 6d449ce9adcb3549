/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to the admin endpoint that wait for workers, a bounded number for a bounded time. What
 * workers have of one stays until they have given it back, even if nobody waits for it any more.
 * Main thread.
 */
#ifndef MMPROXY_ADMIN_WAITING_H
#define MMPROXY_ADMIN_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/http.h>

#include "daemon/eviction.h"
#include "daemon/pulse.h"
#include "daemon/sessions.h"
#include "service/deny_list.h"

struct admin_desk;
struct admin_waiting_list;

/* One request; the desk has its answers made of what is below. */
struct admin_waiting {
	TAILQ_ENTRY(admin_waiting) entry;
	struct admin_waiting_list *list;
	struct admin_desk *desk;
	struct evhttp_request *request; /* NULL: forgotten, or answered already */
	const void *owner;		/* who has its connection */
	int64_t since_ms;
	bool table;
	struct sessions_request sessions;
	struct pulse_request pulse;
	struct eviction *eviction; /* under way, or NULL */
	char sentence[DENY_LIST_ANSWER_LEN];
};

struct admin_waiting_list {
	TAILQ_HEAD(, admin_waiting) waiting;
	size_t count;
	const void *owner; /* of the request in hand */
};

void admin_waiting_init(struct admin_waiting_list *list);

/* The workers' threads have ended. */
void admin_waiting_fini(struct admin_waiting_list *list);

/* Have a request wait. Returns NULL when it cannot, and has been answered so. */
struct admin_waiting *admin_waiting_new(struct admin_waiting_list *list,
					struct evhttp_request *request, struct admin_desk *desk)
    __attribute__((warn_unused_result));

/* It waits no more, and is freed. Returns its request, which is to be answered, or NULL. */
struct evhttp_request *admin_waiting_release(struct admin_waiting *waiting);

/* Once a second: answers those for which the workers take too long. */
void admin_waiting_tick(struct admin_waiting_list *list, int64_t now_ms);

/* Requests of this owner are about to be freed by it. */
void admin_waiting_forget(struct admin_waiting_list *list, const void *owner);

#endif
