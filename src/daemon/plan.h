/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all workers are to serve: for each listener of the roster the addresses that are open.
 *
 * Main thread; while workers do a plan they read it, and it changes no more.
 */
#ifndef MMPROXY_PLAN_H
#define MMPROXY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/listen.h"
#include "daemon/roster.h"
#include "worker/worker.h"

struct plan;

/* A worker's part of it. */
struct plan_part {
	struct worker_plan plan; /* first: its mail is the part's */
	struct plan *whole;
	struct listener_setup *setups;
	struct listener_socket *sockets;
};

struct plan {
	size_t workers;
	size_t left; /* parts that have not come back */
	bool failed; /* memory was out in one */
	/* When all have come back; main thread. */
	void (*on_done)(struct plan *plan, void *arg);
	void *on_done_arg;
	struct plan_part parts[];
};

/*
 * Give each wanted address to its listener, and say what each worker is to serve. Both are of one
 * snapshot, committed. Returns NULL when memory is out, and then no address has changed its
 * listener.
 */
struct plan *plan_new(const struct listen_room *room, const struct roster *roster)
    __attribute__((warn_unused_result));
void plan_free(struct plan *plan);

/* Have the workers do it, each in its thread. */
void plan_send(struct plan *plan, struct worker *const *workers,
	       void (*on_done)(struct plan *plan, void *arg), void *arg);

#endif
