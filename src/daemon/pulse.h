/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether every worker's loop goes on: each is called, and has a second to answer. Main thread. */
#ifndef MMPROXY_PULSE_H
#define MMPROXY_PULSE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "worker/worker.h"

/* Time for an answer. */
#define PULSE_PATIENCE_MS 1000

struct pulse;

/* Embedded in who asks. */
struct pulse_request {
	STAILQ_ENTRY(pulse_request) entry;
	void (*done)(struct pulse_request *request, size_t silent); /* workers without an answer */
};

/* Workers are borrowed. NULL when memory is out. */
struct pulse *pulse_new(struct event_base *base, struct worker *const *workers, size_t count)
    __attribute__((warn_unused_result));

/* The workers' threads have ended. Requests that are left are not answered. NULL is fine. */
void pulse_free(struct pulse *pulse);

/*
 * Calls done within PULSE_PATIENCE_MS. A request that comes while another waits is answered with
 * it. Returns 0, or -1 when memory is out.
 */
int pulse_ask(struct pulse *pulse, struct pulse_request *request)
    __attribute__((warn_unused_result));

#endif
