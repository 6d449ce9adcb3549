/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workers' parts of one UDP listener block, as far as they must know of each other: max_flows
 * counts the flows of all, and the one to make room is the one silent longest, whosever it is.
 *
 * A worker ends no other worker's flow: it asks, and is told when there may be room. Joining is for
 * the main thread, before workers start; the rest is atomic, for any worker.
 */
#ifndef MMPROXY_FLOW_QUOTA_H
#define MMPROXY_FLOW_QUOTA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called from any thread: have the worker's worker look after its requests. */
typedef void (*flow_quota_wake)(void *arg);

struct flow_quota_worker {
	flow_quota_wake wake;
	void *arg;
	_Atomic int64_t oldest_ms; /* when its flow idle longest moved; INT64_MAX: it has none */
	atomic_uint asked;	   /* flows that it has been asked to end */
	atomic_bool waiting;	   /* it wants to know when there may be room */
};

struct flow_quota {
	struct flow_quota_worker *list;
	size_t count;
};

/* Returns the new worker's number, or -1 when memory is out. */
int flow_quota_join(struct flow_quota *quota, flow_quota_wake wake, void *arg)
    __attribute__((warn_unused_result));
void flow_quota_fini(struct flow_quota *quota);

/* Tell the others since when a worker's flow idle longest has been silent. */
void flow_quota_publish(struct flow_quota *quota, int self, int64_t oldest_ms);

/* Ask the other worker that has a flow idle since before own_ms to end it, and to tell self then.
 * Returns 0, or -1 when there is none. */
int flow_quota_ask(struct flow_quota *quota, int self, int64_t own_ms);

/* How many flows the others want ended, each asked for once. */
unsigned flow_quota_take_asked(struct flow_quota *quota, int self);

/* Flows have ended: tell those that wait. */
void flow_quota_tell(struct flow_quota *quota, int self);

#endif
