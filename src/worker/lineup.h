/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listeners of one worker: those that its plan has, and those that it had and that drain.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_LINEUP_H
#define MMPROXY_LINEUP_H

#include <stdbool.h>
#include <stddef.h>

#include "service/listener.h"

/* Make a listener for a service; NULL when memory is out. */
typedef struct listener *(*lineup_maker)(struct service *service, void *arg);

/* All zero is an empty one. */
struct lineup {
	struct listener **listeners; /* those of the plan first */
	size_t count;
	size_t planned;
	unsigned version; /* another one when the list has changed */
};

/* Free all of them. */
void lineup_fini(struct lineup *lineup);

/*
 * Have a listener for each setup, found by its ledger or made; the others drain. Returns 0, or -1
 * when memory was out: then the same may be tried again.
 */
int lineup_apply(struct lineup *lineup, const struct listener_setup *setups, size_t count,
		 lineup_maker make, void *arg) __attribute__((warn_unused_result));

/* Free those that have drained. Not from a callback of one of them. */
void lineup_free_drained(struct lineup *lineup);

/* Whether there is no session and no flow. */
bool lineup_is_idle(const struct lineup *lineup);

/* The operations of service/listener.h, on all of them. */
void lineup_drain(const struct lineup *lineup);
void lineup_close_all(const struct lineup *lineup, enum close_reason reason);
void lineup_handle_room(const struct lineup *lineup);
void lineup_pause(const struct lineup *lineup);
void lineup_pause_flows(const struct lineup *lineup); /* of UDP alone */
void lineup_resume(const struct lineup *lineup);
bool lineup_give_flows(const struct lineup *lineup, struct flow_batch *batch);
bool lineup_let_flows_go(const struct lineup *lineup);

/* Have each flow of a batch that another process gave taken by the listener with its address. */
void lineup_take_flows(const struct lineup *lineup, const struct flow_batch *batch);

#endif
