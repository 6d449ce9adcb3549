/* SPDX-License-Identifier: BSD-2-Clause */
/* What the flows of one UDP listener in one worker share. */
#include "udp/flow_group.h"

void flow_group_publish(struct flow_group *group)
{
	const struct flow_links *oldest = flow_table_oldest(&group->table);

	int64_t oldest_ms = oldest != NULL ? oldest->active_ms : INT64_MAX;

	flow_quota_publish(group->flows_slot, oldest_ms);
	flow_quota_publish(group->descriptors_slot, oldest_ms);
}

void flow_group_cannot_join(struct flow_group *group)
{
	group->joins_replies = false;
	log_msg(LOG_LEVEL_INFO,
		"listener %s: this kernel has no UDP_GRO; datagrams are read one by one",
		group->service->conf->name);
}

void flow_group_note_joining(struct flow_group *group)
{
	size_t least = group->join_max;

	if (group->noted_joining)
		return;
	for (size_t i = 0; i < group->sockets_count; i++)
		if (group->sockets[i] != NULL && group->sockets[i]->reply.join_max < least)
			least = group->sockets[i]->reply.join_max;
	if (least == OUTBOX_JOIN_ALL)
		return;
	group->noted_joining = true;
	log_msg(LOG_LEVEL_INFO,
		"listener %s: the kernel refuses UDP_SEGMENT for datagrams of more than %zu bytes; "
		"those are sent one by one",
		group->service->conf->name, least);
}
