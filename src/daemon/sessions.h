/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sessions and flows that stand out, of all workers: those with the most bytes, the oldest, or
 * those that have been silent the longest.
 *
 * Each worker gathers them in rounds of visits, so that nobody waits for one. A request at a time
 * is under way, and the others wait. Main thread, but for the rounds.
 */
#ifndef MMPROXY_SESSIONS_H
#define MMPROXY_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/addr.h"
#include "base/stats.h"
#include "service/ledger.h"
#include "worker/worker.h"

#define SESSIONS_LIMIT_DEFAULT 100
#define SESSIONS_LIMIT_MAX     10000

enum sessions_order { SESSIONS_BY_BYTES, SESSIONS_BY_AGE, SESSIONS_BY_IDLE };

struct sessions_row {
	struct ledger *ledger; /* a reference of the request's */
	struct addr peer;
	struct addr client; /* AF_UNSPEC: none */
	struct addr target; /* AF_UNSPEC: not known yet */
	uint64_t bytes[STATS_DIRECTIONS];
	uint64_t age_ms;
	uint64_t idle_ms;
	uint64_t rank; /* by which it was chosen */
	bool relaying;
	bool carried; /* by the kernel */
};

struct sessions;

/* Embedded in who asks. */
struct sessions_request {
	STAILQ_ENTRY(sessions_request) entry;
	size_t limit; /* 1 to SESSIONS_LIMIT_MAX */
	enum sessions_order order;
	/* rows are NULL when memory was out; they are the callee's for the time of the call. */
	void (*done)(struct sessions_request *request, const struct sessions_row *rows,
		     size_t count);
};

/* Workers are borrowed. NULL when memory is out. */
struct sessions *sessions_new(struct worker *const *workers, size_t count)
    __attribute__((warn_unused_result));

/* The workers' threads have ended. Requests that are left are not answered. NULL is fine. */
void sessions_free(struct sessions *sessions);

/* Calls done, which may be before it returns. */
void sessions_ask(struct sessions *sessions, struct sessions_request *request);

#endif
