/* SPDX-License-Identifier: BSD-2-Clause */
/* Who the client is, whether it may, and where it goes. */
#include "service/route.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static bool names_client(const struct proxy_header *header)
{
	return header->command == PROXY_COMMAND_PROXY &&
	       (header->family == PROXY_FAMILY_INET || header->family == PROXY_FAMILY_INET6);
}

/* A header never buys an address that its sender could not use itself. */
static bool is_usable_source(const struct addr *source, const struct addr *peer)
{
	if (addr_is_martian_source(source))
		return false;
	return !addr_is_loopback(source) || addr_is_loopback(peer);
}

bool route_allows_client(const struct conf_listener *conf, const struct addr *client)
{
	if (conf->denied_clients != NULL && netset_contains(conf->denied_clients, client))
		return false;
	return conf->allowed_clients == NULL || netset_contains(conf->allowed_clients, client);
}

/* Whether a client is on the live deny list, which counts that. */
static bool is_denied(const struct service *service, const struct addr *client)
{
	return service->denied != NULL && deny_list_denies(service->denied, client);
}

static enum close_reason find_destination(const struct service *service,
					  const struct proxy_header *header, struct route *route)
{
	const struct conf_listener *conf = service->conf;
	const struct addr *destination = &header->dst;

	/* Part of what the log shows of a refusal. */
	route->target = *destination;
	if (addr_family(destination) != addr_family(&header->src) || addr_port(destination) == 0 ||
	    addr_is_wildcard(destination) || addr_is_link_local(destination))
		return REASON_DESTINATION_DENIED;
	if (conf->allowed_destinations != NULL &&
	    !netset_contains(conf->allowed_destinations, destination))
		return REASON_DESTINATION_DENIED;
	if (service_is_own_listener(service, &route->client, destination))
		return REASON_DESTINATION_DENIED;
	route->source = route->client;
	return REASON_DONE;
}

static const struct addr *target_of_family(const struct conf_listener *conf, int family)
{
	const struct addr *target = family == AF_INET ? &conf->target_ipv4 : &conf->target_ipv6;

	return addr_is_set(target) ? target : NULL;
}

/* An IPv6 client where there is only an IPv4 target. */
static enum close_reason find_other_way(const struct service *service, struct route *route)
{
	switch (service->conf->ipv6_clients) {
	case CONF_IPV6_REFUSE:
		return REASON_NO_TARGET;
	case CONF_IPV6_PLAIN:
		break;
	case CONF_IPV6_PSEUDO_IPV4:
		route->source = pseudo_ipv4_of(service->pseudo_ipv4, &route->client);
		break;
	}
	route->target = service->conf->target_ipv4;
	return REASON_DONE;
}

static enum close_reason find_target(const struct service *service, const struct addr *peer,
				     struct route *route)
{
	const struct conf_listener *conf = service->conf;
	bool named = addr_is_set(&route->client);
	int family = addr_family(named ? &route->client : peer);
	const struct addr *target = target_of_family(conf, family);

	if (target == NULL && named && family == AF_INET6 && addr_is_set(&conf->target_ipv4))
		return find_other_way(service, route);
	/* From mmproxy's own address any family will do. */
	if (target == NULL && !named)
		target = target_of_family(conf, family == AF_INET ? AF_INET6 : AF_INET);
	if (target == NULL)
		return REASON_NO_TARGET;
	route->source = route->client;
	route->target = *target;
	return REASON_DONE;
}

enum close_reason route_find(const struct service *service, const struct addr *peer,
			     const struct proxy_header *header, struct route *route)
{
	const struct conf_listener *conf = service->conf;
	bool local = header != NULL && header->command == PROXY_COMMAND_LOCAL;
	enum close_reason reason;

	memset(route, 0, sizeof(*route));
	if (header == NULL)
		route->client = *peer;
	else if (names_client(header))
		route->client = header->src;

	if (addr_is_set(&route->client) && !is_usable_source(&route->client, peer))
		return REASON_SOURCE_INVALID;
	/* LOCAL is the balancer itself, asking after the server's health; allowed_subnets let it
	 * in. */
	if (!local &&
	    !route_allows_client(conf, addr_is_set(&route->client) ? &route->client : peer))
		return REASON_CLIENT_DENIED;
	/* Who is denied at run time is a client, never a peer that speaks for others. */
	if (addr_is_set(&route->client) && is_denied(service, &route->client))
		return REASON_CLIENT_DENIED;
	if (conf->dynamic_destination && header != NULL && names_client(header))
		reason = find_destination(service, header, route);
	else
		reason = find_target(service, peer, route);
	if (reason != REASON_DONE)
		return reason;
	/* A socket connected to its own address and port talks to itself (RFC 9293, section 3.5).
	 */
	if (addr_equal(&route->source, &route->target))
		return REASON_SOURCE_INVALID;
	return REASON_DONE;
}

enum close_reason route_enter(const struct service *service, const struct route *route,
			      struct pseudo_ipv4 **pseudo)
{
	*pseudo = NULL;
	/* A client that has such an address itself must not meet one that only seems to. */
	if (service->pseudo_ipv4 == NULL || !pseudo_ipv4_is_in_range(&route->source))
		return REASON_DONE;
	*pseudo = pseudo_ipv4_enter(service->pseudo_ipv4, &route->source, &route->client);
	if (*pseudo != NULL)
		return REASON_DONE;
	return errno == EADDRINUSE ? REASON_SOURCE_CONFLICT : REASON_INTERNAL;
}

struct addr route_source(const struct addr *client, const struct addr *target,
			 const struct pseudo_ipv4 *pseudo)
{
	if (pseudo != NULL)
		return pseudo_ipv4_address(pseudo, addr_port(client));
	/* To a target of the other family a client is connected from mmproxy's own address. */
	if (addr_family(client) != addr_family(target))
		return (struct addr){0};
	return *client;
}
