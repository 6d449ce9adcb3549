/* SPDX-License-Identifier: BSD-2-Clause */
/* One client's way to the backend and back. */
#include "udp/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net/dial.h"
#include "net/sock.h"
#include "udp/flow_log.h"
#include "udp/udp_context.h"
#include "udp/udp_listener.h"

/* Messages read from one flow a turn, at most; of runs that the kernel joined, far fewer. */
#define READ_BATCH_MAX	      16
#define READ_BATCH_JOINED_MAX 4

/* ICMP errors taken from one flow a turn. */
#define ICMP_MAX 16

/*
 * A flow's receive buffer. The system's default holds three runs of 64 KiB; this one holds what a
 * fast server sends while the worker is busy with others. Only what waits takes memory, and the
 * kernel bounds that for all sockets together (net.ipv4.udp_mem).
 */
#define RECEIVE_BUFFER (2 * 1024 * 1024)

_Static_assert(sizeof(struct flow_key) == CLIENT_PATH_KEY_LEN, "what tells clients apart");
_Static_assert(offsetof(struct flow, links) == 0, "flow_of() relies on it");

static enum close_reason drop_reason(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
		return REASON_CONGESTION;
	case EMSGSIZE:
		return REASON_TOO_LONG;
	default:
		return dial_reason(error);
	}
}

/* ---- opening and closing ---- */

static int dial_target(struct flow *flow, enum close_reason *reason)
{
	const struct conf_listener *conf = flow->listener->service->conf;
	struct dial_request request = {
	    .source = flow->source,
	    .any_port = addr_is_set(&flow->source) && conf->source_port == CONF_SOURCE_EPHEMERAL,
	    .target = flow->target,
	    .mark = conf->mark,
	    .datagrams = true,
	};
	int fd = dial(&request, reason);

	if (fd < 0 && *reason == REASON_SOURCE_CONFLICT &&
	    conf->source_port == CONF_SOURCE_FALLBACK && !request.any_port) {
		request.any_port = true;
		fd = dial(&request, reason);
		if (fd >= 0)
			stats_add(&flow->listener->stats.source_fallbacks, 1);
	}
	flow->any_port = request.any_port;
	return fd;
}

static int watch(struct flow *flow)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = flow};

	return epoll_ctl(flow->listener->epoll_fd, EPOLL_CTL_ADD, flow->fd, &event);
}

/* Flows from mmproxy's own address are nobody else's: each has a port of its own. */
static int join_workers(struct flow *flow)
{
	struct service *service = flow->listener->service;

	if (service->quota.count < 2 || flow->links.key.kind != FLOW_OF_CLIENT)
		return 0;
	flow->client_path = client_path_join(&service->client_path,
					     (const uint8_t *)(const void *)&flow->links.key);
	return flow->client_path != NULL ? 0 : -1;
}

struct flow *flow_dial(struct udp_listener *listener, const struct flow_key *key,
		       const struct route *route, enum close_reason *reason)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	*reason = REASON_INTERNAL;
	if (flow == NULL)
		return NULL;
	flow->listener = listener;
	flow->links.key = *key;
	flow->source = route->source;
	flow->target = route->target;
	flow->first_segment = UDP_SEGMENT_NONE;
	flow->read_batch = 1;
	flow->fd = dial_target(flow, reason);
	if (flow->fd < 0) {
		free(flow);
		return NULL;
	}
	udp_sock_set_buffers(flow->fd, RECEIVE_BUFFER, 0);
	if (listener->joins_replies && udp_sock_set_gro(flow->fd) < 0)
		udp_listener_cannot_join(listener);
	return flow;
}

void flow_abandon(struct flow *flow)
{
	close(flow->fd);
	client_path_leave(&flow->listener->service->client_path, flow->client_path);
	tlv_copy_free(flow->tlvs);
	free(flow);
}

int flow_enter(struct flow *flow, const struct proxy_header *header, int64_t now_ms)
{
	struct udp_listener *listener = flow->listener;

	if (join_workers(flow) < 0 || watch(flow) < 0 ||
	    flow_table_add(&listener->table, &flow->links, now_ms) < 0)
		return -1;
	/* Before anyone can know of it, lest another worker find none that could make room. */
	udp_listener_publish(listener);
	flow->opened_ms = now_ms;
	if (header != NULL) {
		flow->header_version = header->version;
		flow->tlvs = tlv_copy_new(header);
	}
	stats_add(&listener->stats.opened, 1);
	return 0;
}

