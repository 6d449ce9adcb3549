/* SPDX-License-Identifier: BSD-2-Clause */
/* Room for new flows. */
#include "udp/flow_room.h"

#include <limits.h>
#include <stdlib.h>

#include "base/clock.h"
#include "udp/flow_carry.h"
#include "udp/flow_life.h"
#include "udp/flow_up.h"
#include "udp/intake.h"

/* Ends the flow idle longest; false when there is none. */
static bool displace_oldest(struct flow_group *group, enum close_reason reason)
{
	struct flow_links *oldest = flow_carry_oldest(group, clock_now_ms());

	if (oldest != NULL)
		flow_life_displace(flow_of(oldest), reason);
	return oldest != NULL;
}

/* What others asked for may have become superfluous meanwhile. */
void flow_room_make(struct flow_group *group)
{
	struct flow_registry *registry = group->registry;
	struct service *service = group->service;
	unsigned flows = flow_quota_take_asked(group->flows_slot);
	unsigned descriptors = flow_quota_take_asked(group->descriptors_slot);

	for (unsigned i = 0; i < flows && service_is_full(service); i++)
		if (!displace_oldest(group, REASON_CONNECTION_LIMIT))
			break;
	for (unsigned i = 0; i < descriptors && descriptor_share_is_short(&registry->descriptors);
	     i++)
		if (!displace_oldest(group, REASON_OUT_OF_DESCRIPTORS))
			break;
	/* Even if nothing has ended: they must not wait for what will not come. */
	flow_group_publish(group);
	if (flows > 0)
		flow_quota_tell(&service->ledger->quota, group->flows_slot);
	if (descriptors > 0)
		flow_quota_tell(&registry->quota, group->descriptors_slot);
}

void flow_room_take_waiting(struct flow_group *group)
{
	struct deferred_list list = group->deferred;
	struct deferred *deferred;

	if (STAILQ_EMPTY(&list.datagrams))
		return;
	deferred_init(&group->deferred);
	while ((deferred = deferred_take(&list)) != NULL) {
		intake_deferred(deferred, clock_now_ms());
		flow_up_send(group);
		free(deferred);
	}
}

void flow_room_settle_waiting(struct flow_group *group)
{
	struct deferred *deferred;

	STAILQ_FOREACH(deferred, &group->deferred.datagrams, entry)
	deferred->attempts = UINT_MAX;
	flow_room_take_waiting(group);
}
