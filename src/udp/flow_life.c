/* SPDX-License-Identifier: BSD-2-Clause */
/* The beginning and the end of a flow. */
#include "udp/flow_life.h"

#include <sys/epoll.h>

#include "base/clock.h"
#include "udp/flow_log.h"
#include "udp/flow_up.h"

static int watch(struct flow *flow)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = flow};

	return epoll_ctl(flow->group->epoll_fd, EPOLL_CTL_ADD, flow->fd, &event);
}

/* What was dropped tells that the backend is not well. */
static bool is_healthy_check(const struct flow *flow)
{
	return flow->is_check && flow->dropped == 0 && flow->icmp_errors == 0;
}

int flow_life_begin(struct flow *flow, const struct proxy_header *header, int64_t now_ms)
{
	struct flow_group *group = flow->group;

	if (header != NULL && tlv_copy_new(header, &flow->tlvs) < 0)
		return -1;
	if (watch(flow) < 0 || flow_table_add(&group->table, &flow->links, now_ms) < 0)
		return -1;
	/* Before anyone can know of it, lest another worker find none that could make room. */
	flow_group_publish(group);
	flow->opened_ms = now_ms;
	if (header != NULL) {
		flow->header_version = header->version;
		flow->is_check = header->command == PROXY_COMMAND_LOCAL;
	}
	stats_add(&group->stats->opened, 1);
	descriptor_share_enter(&group->registry->descriptors);
	return 0;
}

void flow_life_end(struct flow *flow, enum close_reason reason)
{
	struct flow_group *group = flow->group;

	/* What came just now still goes out. */
	if (flow->first_segment != UDP_SEGMENT_NONE)
		flow_up_send(group);
	if (is_healthy_check(flow))
		reason = reason_of_check(reason);
	flow_log_end(flow, reason);
	flow_table_remove(&group->table, &flow->links);
	flow_group_publish(group);
	stats_add(&group->stats->closed[reason], 1);
	client_limits_leave(flow->client_place, clock_now_ms());
	service_leave(flow->service);
	descriptor_share_leave(&group->registry->descriptors);
	flow_abandon(flow);
}

void flow_life_displace(struct flow *flow, enum close_reason reason)
{
	stats_add(&flow->group->stats->displaced, 1);
	flow_life_end(flow, reason);
}
