/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread with its event base, listeners, sessions and flows.
 *
 * Workers share nothing mutable but what service/ has. The main thread makes, starts, tells and
 * joins them.
 */
#ifndef MMPROXY_WORKER_H
#define MMPROXY_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/flow_registry.h"
#include "service/listener.h"
#include "worker/mailbox.h"
#include "worker/visits.h"

/* What a worker can be told. */
enum worker_signal {
	WORKER_DRAIN = 1 << 0, /* nothing new; say so when the last session and flow have ended */
	WORKER_CLOSE = 1 << 1, /* end all of them within a second, as WORKER_DRAIN otherwise */
	WORKER_STOP = 1 << 2,  /* the same, and leave the loop then */
	WORKER_FLOW_ROOM = 1 << 3, /* another worker asks for room, or has made some */
	WORKER_PING = 1 << 4,	   /* one more of worker_beats() */
	WORKER_LEAVE = 1 << 5, /* drop every listening socket, of UDP with the flows, and end the
				  thread; WORKER_DRAIN otherwise */
	WORKER_BEGIN = 1 << 6, /* accept and read, after worker_wait() */
};

/* What a worker tells the main thread, by the mailbox that it was made with. */
enum worker_news {
	WORKER_HAS_RELEASED = 1 << 0, /* see worker_has_released() */
	WORKER_IS_DRAINED = 1 << 1,   /* see worker_is_drained() */
	WORKER_HAS_LEFT = 1 << 2,     /* see worker_has_left() */
};

struct worker;

/*
 * flows outlives the worker. news gets signals of enum worker_news, and mail back. index is the
 * worker's place in ledgers.
 */
struct worker *worker_new(size_t index, struct flow_registry *flows, struct mailbox *news)
    __attribute__((warn_unused_result));

/* After worker_join(), or for one that never started. NULL is fine. */
void worker_free(struct worker *worker);

/* All listeners that a worker is to have; those that it has and that are not here drain. */
struct worker_plan {
	struct mail mail; /* comes back when it has been done, to open done */
	void (*done)(struct mail *mail, void *arg);
	const struct listener_setup *setups;
	size_t setups_count;
	int result; /* 0, or -1 when memory was out: the same plan may be sent again */
};

/* Before worker_start(). Returns the result. */
int worker_configure(struct worker *worker, struct worker_plan *plan)
    __attribute__((warn_unused_result));

/* The same, done by the worker's thread, but not in a drain any more. The plan and its setups stay
 * until it has come back. */
void worker_send_plan(struct worker *worker, struct worker_plan *plan);

/* Have all sessions and flows visited (worker/visits.h). */
void worker_send_visit(struct worker *worker, struct visit *visit);

/*
 * Have mail opened by the worker's thread, which sends it back to the main thread: an answer shows
 * that the worker's loop goes on.
 */
struct worker_call {
	struct mail mail; /* comes back, to open done */
	void (*done)(struct mail *mail, void *arg);
};

void worker_send_call(struct worker *worker, struct worker_call *call);

/* Have it accept and read nothing until WORKER_BEGIN. Before worker_start(). */
void worker_wait(struct worker *worker);

/*
 * Go on with the flows of a batch that another process gave, whose sockets are the worker's then.
 * Before worker_start().
 */
void worker_take_flows(struct worker *worker, const struct flow_batch *batch);

/* What is to become of flows that another process is to go on with. */
enum worker_flows_step {
	WORKER_FLOWS_PAUSE,  /* nothing is read: what arrives waits in the kernel */
	WORKER_FLOWS_GIVE,   /* the next ones are in the batch */
	WORKER_FLOWS_LET_GO, /* some of those that were given are the other process's alone */
	WORKER_FLOWS_RESUME, /* those that are left here are read again */
};

struct worker_flows {
	struct mail mail; /* comes back when the step has been done, to open done */
	void (*done)(struct mail *mail, void *arg);
	enum worker_flows_step step;
	struct flow_batch *batch; /* of WORKER_FLOWS_GIVE, emptied before */
	bool more;		  /* of giving and letting go: there are more */
};

/* Have a step done, in the worker's thread. */
void worker_send_flows(struct worker *worker, struct worker_flows *flows);

/*
 * Another process has the same descriptors from now on, until it ends. Before worker_start(), as
 * long as there is no thread.
 */
void worker_share(struct worker *worker);

/* Run the thread, again after worker_join(). Returns 0, or -1 with errno. */
int worker_start(struct worker *worker) __attribute__((warn_unused_result));

/* Any thread. */
void worker_tell(struct worker *worker, enum worker_signal signal);

/* Whether, in a drain, it does not touch its listening sockets of TCP any more. Any thread. */
bool worker_has_released(const struct worker *worker);

/* Whether a drain has come to its end. Any thread. */
bool worker_is_drained(const struct worker *worker);

/* Whether its thread is at its end after WORKER_LEAVE, and worker_start() would go on. Any thread.
 */
bool worker_has_left(const struct worker *worker);

/* How often it has answered WORKER_PING from its loop. Any thread. */
uint64_t worker_beats(const struct worker *worker);

/* Wait for the thread to leave its loop (WORKER_STOP, WORKER_LEAVE). */
void worker_join(struct worker *worker);

/* How often a relay had to copy because there was no pipe for splicing. Any thread. */
uint64_t worker_pipe_shortages(const struct worker *worker);

#endif