void flow_close(struct flow *flow, enum close_reason reason)
{
	struct udp_listener *listener = flow->listener;

	/* What came just now still goes out. */
	if (flow->first_segment != UDP_SEGMENT_NONE)
		flow_send_gathered(listener);
	flow_log_end(flow, reason);
	flow_table_remove(&listener->table, &flow->links);
	udp_listener_publish(listener);
	stats_add(&listener->stats.closed[reason], 1);
	service_leave(listener->service);
	flow_abandon(flow);
}

/* ---- where it is ---- */

void flow_set_reply(struct flow *flow, const struct reply_path *reply)
{
	bool moved = flow->reply.socket != reply->socket ||
		     flow->reply.header_len != reply->header_len ||
		     memcmp(flow->reply.header, reply->header, reply->header_len) != 0 ||
		     !udp_path_equal(&flow->reply.path, &reply->path);

	if (moved)
		flow->reply = *reply;
	/* Only what is news to the other workers is told, so that a lock is rare. */
	if (flow->client_path != NULL &&
	    (moved || flow->client_path_version != client_path_version(flow->client_path)))
		flow->client_path_version = client_path_set(flow->client_path, reply);
}

/* Another worker may have heard of it since. */
static void update_reply(struct flow *flow)
{
	if (flow->client_path != NULL &&
	    flow->client_path_version != client_path_version(flow->client_path))
		flow->client_path_version = client_path_get(flow->client_path, &flow->reply);
}

/* ---- to the backend ---- */

static void on_sent(struct flow *flow, enum stats_direction direction, uint32_t datagrams,
		    uint64_t bytes, int error)
{
	struct stats *stats = &flow->listener->stats;

	if (error == 0) {
		flow->datagrams[direction] += datagrams;
		flow->bytes[direction] += bytes;
		stats_add(&stats->datagrams[direction], datagrams);
		stats_add(&stats->bytes[direction], bytes);
	} else {
		flow->dropped += datagrams;
		stats_add(&stats->dropped[drop_reason(error)], datagrams);
	}
}

static void on_sent_up(void *owner, uint32_t datagrams, uint64_t bytes, int error)
{
	on_sent(owner, STATS_UP, datagrams, bytes, error);
}

/* Send a flow's segments, and leave it without any. */
static void send_segments(struct flow *flow)
{
	struct udp_listener *listener = flow->listener;
	struct udp_context *context = listener->context;
	const struct udp_segment *segment = &context->segments[flow->first_segment];
	struct outbox *outbox = &context->up;
	bool more = true;

	flow->first_segment = UDP_SEGMENT_NONE;
	/* By far the most common; a failure may be an error of a former datagram, so it is sent
	 * again. */
	if (segment->next == UDP_SEGMENT_NONE &&
	    send(flow->fd, segment->payload, segment->len, MSG_DONTWAIT) >= 0) {
		on_sent(flow, STATS_UP, 1, segment->len, 0);
		return;
	}
	while (more) {
		const struct outbox_item item = {
		    .owner = flow,
		    .payload = segment->payload,
		    .len = segment->len,
		};
		bool full;

		outbox_put(outbox, &item, listener->join_max, &full);
		if (!full) {
			more = segment->next != UDP_SEGMENT_NONE;
			if (more)
				segment = &context->segments[segment->next];
		}
		if (full || !more)
			(void)outbox_flush(outbox, flow->fd, &listener->join_max, on_sent_up);
	}
	udp_listener_note_joining(listener);
}

void flow_send_gathered(struct udp_listener *listener)
{
	struct udp_context *context = listener->context;

	while (context->gathered != NULL) {
		struct flow *flow = context->gathered;

		context->gathered = flow->gathered_next;
		flow->gathered_next = NULL;
		send_segments(flow);
	}
	context->segments_count = 0;
}

