/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workers' parts of one UDP listener block, as far as they must know of each other: max_flows
 * counts the flows of all, and the one to make room is the one silent longest, whosever it is.
 *
 * A worker ends no other worker's flow: it asks, and is told when there may be room. Joining is for
 * the main thread, before workers start; the rest is atomic, for any worker.
 */
#ifndef MMPROXY_MEMBERS_H
#define MMPROXY_MEMBERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called from any thread: have the member's worker look after its requests. */
typedef void (*member_wake)(void *arg);

struct member {
	member_wake wake;
	void *arg;
	_Atomic int64_t oldest_ms; /* when its flow idle longest moved; INT64_MAX: it has none */
	atomic_uint asked;	   /* flows that it has been asked to end */
	atomic_bool waiting;	   /* it wants to know when there may be room */
};

struct members {
	struct member *list;
	size_t count;
};

/* Returns the new member's number, or -1 when memory is out. */
int members_join(struct members *members, member_wake wake, void *arg)
    __attribute__((warn_unused_result));
void members_fini(struct members *members);

/* Tell the others since when a member's flow idle longest has been silent. */
void members_publish(struct members *members, int self, int64_t oldest_ms);

/* Ask the other member that has a flow idle since before own_ms to end it, and to tell self then.
 * Returns 0, or -1 when there is none. */
int members_ask(struct members *members, int self, int64_t own_ms);

/* How many flows the others want ended, each asked for once. */
unsigned members_take_asked(struct members *members, int self);

/* Flows have ended: tell those that wait. */
void members_tell(struct members *members, int self);

#endif
