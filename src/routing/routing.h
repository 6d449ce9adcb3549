/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The return routes of a configuration with routing.manage: set up, kept up and taken away.
 *
 * What bears mmproxy's marks (RETURN_PLAN_PROTOCOL, the comment in nftables) is its own, whoever of
 * its processes set it up: it is adopted, not added again. Nothing else is changed, but for the nft
 * table "mmproxy". A daemon and its successor may both hold the same routes; two that are to run
 * beside each other need tables of their own.
 *
 * Main thread: calls wait for the kernel's answers. Failures are logged here.
 */
#ifndef MMPROXY_ROUTING_H
#define MMPROXY_ROUTING_H

#include <stdbool.h>

#include "conf/conf.h"
#include "routing/return_plan.h"

struct routing;

/* Whether libnl-route was built in; without it no configuration may have routing.manage. */
bool routing_is_built(void);

/* Nothing is asked of the kernel yet. NULL when memory is out. */
struct routing *routing_new(void) __attribute__((warn_unused_result));

/*
 * Have what the snapshot needs, or, where it has not routing.manage, nothing. What an earlier
 * snapshot needed stays until no service of that one is in use: see routing_tick(). The first time,
 * what a former process left in the table and is not needed any more goes at once. Returns 0, or -1
 * having logged why, and nothing has changed.
 */
int routing_apply(struct routing *routing, struct conf *conf) __attribute__((warn_unused_result));

/* Remove what only earlier snapshots needed whose services have all ended. */
void routing_tick(struct routing *routing);

/* Remove all that was set up or adopted. */
void routing_remove(struct routing *routing);

/* Leave everything where it is, for another process, and forget it. */
void routing_release(struct routing *routing);

/* NULL is fine. What is set up stays: routing_remove() comes first. */
void routing_free(struct routing *routing);

/* ---- for routing_once ---- */

/* As routing_apply() for a configuration with routing.manage, but nothing is watched. */
int routing_apply_once(struct routing *routing, struct conf *conf)
    __attribute__((warn_unused_result));

/* Remove all that is mmproxy's own in the configuration's routing table. -1: logged. */
int routing_clear(struct routing *routing, const struct conf *conf)
    __attribute__((warn_unused_result));

/* Make the plan of routing_apply_once(). -1: memory is out. */
int routing_plan(const struct routing *routing, const struct conf *conf, struct return_plan *plan)
    __attribute__((warn_unused_result));

#endif
