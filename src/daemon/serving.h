/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mmproxy serves: the configuration in use, its listening sockets and listeners, and the
 * workers. The configuration can be exchanged for another while they work. Main thread.
 */
#ifndef MMPROXY_SERVING_H
#define MMPROXY_SERVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "daemon/carrying.h"
#include "daemon/cutting.h"
#include "daemon/health.h"
#include "daemon/listen.h"
#include "daemon/plan.h"
#include "daemon/reload_history.h"
#include "daemon/return_routes.h"
#include "daemon/roster.h"
#include "service/flow_registry.h"
#include "worker/worker.h"

struct serving {
	struct conf *conf;    /* in use; a reference */
	struct conf *started; /* what the process was started with; a reference */
	struct flow_registry *flows;
	struct carrying carrying;
	struct reload_history reloads;
	struct deny_list *denied; /* of clients, at run time; no configuration changes it */
	struct return_routes *routes;
	struct listen_room room;
	struct health *health; /* NULL before serving_open() and once draining */
	struct roster roster;
	struct worker **workers;
	size_t workers_count;
	struct plan *plan;	/* that the workers are doing; NULL: none */
	struct event *retry;	/* of a plan for which memory was out */
	struct cutting cutting; /* of clients that are denied now */
	struct plan *farewell;	/* without what is passed on; NULL: nothing is */
	bool passing_on;	/* another process is about to take over: nothing changes */
	void (*on_passed_on)(void *arg);
	void *on_passed_on_arg;
	bool plan_due; /* memory was out for one */
	bool draining;
	bool plan_warned; /* memory was out in a worker */
	/* The workers do what serving_change() was asked for. */
	void (*on_changed)(void *arg);
	void *on_changed_arg;
};

/*
 * Takes a reference to the snapshot. workers: that a former process had, of whose sockets there is
 * one for each; 0: as configured. Returns 0, or -1 when memory is out; fini is fine then.
 */
int serving_init(struct serving *serving, struct conf *conf, size_t workers)
    __attribute__((warn_unused_result));

/* The workers' threads have ended. */
void serving_fini(struct serving *serving);

/*
 * Bind all addresses and set up return routes. succeeds: another process has the health ports
 * still, which are bound when it has not. Returns 0, or -1 having logged why.
 */
int serving_open(struct serving *serving, struct event_base *base, bool succeeds)
    __attribute__((warn_unused_result));

/*
 * Make the workers, which tell news what they have to tell. Returns 0, or -1 with errno when memory
 * or descriptors are out.
 */
int serving_make_workers(struct serving *serving, struct event_base *base, struct mailbox *news)
    __attribute__((warn_unused_result));

/* Start the workers' threads, and see whether targets are healthy. Returns 0, or -1 with errno. */
int serving_start(struct serving *serving) __attribute__((warn_unused_result));

/* Whether a change is under way; another one has to wait. */
bool serving_is_changing(const struct serving *serving);

/*
 * Serve what the snapshot says from now on: its new addresses open, those that it has no more drain
 * (of UDP for drain_timeout), and what is open goes on as it was opened, but for clients that are
 * denied now, who are cut. Not in a drain. Returns 0, and on_changed is called when the workers
 * know; or -1 having logged why, and nothing has changed.
 */
int serving_change(struct serving *serving, struct conf *conf) __attribute__((warn_unused_result));

/*
 * Be ready to pass on the addresses of the room that are marked so: nothing can fail then. Returns
 * 0, or -1 when memory is out.
 */
int serving_prepare_pass_on(struct serving *serving) __attribute__((warn_unused_result));

/*
 * Neither accept nor read any more at these addresses, which another process has, and close them
 * here; flows at them have been let go. on_done is called when that is so.
 */
void serving_pass_on(struct serving *serving, void (*on_done)(void *arg), void *arg);

/* They stay. */
void serving_undo_pass_on(struct serving *serving);

/* What is due: a look at it once a second is enough. */
void serving_tick(struct serving *serving, int64_t now_ms);

/* Close the health ports and have the workers drain. Nothing changes any more. */
void serving_drain(struct serving *serving);

/* The same, and have the workers leave (WORKER_LEAVE). */
void serving_leave(struct serving *serving);

/* Have all workers wait for WORKER_BEGIN. Before serving_start(). */
void serving_wait(const struct serving *serving);

void serving_tell_workers(const struct serving *serving, enum worker_signal signal);

/* Whether all workers have released their sockets of TCP, or have drained. */
bool serving_has_released(const struct serving *serving);
bool serving_is_drained(const struct serving *serving);

/* Stop the workers' threads, and wait for that. */
void serving_stop(struct serving *serving);

#endif
