/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rounds over the flows that the kernel carries, each looked at once a second, a bounded number in
 * a pass of the loop: their counters are taken in, and what should not be carried any more is taken
 * back.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_CARRY_ROUND_H
#define MMPROXY_CARRY_ROUND_H

#include <stdint.h>

#include <event2/event.h>

#include "udp/flow_group.h"

/*
 * So long datagrams may go up alone before the flow is taken back: at first, and once it has had an
 * answer that the kernel carried, when silence is more likely to be the backend's own.
 */
#define CARRY_ROUND_SILENT_MS	    3000
#define CARRY_ROUND_SILENT_LATER_MS 10000

/* Returns 0, or -1 when memory is out; fini is fine then. */
int carry_round_init(struct flow_group *group, struct event_base *base)
    __attribute__((warn_unused_result));

/* No flow is carried any more. */
void carry_round_fini(struct flow_group *group);

/* Give the flows that are wanted to the kernel, and look at them from then on. */
void carry_round_give(struct flow_group *group, int64_t now_ms);

/* Go on, when the group is not paused any more. */
void carry_round_resume(struct flow_group *group);

/*
 * Have all flows that are carried now taken back, because who may be carried, or how, has changed;
 * they are given again behind their next datagram, if they may be.
 */
void carry_round_take_back(struct flow_group *group);

#endif
