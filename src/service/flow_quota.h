/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room for flows that several workers share: of one listener (max_flows), or of all listeners
 * (descriptors). When there is none, the flow idle longest ends, whosever it is.
 *
 * A worker ends no other worker's flow: it asks, and is told when there may be room. Any thread; no
 * locks.
 */
#ifndef MMPROXY_FLOW_QUOTA_H
#define MMPROXY_FLOW_QUOTA_H

#include <stdatomic.h>
#include <stdint.h>

/* Called from any thread: have the worker look after what its slot was asked for. */
typedef void (*flow_quota_wake)(void *arg);

/* What one listener in one worker publishes. */
struct flow_quota_slot;

/* All zero is an empty one. */
struct flow_quota {
	_Atomic(struct flow_quota_slot *) slots;
};

/* Free the slots; nobody uses one any more. */
void flow_quota_fini(struct flow_quota *quota);

/*
 * Returns a slot, which stays the quota's, or NULL when memory is out. wake and arg must outlive
 * the quota.
 */
struct flow_quota_slot *flow_quota_join(struct flow_quota *quota, flow_quota_wake wake, void *arg)
    __attribute__((warn_unused_result));

/* The slot has no flows any more, and may be given out again. NULL is fine. */
void flow_quota_leave(struct flow_quota_slot *slot);

/* Tell the others when the flow idle longest last moved; INT64_MAX: there is no flow. */
void flow_quota_publish(struct flow_quota_slot *slot, int64_t oldest_ms);

/*
 * Ask the other slot that has the flow idle longest, if that is idle since before own_ms, to end
 * it, and to tell self then (NULL: nobody). Returns 0, or -1 when there is none.
 */
int flow_quota_ask(struct flow_quota *quota, struct flow_quota_slot *self, int64_t own_ms);

/* How many flows the others want ended, each asked for once. */
unsigned flow_quota_take_asked(struct flow_quota_slot *slot);

/* Flows of slot have ended, or none can: tell the others that wait. */
void flow_quota_tell(struct flow_quota *quota, const struct flow_quota_slot *slot);

#endif
