/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests to the admin endpoint that wait for workers. */
#include "daemon/admin_waiting.h"

#include <stdlib.h>

#include "base/clock.h"
#include "daemon/admin_door.h"

/* Those whose connection has gone meanwhile included. */
#define WAITING_MAX (2 * ADMIN_DOOR_CONNECTIONS)

/*
 * How long a request waits for workers, which are asked one request after the other. It leaves
 * a connection time for the answer.
 */
#define PATIENCE_MS (ADMIN_DOOR_PATIENCE_MS / 2)

void admin_waiting_init(struct admin_waiting_list *list)
{
	TAILQ_INIT(&list->waiting);
	list->count = 0;
	list->owner = NULL;
}

void admin_waiting_fini(struct admin_waiting_list *list)
{
	while (!TAILQ_EMPTY(&list->waiting)) {
		struct admin_waiting *waiting = TAILQ_FIRST(&list->waiting);

		eviction_free(waiting->eviction);
		(void)admin_waiting_release(waiting);
	}
}

struct admin_waiting *admin_waiting_new(struct admin_waiting_list *list,
					struct evhttp_request *request, struct admin_desk *desk)
{
	struct admin_waiting *waiting;

	if (list->count >= WAITING_MAX) {
		admin_door_say(request, HTTP_SERVUNAVAIL, "Too many requests wait.");
		return NULL;
	}
	waiting = calloc(1, sizeof(*waiting));
	if (waiting == NULL) {
		admin_door_say(request, HTTP_SERVUNAVAIL, "Memory is out.");
		return NULL;
	}
	waiting->list = list;
	waiting->desk = desk;
	waiting->request = request;
	waiting->owner = list->owner;
	waiting->since_ms = clock_now_ms();
	TAILQ_INSERT_TAIL(&list->waiting, waiting, entry);
	list->count++;
	return waiting;
}

struct evhttp_request *admin_waiting_release(struct admin_waiting *waiting)
{
	struct evhttp_request *request = waiting->request;

	TAILQ_REMOVE(&waiting->list->waiting, waiting, entry);
	waiting->list->count--;
	free(waiting);
	return request;
}

void admin_waiting_tick(struct admin_waiting_list *list, int64_t now_ms)
{
	struct admin_waiting *waiting;

	/* They stay in the list, since workers have them. */
	TAILQ_FOREACH(waiting, &list->waiting, entry)
	{
		if (waiting->request == NULL || now_ms - waiting->since_ms < PATIENCE_MS)
			continue;
		admin_door_say(waiting->request, HTTP_SERVUNAVAIL, "The workers do not answer.");
		waiting->request = NULL;
	}
}

void admin_waiting_forget(struct admin_waiting_list *list, const void *owner)
{
	struct admin_waiting *waiting;

	TAILQ_FOREACH(waiting, &list->waiting, entry)
	if (waiting->owner == owner)
		waiting->request = NULL;
}
