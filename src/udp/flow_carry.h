/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flow that the kernel carries: given to it behind its second datagram, counted while it is
 * there, and taken back.
 *
 * The flow keeps its socket and its place in every table. Whatever the kernel does not carry, or
 * not any more, reaches user space, which goes on with it as with any flow.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_FLOW_CARRY_H
#define MMPROXY_FLOW_CARRY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "fastpath/fastpath.h"
#include "udp/arrival.h"
#include "udp/flow.h"

/* Of a flow that the kernel carries, has carried, or was to carry. */
struct flow_carry {
	struct flow *flow;
	TAILQ_ENTRY(flow_carry) carried;
	STAILQ_ENTRY(flow_carry) wanted;
	bool is_wanted;
	struct fastpath_place place;   /* its number is 0: not carried now */
	struct fastpath_flow plan;     /* of the datagrams that are carried, or are to be */
	uint32_t device;	       /* that the kernel names for them */
	unsigned version;	       /* of the group's settings that it was given under */
	struct fastpath_counts counts; /* that the flow has in its own already */
	int64_t looked_ms;	       /* when these were read */
	int64_t again_ms;	       /* not to be given before this */
	int64_t unanswered_ms; /* the first look since which datagrams went up alone; 0: none */
	bool answered;	       /* since it was given */
	bool replied;	       /* to user space, since the last look */
	int64_t anew_ms;       /* not to be given anew before this because of such replies */
	int64_t anew_wait_ms;
	unsigned moves; /* since moves_ms */
	int64_t moves_ms;
};

static inline bool flow_carry_is_on(const struct flow *flow)
{
	return flow->carry != NULL && flow->carry->place.number != 0;
}

/*
 * A datagram of the flow came to user space and is being sent: take the flow back if its datagrams
 * come in another way now, and want it carried if it can be.
 */
void flow_carry_note(struct flow *flow, const struct intake *intake, const struct arrival *arrival);

/*
 * A reply came to user space. Of a flow that the kernel carries that is one that it does not, such
 * as one that is too long for a device; or all of them, because the kernel has seen a datagram of
 * the client that came in another way.
 */
static inline void flow_carry_note_reply(struct flow *flow)
{
	if (flow->carry != NULL)
		flow->carry->replied = true;
}

/* Give the flows that are wanted to the kernel, when what came of them has been sent. */
void flow_carry_give_wanted(struct flow_group *group, int64_t now_ms);

/* Take in what the kernel has carried. Does nothing for a flow that it does not carry. */
void flow_carry_look(struct flow *flow, int64_t now_ms);

/* Take the flow back, with what was carried. Likewise. */
void flow_carry_stop(struct flow *flow);

/* The same, and not to be given again for so long. */
void flow_carry_rest(struct flow *flow, int64_t now_ms, int64_t rest_ms);

/* The flow ends, or goes on in another process. */
void flow_carry_free(struct flow *flow);

/*
 * The flow idle longest, or NULL, with what the kernel has carried taken in; of many that are busy
 * there, any.
 */
struct flow_links *flow_carry_oldest(struct flow_group *group, int64_t now_ms);

#endif
