/* SPDX-License-Identifier: BSD-2-Clause */
/* What the flows of one UDP listener in one worker share. */
#include "udp/flow_group.h"

_Static_assert(offsetof(struct udp_socket, entry) == 0, "udp_socket_of() relies on it");

struct udp_socket *udp_socket_of(struct table_socket *entry)
{
	return (struct udp_socket *)(void *)entry;
}

struct udp_socket *flow_group_socket(const struct flow_group *group, uint32_t number)
{
	return udp_socket_of(socket_table_find(&group->sockets, number));
}

struct udp_socket *flow_group_next_socket(const struct flow_group *group, size_t *at)
{
	return udp_socket_of(socket_table_next(&group->sockets, at));
}

struct udp_socket *flow_group_find_socket(const struct flow_group *group, const struct addr *addr)
{
	struct udp_socket *socket;

	for (size_t at = 0; (socket = flow_group_next_socket(group, &at)) != NULL;)
		if (addr_equal(&socket->entry.lent.addr, addr))
			break;
	return socket;
}

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
	const struct udp_socket *socket;

	if (group->noted_joining)
		return;
	for (size_t at = 0; (socket = flow_group_next_socket(group, &at)) != NULL;)
		if (socket->reply.join_max < least)
			least = socket->reply.join_max;
	if (least == OUTBOX_JOIN_ALL)
		return;
	group->noted_joining = true;
	log_msg(LOG_LEVEL_INFO,
		"listener %s: the kernel refuses UDP_SEGMENT for datagrams of more than %zu bytes; "
		"those are sent one by one",
		group->service->conf->name, least);
}
