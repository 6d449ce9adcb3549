/* SPDX-License-Identifier: BSD-2-Clause */
/* Who the client is, whether it may, and where it goes: the decisions between header and dial. */
#ifndef MMPROXY_ROUTE_H
#define MMPROXY_ROUTE_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/reason.h"
#include "proxyproto/proxy_header.h"
#include "service/service.h"

struct route {
	struct addr
	    source; /* the client, whose address to connect from; AF_UNSPEC: mmproxy's own */
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

/* Whether the client lists let this client be served. Any thread. */
bool route_allows_client(const struct conf_listener *conf, const struct addr *client);

#endif
