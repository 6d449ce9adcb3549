/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel is asked to add or delete. */
#include "routing/return_request.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <netlink/netlink.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>

/* The metric that the kernel gives to routes of IPv6 (IP6_RT_PRIO_USER). */
#define IPV6_METRIC 1024

static struct rtnl_route *make_route(const struct return_item *item)
{
	struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct nl_addr *anywhere = NULL;

	if (route == NULL || hop == NULL || nl_addr_parse("default", item->family, &anywhere) < 0 ||
	    rtnl_route_set_dst(route, anywhere) < 0 ||
	    rtnl_route_set_family(route, (uint8_t)item->family) < 0 ||
	    rtnl_route_set_type(route, RTN_LOCAL) < 0)
		goto fail;
	rtnl_route_set_table(route, item->table);
	rtnl_route_set_scope(route, item->family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE);
	rtnl_route_set_protocol(route, RETURN_PLAN_PROTOCOL);
	if (item->family == AF_INET6)
		rtnl_route_set_priority(route, IPV6_METRIC);
	rtnl_route_nh_set_ifindex(hop, (int)if_nametoindex("lo"));
	rtnl_route_add_nexthop(route, hop);
	nl_addr_put(anywhere);
	return route;

fail:
	if (route != NULL)
		rtnl_route_put(route);
	if (hop != NULL)
		rtnl_route_nh_free(hop);
	nl_addr_put(anywhere);
	return NULL;
}

static int set_from(struct rtnl_rule *rule, const struct return_item *item)
{
	const void *bytes = item->family == AF_INET ? (const void *)&item->from.in.sin_addr
						    : (const void *)&item->from.in6.sin6_addr;
	size_t len = item->family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	struct nl_addr *from = nl_addr_build(item->family, bytes, len);
	int result = -NLE_NOMEM;

	if (from == NULL)
		return result;
	nl_addr_set_prefixlen(from, item->from_bits);
	result = rtnl_rule_set_src(rule, from);
	nl_addr_put(from);
	return result < 0 ? result : rtnl_rule_set_iif(rule, "lo");
}

static struct rtnl_rule *make_rule(const struct return_item *item)
{
	struct rtnl_rule *rule = rtnl_rule_alloc();

	if (rule == NULL)
		return NULL;
	rtnl_rule_set_family(rule, item->family);
	rtnl_rule_set_action(rule, FR_ACT_TO_TBL);
	rtnl_rule_set_table(rule, item->table);
	rtnl_rule_set_prio(rule, RETURN_PLAN_PREFERENCE);
	if (item->mark != 0)
		rtnl_rule_set_mark(rule, item->mark);
	if ((addr_is_set(&item->from) && set_from(rule, item) < 0) ||
	    rtnl_rule_set_protocol(rule, RETURN_PLAN_PROTOCOL) < 0 ||
	    (item->ipproto != 0 && rtnl_rule_set_ipproto(rule, item->ipproto) < 0) ||
	    (item->port != 0 && rtnl_rule_set_sport(rule, item->port) < 0)) {
		rtnl_rule_put(rule);
		return NULL;
	}
	return rule;
}

struct nl_msg *return_request_new(const struct return_item *item, bool add)
{
	const int flags = add ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct nl_msg *message = NULL;

	if (item->kind == RETURN_ROUTE) {
		struct rtnl_route *route = make_route(item);

		if (route == NULL)
			return NULL;
		(void)(add ? rtnl_route_build_add_request(route, flags, &message)
			   : rtnl_route_build_del_request(route, flags, &message));
		rtnl_route_put(route);
	} else {
		struct rtnl_rule *rule = make_rule(item);

		if (rule == NULL)
			return NULL;
		(void)(add ? rtnl_rule_build_add_request(rule, flags, &message)
			   : rtnl_rule_build_delete_request(rule, flags, &message));
		rtnl_rule_put(rule);
	}
	return message;
}
