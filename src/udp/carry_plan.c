/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel is told of a flow that it is to carry. */
#include "udp/carry_plan.h"

#include <string.h>

/* The header of version 2 with the addresses of one family and nothing behind them. */
#define V2_IPV4_LEN (PROXY_V2_FIXED_LEN + 12)
#define V2_IPV6_LEN (PROXY_V2_FIXED_LEN + 36)

/* The loopback device's index, in every network namespace (LOOPBACK_IFINDEX in net/flow.h). */
#define LO_INDEX 1

/* For questions about routes: from whatever address. */
static const struct addr unspecified;

_Static_assert(V2_IPV6_LEN <= FASTPATH_HEADER_MAX && PROXY_SPP_LEN <= FASTPATH_HEADER_MAX,
	       "a header fits");

/* Nothing but addresses, in the family of the client. */
static bool is_plain_header(const struct proxy_header *header)
{
	size_t v2_len = addr_family(&header->src) == AF_INET ? V2_IPV4_LEN : V2_IPV6_LEN;

	if (header->version == PROXY_VERSION_SPP)
		return header->header_len == PROXY_SPP_LEN;
	return header->version == 2 && header->header_len == v2_len;
}

/* Whether it is one address of one host, which needs no interface beside it. */
static bool is_usable(const struct addr *addr, int family)
{
	return addr_family(addr) == family && !addr_is_wildcard(addr) &&
	       !addr_is_link_local(addr) && addr_port(addr) != 0;
}

/* Whether the target knows the flow by the client's own address and port. */
static bool speaks_as_client(const struct flow *flow)
{
	const struct addr source = route_source(&flow->client, &flow->target, flow->pseudo_ipv4);

	return !flow->any_port && addr_is_set(&source) && addr_equal(&source, &flow->client);
}

/* Where the load balancer sent the datagram to. */
static void set_listening(const struct intake *intake, struct addr *listening)
{
	const struct addr *bound = &intake->socket->entry.lent.addr;

	*listening = addr_is_set(&intake->path.local) ? intake->path.local : *bound;
	addr_set_port(listening, addr_port(bound));
	addr_unmap(listening);
}

bool carry_plan_make(const struct flow *flow, const struct intake *intake,
		     const struct arrival *arrival, struct fastpath_flow *plan)
{
	const struct proxy_header *header = arrival->header;
	int family = addr_family(&flow->client);

	memset(plan, 0, sizeof(*plan));
	plan->balancer = intake->peer;
	set_listening(intake, &plan->listening);
	plan->spp = header != NULL && header->version == PROXY_VERSION_SPP;
	if (header == NULL || header->command != PROXY_COMMAND_PROXY ||
	    !addr_equal(&header->src, &flow->client) || !is_plain_header(header) ||
	    intake->path.device == 0 || !is_usable(&plan->balancer, family) ||
	    !is_usable(&plan->listening, family) || !is_usable(&flow->client, family) ||
	    !is_usable(&flow->target, family) || addr_family(&header->dst) != family ||
	    addr_is_wildcard(&header->dst) || !speaks_as_client(flow))
		return false;
	plan->interface = intake->path.device;
	plan->client = flow->client;
	plan->destination = header->dst;
	plan->target = flow->target;
	plan->header_len = header->header_len;
	memcpy(plan->header, arrival->bytes, header->header_len);
	return true;
}

bool carry_plan_has_replies_of(const struct fastpath_flow *a, const struct fastpath_flow *b)
{
	/* Those of SPP begin with the header. */
	return addr_equal(&a->balancer, &b->balancer) && addr_equal(&a->listening, &b->listening) &&
	       a->spp == b->spp &&
	       (!a->spp || (a->header_len == b->header_len &&
			    memcmp(a->header, b->header, a->header_len) == 0));
}

bool carry_plan_equal(const struct fastpath_flow *a, const struct fastpath_flow *b)
{
	return carry_plan_has_replies_of(a, b) && a->header_len == b->header_len &&
	       memcmp(a->header, b->header, a->header_len) == 0;
}

/* Whether a packet with this source, which is this host's, arrives at this host itself. */
static bool arrives_here(const struct flow *flow, const struct addr *source,
			 const struct addr *destination)
{
	const struct route_question question = {
	    .destination = *destination, .source = *source, .source_is_own = true};

	return route_lookup_ask(flow->group->service->routes, &question) == ROUTE_HERE;
}

void carry_plan_find_device(const struct flow *flow, struct fastpath_flow *plan)
{
	if (addr_is_loopback(&plan->balancer) || arrives_here(flow, &unspecified, &plan->balancer))
		plan->interface = LO_INDEX;
}

bool carry_plan_is_target_here(const struct flow *flow, const struct fastpath_flow *plan)
{
	return addr_is_loopback(&plan->target) || arrives_here(flow, &unspecified, &plan->target);
}

bool carry_plan_comes_back(const struct flow *flow, const struct fastpath_flow *plan)
{
	return arrives_here(flow, &plan->target, &plan->client);
}
