/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel is told of a flow that it is to carry, and whether the host is such that it can.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_CARRY_PLAN_H
#define MMPROXY_CARRY_PLAN_H

#include <stdbool.h>

#include "fastpath/fastpath.h"
#include "udp/arrival.h"
#include "udp/flow.h"

/*
 * Say how datagrams like this one of the flow would be carried. Returns false when they are not of
 * the kind that is: then only the plan's balancer, listening and spp are those of the datagram.
 * Asks nobody.
 */
bool carry_plan_make(const struct flow *flow, const struct intake *intake,
		     const struct arrival *arrival, struct fastpath_flow *plan);

/* Whether both have the same datagrams carried, with replies to the same place, by any device. */
bool carry_plan_equal(const struct fastpath_flow *a, const struct fastpath_flow *b);

/* Whether replies of both go to the same place and look the same. */
bool carry_plan_has_replies_of(const struct fastpath_flow *a, const struct fastpath_flow *b);

/* What the routing table says of a plan. */
enum carry_routes {
	CARRY_ROUTES_FIT,
	CARRY_ROUTES_NO_TARGET,	  /* the target is not on this host */
	CARRY_ROUTES_NO_WAY_BACK, /* its answers to the client do not come back over lo */
};

/*
 * Ask it. An answer that comes back by a connection's mark alone does not count: what is carried
 * does not keep the kernel's memory of the connection alive. Corrects the device of a load balancer
 * on this host.
 */
enum carry_routes carry_plan_ask(const struct flow *flow, struct fastpath_flow *plan);

#endif
