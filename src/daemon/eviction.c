/* SPDX-License-Identifier: BSD-2-Clause */
/* Ending the sessions and flows of a network's clients. */
#include "daemon/eviction.h"

#include <stdlib.h>

struct part {
	struct visit visit; /* first: its mail is the part's */
	struct eviction *eviction;
	size_t ended;
};

struct eviction {
	struct network network;
	enum close_reason reason;
	void (*done)(void *arg, size_t ended);
	void *arg;
	size_t parts_count;
	size_t left; /* parts that have not come back */
	struct part parts[];
};

/* Called by workers. What ends stays ended when a round begins anew, so the count goes on. */
static enum close_reason judge(const struct listener_view *view, void *arg)
{
	struct part *part = arg;

	if (!addr_is_set(view->client) || !network_contains(&part->eviction->network, view->client))
		return REASON_COUNT;
	part->ended++;
	return part->eviction->reason;
}

static void on_part_done(struct mail *mail, void *arg)
{
	struct eviction *eviction = ((struct part *)(void *)mail)->eviction;
	size_t ended = 0;

	(void)arg;
	if (--eviction->left > 0)
		return;
	for (size_t i = 0; i < eviction->parts_count; i++)
		ended += eviction->parts[i].ended;
	eviction->done(eviction->arg, ended);
	eviction_free(eviction);
}

struct eviction *eviction_start(const struct network *network, enum close_reason reason,
				struct worker *const *workers, size_t workers_count,
				void (*done)(void *arg, size_t ended), void *arg)
{
	struct eviction *eviction =
	    calloc(1, sizeof(*eviction) + workers_count * sizeof(struct part));

	if (eviction == NULL)
		return NULL;
	eviction->network = *network;
	eviction->reason = reason;
	eviction->done = done;
	eviction->arg = arg;
	eviction->parts_count = workers_count;
	eviction->left = workers_count;
	for (size_t i = 0; i < workers_count; i++) {
		struct part *part = &eviction->parts[i];

		part->eviction = eviction;
		part->visit.done = on_part_done;
		part->visit.visitor = judge;
		part->visit.arg = part;
		worker_send_visit(workers[i], &part->visit);
	}
	return eviction;
}

void eviction_free(struct eviction *eviction)
{
	free(eviction);
}
