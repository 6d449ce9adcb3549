/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rooms of routing share: its state, and what each of them does with it. Main thread. */
#ifndef MMPROXY_ROUTING_STATE_H
#define MMPROXY_ROUTING_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "conf/conf.h"
#include "routing/return_kernel.h"
#include "routing/return_marks.h"
#include "routing/return_plan.h"
#include "routing/route_holders.h"
#include "routing/route_watch.h"

/* A snapshot that is not the newest, and what its services need. */
struct former {
	struct conf *conf;
	struct return_plan plan;
	TAILQ_ENTRY(former) entry;
};

struct routing {
	struct return_kernel *kernel; /* NULL: nothing was ever to be managed */
	struct route_watch watch;
	bool once; /* nothing is watched */
	bool rule_ports;
	struct conf *conf; /* NULL: none yet that is managed */
	struct return_plan plan;
	TAILQ_HEAD(, former) formers;
	/* What nobody needs here any more, or a former process left: to be removed once no other
	 * process uses the routes. */
	struct return_plan stale;
	struct route_holder holder;
	struct return_marks marks;
	int64_t looked_ms;
	int64_t restored_ms;
	unsigned restores; /* looks in a row that had to restore something */
	bool failing;	   /* which was said */
};

/* Open the kernel's socket, if it is not open. -1: logged. */
int routing_state_begin(struct routing *routing) __attribute__((warn_unused_result));

/* Listen to what matters to the plan; before the kernel is read, so that no change falls between.
 * -1: logged. */
int routing_state_watch(struct routing *routing, const struct return_plan *wanted)
    __attribute__((warn_unused_result));

/* Make *joined what all snapshots in use need, and this plan (NULL: none). -1: memory is out. */
int routing_state_join_plans(const struct routing *routing, const struct return_plan *more,
			     struct return_plan *joined) __attribute__((warn_unused_result));

/* Whether the plan has a rule for marks: it is there as long as the table that marks. */
bool routing_state_has_mark(const struct return_plan *plan);

/* Whether another process uses a table of the plan's. */
bool routing_state_others_hold(const struct routing *routing, const struct return_plan *plan);

/* Remove what is stale, unless another process may need it. */
void routing_state_sweep(struct routing *routing);

/* Forget a former snapshot. */
void routing_state_free_former(struct routing *routing, struct former *former);

#endif
