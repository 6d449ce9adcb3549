/* SPDX-License-Identifier: BSD-2-Clause */
/* Who the client is, whether it may, and where it goes. */
#include "service/route.h"

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
	if (service_is_own_listener(service, &route->source, destination))
		return REASON_DESTINATION_DENIED;
	return REASON_DONE;
}

static const struct addr *target_of_family(const struct conf_listener *conf, int family)
{
	const struct addr *target = family == AF_INET ? &conf->target_ipv4 : &conf->target_ipv6;

	return addr_is_set(target) ? target : NULL;
}

static enum close_reason find_target(const struct conf_listener *conf, const struct addr *peer,
				     struct route *route)
{
	bool spoofed = addr_is_set(&route->source);
	int family = addr_family(spoofed ? &route->source : peer);
	const struct addr *target = target_of_family(conf, family);

	/* From mmproxy's own address any family will do. */
	if (target == NULL && !spoofed)
		target = target_of_family(conf, family == AF_INET ? AF_INET6 : AF_INET);
	if (target == NULL)
		return REASON_NO_TARGET;
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
		route->source = *peer;
	else if (names_client(header))
		route->source = header->src;

	if (addr_is_set(&route->source) && !is_usable_source(&route->source, peer))
		return REASON_SOURCE_INVALID;
	/* LOCAL is the balancer itself, asking after the server's health; allowed_subnets let it
	 * in. */
	if (!local &&
	    !route_allows_client(conf, addr_is_set(&route->source) ? &route->source : peer))
		return REASON_CLIENT_DENIED;
	/* Who is denied at run time is a client, never a peer that speaks for others. */
	if (addr_is_set(&route->source) && is_denied(service, &route->source))
		return REASON_CLIENT_DENIED;
	if (conf->dynamic_destination && header != NULL && names_client(header))
		reason = find_destination(service, header, route);
	else
		reason = find_target(conf, peer, route);
	if (reason != REASON_DONE)
		return reason;
	/* A socket connected to its own address and port talks to itself (RFC 9293, section 3.5).
	 */
	if (addr_equal(&route->source, &route->target))
		return REASON_SOURCE_INVALID;
	return REASON_DONE;
}
