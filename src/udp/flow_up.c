/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams on their way to the backend. */
#include "udp/flow_up.h"

#include <sys/socket.h>

static void on_sent_up(void *owner, uint32_t datagrams, uint64_t bytes, int error)
{
	flow_count_sent(owner, STATS_UP, datagrams, bytes, error);
}

/* Send a flow's segments, and leave it without any. */
static void send_segments(struct flow *flow)
{
	struct flow_group *group = flow->group;
	struct udp_context *context = group->context;
	const struct udp_segment *segment = &context->segments[flow->first_segment];
	struct outbox *outbox = &context->up;
	bool more = true;

	flow->first_segment = UDP_SEGMENT_NONE;
	/* Mostly there is one. If that fails, the error may be of a former datagram, so the outbox
	 * sends it again. */
	if (segment->next == UDP_SEGMENT_NONE &&
	    send(flow->fd, segment->payload, segment->len, MSG_DONTWAIT) >= 0) {
		flow_count_sent(flow, STATS_UP, 1, segment->len, 0);
		return;
	}
	while (more) {
		const struct outbox_item item = {
		    .owner = flow,
		    .payload = segment->payload,
		    .len = segment->len,
		};
		bool full;

		outbox_put(outbox, &item, group->join_max, &full);
		if (!full) {
			more = segment->next != UDP_SEGMENT_NONE;
			if (more)
				segment = &context->segments[segment->next];
		}
		if (full || !more)
			(void)outbox_flush(outbox, flow->fd, &group->join_max, on_sent_up);
	}
	flow_group_note_joining(group);
}

void flow_up_send(struct flow_group *group)
{
	struct udp_context *context = group->context;

	while (context->gathered != NULL) {
		struct flow *flow = context->gathered;

		context->gathered = flow->gathered_next;
		flow->gathered_next = NULL;
		send_segments(flow);
	}
	context->segments_count = 0;
}

void flow_up_gather(struct flow *flow, const uint8_t *payload, size_t len)
{
	struct udp_context *context = flow->group->context;
	uint32_t index;

	if (context->segments_count == UDP_CONTEXT_SEGMENTS)
		flow_up_send(flow->group);
	index = (uint32_t)context->segments_count++;
	context->segments[index] = (struct udp_segment){
	    .payload = payload,
	    .len = (uint32_t)len,
	    .next = UDP_SEGMENT_NONE,
	};
	if (flow->first_segment == UDP_SEGMENT_NONE) {
		flow->first_segment = index;
		flow->gathered_next = context->gathered;
		context->gathered = flow;
	} else {
		context->segments[flow->last_segment].next = index;
	}
	flow->last_segment = index;
}
