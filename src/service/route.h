/* SPDX-License-Identifier: BSD-2-Clause */
/* Who the client is, whether it may, and where it goes: the decisions between header and dial. */
#ifndef MMPROXY_ROUTE_H
#define MMPROXY_ROUTE_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/reason.h"
#include "proxyproto/proxy_header.h"
#include "service/pseudo_ipv4.h"
#include "service/service.h"

struct route {
	struct addr client; /* AF_UNSPEC: none is named */
	struct addr source; /* to connect from: the client's, or one of pseudo_ipv4 that stands for
			       it; AF_UNSPEC: mmproxy's own */
	struct addr target;
};

/*
 * Decide for a peer and its header; NULL for a peer that sends none and is the client itself.
 * Returns REASON_DONE with *route, or the reason for refusing, with as much of *route as was known.
 * The answer follows from the configuration and the header alone, but for two questions: whether
 * the client is on the live deny list, and whether a destination that the header names is this
 * host, which is up to the routing table. Any thread.
 */
enum close_reason route_find(const struct service *service, const struct addr *peer,
			     const struct proxy_header *header, struct route *route);

/*
 * Take the route's source for a connection or flow, which gives *pseudo to pseudo_ipv4_leave() when
 * it ends. NULL in *pseudo where nobody else can have the source. Returns REASON_DONE, or
 * REASON_SOURCE_CONFLICT when it stands for another client now, or REASON_INTERNAL. Any thread.
 */
enum close_reason route_enter(const struct service *service, const struct route *route,
			      struct pseudo_ipv4 **pseudo) __attribute__((warn_unused_result));

/*
 * The source of a route again, from what a connection or flow keeps of it for as long as it lives:
 * 28 bytes less for each.
 */
struct addr route_source(const struct addr *client, const struct addr *target,
			 const struct pseudo_ipv4 *pseudo);

/* Whether the client lists let this client be served. Any thread. */
bool route_allows_client(const struct conf_listener *conf, const struct addr *client);

#endif
