/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rounds of visits to all sessions and flows of a worker, a bounded number in a pass of its loop.
 *
 * The worker's thread only, but for visitors' arguments, which belong to who sent the round.
 */
#ifndef MMPROXY_VISITS_H
#define MMPROXY_VISITS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "worker/lineup.h"
#include "worker/mailbox.h"

/* A round. Its fields above the line are the sender's to fill in. */
struct visit {
	struct mail mail; /* comes back when all have been visited, to open done */
	void (*done)(struct mail *mail, void *arg);
	void (*begin)(void *arg); /* a round begins, or begins anew; NULL: nothing to do then */
	listener_visitor visitor; /* both are called by the worker's thread */
	void *arg;
	/* ---- */
	size_t listener;
	bool begun;
	unsigned version; /* of the lineup */
};

struct visits {
	STAILQ_HEAD(, mail) waiting; /* the first one is under way */
	struct lineup *lineup;
	struct mailbox *done; /* where they go then */
	struct event *turn;
};

/* Returns 0, or -1 when memory is out; fini is fine then. */
int visits_init(struct visits *visits, struct event_base *base, struct lineup *lineup,
		struct mailbox *done) __attribute__((warn_unused_result));

/* Rounds that are there are not finished. */
void visits_fini(struct visits *visits);

/* Begin a round when those before it are over. */
void visits_add(struct visits *visits, struct visit *visit);

#endif
