/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving the flows of all workers to another process, worker by worker, a batch at a time. Workers
 * go on serving connections meanwhile. Main thread.
 */
#ifndef MMPROXY_UPGRADE_FLOWS_H
#define MMPROXY_UPGRADE_FLOWS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/serving.h"

struct upgrade_flows;

/* What a worker is doing. */
struct upgrade_errand {
	struct worker_flows flows; /* first: its mail is the errand's */
	struct upgrade_flows *whole;
	size_t worker;
	bool away;   /* the worker has it */
	bool paused; /* the worker's flows are */
};

struct upgrade_flows {
	const struct serving *serving;
	struct upgrade_errand *errands; /* one a worker; NULL: there are none */
	size_t away;
	struct addr *addresses;
	struct flow_batch batch;
	size_t worker; /* that gives */
	size_t given;
	bool undoing;
	/* A step has been done by all workers, a batch is there, or all is as before. */
	void (*on_step)(void *arg);
	void *arg;
};

/* Call on_step with arg from here on. */
void upgrade_flows_init(struct upgrade_flows *flows, const struct serving *serving,
			void (*on_step)(void *arg), void *arg);

/* Nobody is away, or the workers' threads have ended. */
void upgrade_flows_fini(struct upgrade_flows *flows);

/*
 * Have all workers pause, to give the flows that answer from addresses of UDP which are passed on.
 * Returns 0, or -1 when memory is out.
 */
int upgrade_flows_pause(struct upgrade_flows *flows) __attribute__((warn_unused_result));

/* The next batch; false when there are no more, which is known at once. */
bool upgrade_flows_give(struct upgrade_flows *flows);

/* Close those that were given. */
void upgrade_flows_let_go(struct upgrade_flows *flows);

/* Have those that are left read again; also when a step is under way. */
void upgrade_flows_resume(struct upgrade_flows *flows);

#endif
