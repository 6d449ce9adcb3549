/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread with its event base, listeners, sessions and flows.
 *
 * Workers share nothing mutable but what service/service.h names. The main thread makes, starts,
 * tells and joins them.
 */
#ifndef MMPROXY_WORKER_H
#define MMPROXY_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/stats.h"
#include "service/service.h"
#include "worker/mailbox.h"

/* What a worker can be told. */
enum worker_message {
	WORKER_DRAIN = 1 << 0, /* nothing new; say so when the last session and flow have ended */
	WORKER_CLOSE = 1 << 1, /* end all of them within a second, as WORKER_DRAIN otherwise */
	WORKER_STOP = 1 << 2,  /* the same, and leave the loop then */
	WORKER_LOOK_ROUND = 1 << 3, /* another worker asks for room, or has made some */
};

struct worker;

/* notify is posted drained_message from the worker's thread when a drain has come to its end. */
struct worker *worker_new(struct mailbox *notify, unsigned drained_message)
    __attribute__((warn_unused_result));

/* After worker_join(), or for one that never started. NULL is fine. */
void worker_free(struct worker *worker);

/*
 * Before worker_start(): serve a service on sockets that are bound, and listen, already, which
 * become the worker's in any case. Returns 0, or -1 when memory is out.
 */
int worker_add_listener(struct worker *worker, struct service *service, const int *fds,
			size_t count) __attribute__((warn_unused_result));

/* Run the thread. Returns 0, or -1 with errno. */
int worker_start(struct worker *worker) __attribute__((warn_unused_result));

/* Any thread. */
void worker_tell(struct worker *worker, enum worker_message message);

/* Whether a drain has come to its end. Any thread. */
bool worker_is_drained(const struct worker *worker);

/* Wait for the thread to leave its loop (WORKER_STOP). */
void worker_join(struct worker *worker);

/* How often a relay had to copy because there was no pipe for splicing. Any thread. */
uint64_t worker_pipe_shortages(const struct worker *worker);

/* Add the counters of the listener that was added as number index. Any thread. */
void worker_stats(const struct worker *worker, size_t index, struct stats *sum);

#endif
