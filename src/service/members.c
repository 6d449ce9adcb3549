/* SPDX-License-Identifier: BSD-2-Clause */
/* The workers' parts of one UDP listener block. */
#include "service/members.h"

#include <stdlib.h>

int members_join(struct members *members, member_wake wake, void *arg)
{
	struct member *grown =
	    reallocarray(members->list, members->count + 1, sizeof(*members->list));
	struct member *member;

	if (grown == NULL)
		return -1;
	members->list = grown;
	member = &grown[members->count];
	member->wake = wake;
	member->arg = arg;
	atomic_init(&member->oldest_ms, INT64_MAX);
	atomic_init(&member->asked, 0);
	atomic_init(&member->waiting, false);
	return (int)members->count++;
}

void members_fini(struct members *members)
{
	free(members->list);
	members->list = NULL;
	members->count = 0;
}

void members_publish(struct members *members, int self, int64_t oldest_ms)
{
	atomic_store_explicit(&members->list[self].oldest_ms, oldest_ms, memory_order_relaxed);
}

int members_ask(struct members *members, int self, int64_t own_ms)
{
	struct member *idlest = NULL;

	for (size_t i = 0; i < members->count; i++) {
		struct member *member = &members->list[i];
		int64_t oldest_ms = atomic_load_explicit(&member->oldest_ms, memory_order_relaxed);

		if ((int)i == self || oldest_ms >= own_ms)
			continue;
		own_ms = oldest_ms;
		idlest = member;
	}
	if (idlest == NULL)
		return -1;
	atomic_store(&members->list[self].waiting, true);
	atomic_fetch_add(&idlest->asked, 1);
	idlest->wake(idlest->arg);
	return 0;
}

unsigned members_take_asked(struct members *members, int self)
{
	return atomic_exchange(&members->list[self].asked, 0);
}

void members_tell(struct members *members, int self)
{
	for (size_t i = 0; i < members->count; i++) {
		struct member *member = &members->list[i];

		if ((int)i != self && atomic_exchange(&member->waiting, false))
			member->wake(member->arg);
	}
}
