/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams on their way back to the load balancer. */
#include "udp/flow_down.h"

#include <errno.h>
#include <sys/epoll.h>

#include "net/sock.h"

/* Messages read from one flow a turn, at most; of runs that the kernel joined, far fewer. */
#define READ_BATCH_MAX	      16
#define READ_BATCH_JOINED_MAX 4

/* ICMP errors taken from one flow a turn. */
#define ICMP_MAX 16

static void count_icmp_error(struct flow *flow, int error)
{
	struct stats *stats = &flow->group->stats;

	flow->icmp_errors++;
	stats_add(&stats->icmp_errors, 1);
	stats_add(&stats->dropped[flow_drop_reason(error)], 1);
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

static void on_sent_down(void *owner, uint32_t datagrams, uint64_t bytes, int error)
{
	flow_count_sent(owner, STATS_DOWN, datagrams, bytes, error);
}

void flow_down_flush(struct flow_group *group)
{
	struct udp_context *context = group->context;
	struct udp_socket *socket = context->replying;

	context->replying = NULL;
	if (socket == NULL || outbox_flush(&context->down, context->replying_fd, &socket->join_max,
					   on_sent_down) == 0)
		return;
	/* Its buffer is full: what is not read waits in the flows' own, where it is not lost. */
	if (event_add(socket->writable, NULL) == 0)
		event_del(group->flows_readable);
}

/* The socket that answers from where the load balancer had sent to; -1 with errno if none can. */
static int reply_fd(const struct flow *flow, const struct udp_socket *socket)
{
	const struct addr *local = &flow->reply.path.local;

	/* Only listen_transparent tells of a port. */
	if (addr_port(local) == 0 || addr_port(local) == socket->port)
		return socket->fd;
	return reply_sockets_get(&flow->group->reply_sockets, local);
}

static void put_reply(struct flow *flow, const uint8_t *payload, size_t len, size_t segment_len)
{
	struct udp_context *context = flow->group->context;
	/* Every worker has the same sockets in the same order. */
	struct udp_socket *socket = &flow->group->sockets[flow->reply.socket];
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
		flow_count_sent(flow, STATS_DOWN, 1, len, errno);
		return;
	}
	/* One socket at a time sends what the outbox holds. */
	if (context->replying != socket || context->replying_fd != fd)
		flow_down_flush(flow->group);
	do {
		size_t put = outbox_put(&context->down, &item, socket->join_max, &full);

		context->replying = socket;
		context->replying_fd = fd;
		item.payload += put;
		item.len -= put;
		if (full)
			flow_down_flush(flow->group);
	} while (full);
}

void flow_down_read(struct flow *flow, uint32_t events, size_t *used, int64_t now_ms)
{
	struct flow_group *group = flow->group;
	struct udp_context *context = group->context;
	size_t want = flow->read_batch;
	bool joined = false;
	int got;

	/* First: reading data would meet the error of the queue's head instead. */
	if (events & EPOLLERR)
		take_icmp_errors(flow);
	if (!(events & EPOLLIN))
		return;
	if (want > UDP_CONTEXT_MESSAGES - *used) {
		flow_down_flush(group);
		*used = 0;
	}
	got = udp_context_receive(context, flow->fd, *used, want, false);
	if (got <= 0)
		return;
	flow_update_reply(flow);
	flow_table_touch(&group->table, &flow->links, now_ms);
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
