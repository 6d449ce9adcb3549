/* SPDX-License-Identifier: BSD-2-Clause */
/* The workers' parts of one UDP listener block. */
#include "service/flow_quota.h"

#include <stdlib.h>

int flow_quota_join(struct flow_quota *quota, flow_quota_wake wake, void *arg)
{
	struct flow_quota_worker *grown =
	    reallocarray(quota->list, quota->count + 1, sizeof(*quota->list));
	struct flow_quota_worker *worker;

	if (grown == NULL)
		return -1;
	quota->list = grown;
	worker = &grown[quota->count];
	worker->wake = wake;
	worker->arg = arg;
	atomic_init(&worker->oldest_ms, INT64_MAX);
	atomic_init(&worker->asked, 0);
	atomic_init(&worker->waiting, false);
	return (int)quota->count++;
}

void flow_quota_fini(struct flow_quota *quota)
{
	free(quota->list);
	quota->list = NULL;
	quota->count = 0;
}

void flow_quota_publish(struct flow_quota *quota, int self, int64_t oldest_ms)
{
	atomic_store_explicit(&quota->list[self].oldest_ms, oldest_ms, memory_order_relaxed);
}

int flow_quota_ask(struct flow_quota *quota, int self, int64_t own_ms)
{
	struct flow_quota_worker *idlest = NULL;

	for (size_t i = 0; i < quota->count; i++) {
		struct flow_quota_worker *worker = &quota->list[i];
		int64_t oldest_ms = atomic_load_explicit(&worker->oldest_ms, memory_order_relaxed);

		if ((int)i == self || oldest_ms >= own_ms)
			continue;
		own_ms = oldest_ms;
		idlest = worker;
	}
	if (idlest == NULL)
		return -1;
	atomic_store(&quota->list[self].waiting, true);
	atomic_fetch_add(&idlest->asked, 1);
	idlest->wake(idlest->arg);
	return 0;
}

unsigned flow_quota_take_asked(struct flow_quota *quota, int self)
{
	return atomic_exchange(&quota->list[self].asked, 0);
}

void flow_quota_tell(struct flow_quota *quota, int self)
{
	for (size_t i = 0; i < quota->count; i++) {
		struct flow_quota_worker *worker = &quota->list[i];

		if ((int)i != self && atomic_exchange(&worker->waiting, false))
			worker->wake(worker->arg);
	}
}
