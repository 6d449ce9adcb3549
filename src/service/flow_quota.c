/* SPDX-License-Identifier: BSD-2-Clause */
/* Room for flows that several workers share. */
#include "service/flow_quota.h"

#include <stdbool.h>
#include <stdlib.h>

/* Slots are never taken out of the list, so that it can be read without a lock. */
struct flow_quota_slot {
	struct flow_quota_slot *next;
	flow_quota_wake wake;
	void *arg;
	_Atomic int64_t oldest_ms; /* when its flow idle longest moved; INT64_MAX: it has none */
	atomic_uint asked;	   /* flows that it has been asked to end */
	atomic_bool waiting;	   /* it wants to know when there may be room */
	atomic_bool taken;
};

static struct flow_quota_slot *first_slot(struct flow_quota *quota)
{
	return atomic_load_explicit(&quota->slots, memory_order_acquire);
}

void flow_quota_fini(struct flow_quota *quota)
{
	struct flow_quota_slot *slot = first_slot(quota);

	while (slot != NULL) {
		struct flow_quota_slot *next = slot->next;

		free(slot);
		slot = next;
	}
	atomic_store(&quota->slots, NULL);
}

/* Only a slot of the same worker: who wakes it may still have an eye on the old one. */
static struct flow_quota_slot *take_free_slot(struct flow_quota *quota, flow_quota_wake wake,
					      const void *arg)
{
	struct flow_quota_slot *slot = first_slot(quota);

	while (slot != NULL &&
	       (slot->wake != wake || slot->arg != arg || atomic_exchange(&slot->taken, true)))
		slot = slot->next;
	return slot;
}

struct flow_quota_slot *flow_quota_join(struct flow_quota *quota, flow_quota_wake wake, void *arg)
{
	struct flow_quota_slot *slot = take_free_slot(quota, wake, arg);

	if (slot != NULL)
		return slot;
	slot = malloc(sizeof(*slot));
	if (slot == NULL)
		return NULL;
	slot->wake = wake;
	slot->arg = arg;
	atomic_init(&slot->oldest_ms, INT64_MAX);
	atomic_init(&slot->asked, 0);
	atomic_init(&slot->waiting, false);
	atomic_init(&slot->taken, true);
	slot->next = first_slot(quota);
	while (!atomic_compare_exchange_weak(&quota->slots, &slot->next, slot))
		;
	return slot;
}

void flow_quota_leave(struct flow_quota_slot *slot)
{
	if (slot == NULL)
		return;
	flow_quota_publish(slot, INT64_MAX);
	atomic_store(&slot->asked, 0);
	atomic_store(&slot->waiting, false);
	atomic_store(&slot->taken, false);
}

void flow_quota_publish(struct flow_quota_slot *slot, int64_t oldest_ms)
{
	atomic_store_explicit(&slot->oldest_ms, oldest_ms, memory_order_relaxed);
}

int flow_quota_ask(struct flow_quota *quota, struct flow_quota_slot *self, int64_t own_ms)
{
	struct flow_quota_slot *idlest = NULL;

	for (struct flow_quota_slot *slot = first_slot(quota); slot != NULL; slot = slot->next) {
		int64_t oldest_ms = atomic_load_explicit(&slot->oldest_ms, memory_order_relaxed);

		if (slot == self || oldest_ms >= own_ms)
			continue;
		own_ms = oldest_ms;
		idlest = slot;
	}
	if (idlest == NULL)
		return -1;
	if (self != NULL)
		atomic_store(&self->waiting, true);
	atomic_fetch_add(&idlest->asked, 1);
	idlest->wake(idlest->arg);
	return 0;
}

unsigned flow_quota_take_asked(struct flow_quota_slot *slot)
{
	return atomic_exchange(&slot->asked, 0);
}

void flow_quota_tell(struct flow_quota *quota, const struct flow_quota_slot *slot)
{
	for (struct flow_quota_slot *other = first_slot(quota); other != NULL; other = other->next)
		if (other != slot && atomic_exchange(&other->waiting, false))
			other->wake(other->arg);
}
