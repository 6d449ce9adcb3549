/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a target is. */
#include "routing/target_place.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include "net/route_lookup.h"

struct target_place {
	struct route_lookup *routes;
	struct nl_sock *socket;
	struct nl_cache *links;
};

struct target_place *target_place_new(void)
{
	struct target_place *place = calloc(1, sizeof(*place));

	if (place == NULL)
		return NULL;
	place->routes = route_lookup_new();
	place->socket = nl_socket_alloc();
	if (place->routes == NULL || place->socket == NULL ||
	    nl_connect(place->socket, NETLINK_ROUTE) < 0 ||
	    rtnl_link_alloc_cache(place->socket, AF_UNSPEC, &place->links) < 0) {
		target_place_free(place);
		errno = ENOMEM;
		return NULL;
	}
	return place;
}

void target_place_free(struct target_place *place)
{
	if (place == NULL)
		return;
	if (place->links != NULL)
		nl_cache_free(place->links);
	if (place->socket != NULL)
		nl_socket_free(place->socket);
	route_lookup_free(place->routes);
	free(place);
}

/* Whether guests are all that can be at the other end. */
static bool is_guest_port(struct rtnl_link *link)
{
	const char *type = rtnl_link_get_type(link);

	if (type == NULL)
		return false;
	if (strcmp(type, "veth") == 0 || strcmp(type, "netkit") == 0)
		return true;
	/* A tap is an Ethernet; a tun, which VPNs have, is not. */
	return strcmp(type, "tun") == 0 && rtnl_link_get_arptype(link) == ARPHRD_ETHER;
}

static bool has_guest_ports_only(struct nl_cache *links, int bridge)
{
	for (struct nl_object *object = nl_cache_get_first(links); object != NULL;
	     object = nl_cache_get_next(object)) {
		struct rtnl_link *link = (struct rtnl_link *)object;

		if (rtnl_link_get_master(link) == bridge && !is_guest_port(link))
			return false;
	}
	return true;
}

static bool leads_to_guests(struct nl_cache *links, int ifindex)
{
	struct rtnl_link *link = rtnl_link_get(links, ifindex);
	const char *type;
	bool result;

	if (link == NULL)
		return false;
	type = rtnl_link_get_type(link);
	if (type != NULL && strcmp(type, "bridge") == 0)
		result = has_guest_ports_only(links, ifindex);
	else
		result = is_guest_port(link);
	rtnl_link_put(link);
	return result;
}

/* The interface that leads to an address of another host or of a guest; 0: there is no route. */
static int find_interface(struct nl_sock *socket, const struct addr *target)
{
	const void *bytes = addr_family(target) == AF_INET ? (const void *)&target->in.sin_addr
							   : (const void *)&target->in6.sin6_addr;
	size_t len =
	    addr_family(target) == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	struct nl_addr *to = nl_addr_build(addr_family(target), bytes, len);
	struct rtnl_route *route = NULL;
	struct rtnl_nexthop *hop;
	int ifindex = 0;

	if (to == NULL)
		return 0;
	if (rtnl_route_lookup(socket, to, &route) >= 0 && route != NULL) {
		hop = rtnl_route_nexthop_n(route, 0);
		if (hop != NULL && rtnl_route_get_type(route) == RTN_UNICAST)
			ifindex = rtnl_route_nh_get_ifindex(hop);
		rtnl_route_put(route);
	}
	nl_addr_put(to);
	return ifindex;
}

enum return_place target_place_find(struct target_place *place, const struct addr *target,
				    uint32_t mark)
{
	const struct route_question question = {.destination = *target, .mark = mark};
	int ifindex;

	if (route_lookup_ask(place->routes, &question) == ROUTE_HERE)
		return RETURN_PLACE_HERE;
	ifindex = find_interface(place->socket, target);
	if (ifindex == 0)
		return RETURN_PLACE_NONE;
	return leads_to_guests(place->links, ifindex) ? RETURN_PLACE_GUEST : RETURN_PLACE_OTHER;
}