void flow_gather(struct flow *flow, const uint8_t *payload, size_t len)
{
	struct udp_context *context = flow->listener->context;
	uint32_t index;

	if (context->segments_count == UDP_CONTEXT_SEGMENTS)
		flow_send_gathered(flow->listener);
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

/* ---- from the backend ---- */

static void count_icmp_error(struct flow *flow, int error)
{
	struct stats *stats = &flow->listener->stats;

	flow->icmp_errors++;
	stats_add(&stats->icmp_errors, 1);
	stats_add(&stats->dropped[drop_reason(error)], 1);
}

/* Errors are datagrams that were lost on the way there: counted, and nothing else. */
static void take_icmp_errors(struct flow *flow)
{
	int error = 0;

	for (int i = 0; i < ICMP_MAX && error >= 0; i++) {
		error = udp_sock_take_icmp(flow->fd);
		if (error > 0)
			count_icmp_error(flow, error);
		/* One that the queue had no room for is pending all the same, and would wake us for
		 * ever. */
		if (error < 0 && i == 0 && (error = sock_take_error(flow->fd)) > 0)
			count_icmp_error(flow, error);
	}
}

/* The socket that answers from where the load balancer had sent to; -1 with errno if none can. */
static int reply_fd(const struct flow *flow, const struct udp_socket *socket)
{
	const struct addr *local = &flow->reply.path.local;

	/* Only listen_transparent tells of a port. */
	if (addr_port(local) == 0 || addr_port(local) == socket->port)
		return socket->fd;
	return reply_sockets_get(&flow->listener->reply_sockets, local);
}

static void put_reply(struct flow *flow, const uint8_t *payload, size_t len, size_t segment_len)
{
	struct udp_context *context = flow->listener->context;
	/* Every worker has the same sockets in the same order. */
	struct udp_socket *socket = &flow->listener->sockets[flow->reply.socket];
	struct outbox_item item = {
	    .owner = flow,
	    .path = &flow->reply.path,
	    .header = flow->reply.header,
	    .header_len = flow->reply.header_len,
	    .payload = payload,
	    .len = len,
	    .segment_len = segment_len,
	};
	int fd = reply_fd(flow, socket);
	bool full;

	if (fd < 0) {
		on_sent(flow, STATS_DOWN, 1, len, errno);
		return;
	}
	/* One socket at a time sends what the outbox holds. */
	if (context->replying != socket || context->replying_fd != fd)
		udp_listener_send_replies(flow->listener);
	do {
		size_t put = outbox_put(&context->down, &item, socket->join_max, &full);

		context->replying = socket;
		context->replying_fd = fd;
		item.payload += put;
		item.len -= put;
		if (full)
			udp_listener_send_replies(flow->listener);
	} while (full);
}

void flow_sent_down(void *owner, uint32_t datagrams, uint64_t bytes, int error)
{
	on_sent(owner, STATS_DOWN, datagrams, bytes, error);
}

void flow_read(struct flow *flow, uint32_t events, size_t *used, int64_t now_ms)
{
	struct udp_listener *listener = flow->listener;
	struct udp_context *context = listener->context;
	size_t want = flow->read_batch;
	bool joined = false;
	int got;

	/* First: reading data would meet the error of the queue's head instead. */
	if (events & EPOLLERR)
		take_icmp_errors(flow);
	if (!(events & EPOLLIN))
		return;
	if (want > UDP_CONTEXT_MESSAGES - *used) {
		udp_listener_send_replies(listener);
		*used = 0;
	}
	got = udp_context_receive(context, flow->fd, *used, want, false);
	if (got <= 0)
		return;
	update_reply(flow);
	flow_table_touch(&listener->table, &flow->links, now_ms);
	for (size_t i = *used; i < *used + (size_t)got; i++) {
		struct mmsghdr *message = &context->in[i];
		struct udp_path unused;
		size_t segment_len = udp_sock_read_control(&message->msg_hdr, &unused);

		joined |= segment_len != 0 && segment_len < message->msg_len;
		put_reply(flow, message->msg_hdr.msg_iov->iov_base, message->msg_len, segment_len);
	}
	*used += (size_t)got;
	if ((size_t)got < want)
		want = (size_t)got;
	else
		want = want * 2 < READ_BATCH_MAX ? want * 2 : READ_BATCH_MAX;
	flow->read_batch =
	    (uint8_t)(joined && want > READ_BATCH_JOINED_MAX ? READ_BATCH_JOINED_MAX : want);
}
