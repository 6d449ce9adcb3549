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

/* Whether the routing table says that the target is on this host. */
bool carry_plan_is_target_here(const struct flow *flow, const struct fastpath_flow *plan);

/*
 * Whether it says that the target's answers to the client come back over lo. That they come back by
 * a connection's mark does not count: what is carried does not keep the kernel's memory of the
 * connection alive.
 */
bool carry_plan_comes_back(const struct flow *flow, const struct fastpath_flow *plan);

/*
 * Correct the device of a load balancer on this host: the kernel names the one that has the address
 * that datagrams were sent to, though between addresses of this host they go by lo.
 */
void carry_plan_find_device(const struct flow *flow, struct fastpath_flow *plan);

#endif
