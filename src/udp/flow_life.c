/* SPDX-License-Identifier: BSD-2-Clause */
/* The beginning and the end of a flow. */
#include "udp/flow_life.h"

#include <sys/epoll.h>

#include "base/clock.h"
#include "udp/flow_carry.h"
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

/* Where its answers are counted: only a client's address needs a way back. */
static struct stats_answers *answers_of(const struct flow *flow)
{
	const struct addr source = route_source(&flow->client, &flow->target, flow->pseudo_ipv4);
	bool ipv6 = addr_family(&flow->target) == AF_INET6;

	return addr_is_set(&source) ? &flow->group->stats->answers[ipv6 ? STATS_IPV6 : STATS_IPV4]
				    : NULL;
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
	flow->answers = answers_of(flow);
	if (header != NULL) {
		flow->header_version = header->version;
		flow->is_check = header->command == PROXY_COMMAND_LOCAL;
	}
	stats_add(&group->stats->opened, 1);
	descriptor_share_enter(&group->registry->descriptors);
	return 0;
}

int flow_life_take(struct flow *flow, int64_t active_ms)
{
	struct flow_group *group = flow->group;

	if (watch(flow) < 0 || flow_table_add(&group->table, &flow->links, active_ms) < 0)
		return -1;
	flow->answers = answers_of(flow);
	service_enter(flow->service);
	flow->client_place = service_enter_client(flow->service, &flow->client, clock_now_ms());
	flow_group_publish(group);
	descriptor_share_enter(&group->registry->descriptors);
	return 0;
}

/* The limits know of it no more. */
static void leave(struct flow *flow)
{
	struct flow_group *group = flow->group;

	/* Closing does that only where no other process has the same open socket. */
	if (flow->shared)
		(void)epoll_ctl(group->epoll_fd, EPOLL_CTL_DEL, flow->fd, NULL);
	flow_carry_free(flow);
	flow_table_remove(&group->table, &flow->links);
	flow_group_publish(group);
	client_limits_leave(flow->client_place, clock_now_ms());
	service_leave(flow->service);
	descriptor_share_leave(&group->registry->descriptors);
}

void flow_life_pass_on(struct flow *flow)
{
	leave(flow);
	flow_abandon(flow);
}

void flow_life_end(struct flow *flow, enum close_reason reason)
{
	struct flow_group *group = flow->group;

	/* What came just now still goes out. */
	if (flow->first_segment != UDP_SEGMENT_NONE)
		flow_up_send(group);
	flow_carry_stop(flow);
	if (is_healthy_check(flow))
		reason = reason_of_check(reason);
	flow_log_end(flow, reason);
	stats_add(&group->stats->closed[reason], 1);
	leave(flow);
	flow_abandon(flow);
}

void flow_life_displace(struct flow *flow, enum close_reason reason)
{
	stats_add(&flow->group->stats->displaced, 1);
	flow_life_end(flow, reason);
}
