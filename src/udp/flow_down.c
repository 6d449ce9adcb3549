/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams on their way back to the load balancer. */
#include "udp/flow_down.h"

#include <errno.h>
#include <sys/epoll.h>

#include "net/sock.h"
#include "udp/flow_carry.h"

/* Messages read from one flow a turn, at most; of runs that the kernel joined, far fewer. */
#define READ_BATCH_MAX	      16
#define READ_BATCH_JOINED_MAX 4

/*
 * What a datagram takes of a send buffer, at most: twice its length, since the kernel rounds up to
 * powers of 2, and what describes it.
 */
#define DATAGRAM_COST 1024u

/* The same for a message: the longest, as a run of as many datagrams as the kernel joins. */
#define MESSAGE_COST_MAX (2u * UDP_SOCK_PAYLOAD_MAX + 64u * DATAGRAM_COST)

/* ICMP errors taken from one flow a turn. */
#define ICMP_MAX 16

/* Flows that are told in one pass of the loop that a socket has room. */
#define RESUME_MAX 256

static void count_icmp_error(struct flow *flow, int error)
{
	struct stats *stats = flow->group->stats;

	flow->icmp_errors++;
	stats_add(&stats->icmp_errors, 1);
	stats_add(&stats->dropped[flow_drop_reason(error)], 1);
	if (error == ECONNREFUSED)
		flow_count_refused(flow, 1);
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

/* In a message, which may be a run of datagrams of this length. */
static uint32_t count_datagrams(size_t len, size_t segment_len)
{
	return segment_len != 0 ? (uint32_t)((len + segment_len - 1) / segment_len) : 1;
}

/* A message that could not even be put into the outbox. */
static void count_unsent(struct flow *flow, size_t len, size_t segment_len, int error)
{
	flow_count_sent(flow, STATS_DOWN, count_datagrams(len, segment_len), len, error);
}

void flow_down_flush(struct flow_group *group)
{
	struct udp_context *context = group->context;
	struct reply_socket *socket = context->replying;

	context->replying = NULL;
	if (socket != NULL &&
	    outbox_flush(&context->down, socket->fd, &socket->join_max, on_sent_down) < 0)
		reply_socket_set_full(socket);
}

void flow_down_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct reply_socket *socket = arg;

	(void)fd;
	(void)what;
	socket->full = false;
	for (int i = 0; i < RESUME_MAX && !TAILQ_EMPTY(&socket->waiting); i++)
		flow_resume(TAILQ_FIRST(&socket->waiting));
	/* The next ones have their turn in the next pass of the loop. */
	if (!TAILQ_EMPTY(&socket->waiting))
		(void)event_add(socket->writable, NULL);
}

/* The socket that this flow's replies go by, or one like it: NULL when it has been taken away. */
static struct udp_socket *own_socket(const struct flow *flow)
{
	return flow_group_socket(flow->group, flow->reply.socket);
}

/*
 * The one unused longest makes room. Flows that wait for it open another when they are read next;
 * until then they wait for the listener's own, which resumes a bounded number of them at a time.
 */
static void close_oldest(struct flow_group *group, struct udp_socket *own)
{
	struct reply_socket *oldest = reply_sockets_oldest(&group->reply_sockets);

	if (!TAILQ_EMPTY(&oldest->waiting))
		flow_move_waiting(oldest, &own->reply);
	reply_sockets_close(&group->reply_sockets, oldest);
}

static struct reply_socket *open_socket(struct flow_group *group, struct udp_socket *own,
					const struct addr *local)
{
	struct flow_registry *registry = group->registry;
	struct reply_socket *socket;

	/* What the outbox holds may have to leave by the one that is closed. */
	flow_down_flush(group);
	if (reply_sockets_are_full(&group->reply_sockets))
		close_oldest(group, own);
	socket = reply_sockets_open(&group->reply_sockets, local);
	if (socket != NULL || (errno != EMFILE && errno != ENFILE))
		return socket;
	if (reply_sockets_oldest(&group->reply_sockets) != NULL) {
		close_oldest(group, own);
		return reply_sockets_open(&group->reply_sockets, local);
	}
	/* For the next reply: no flow ends while others are being read. */
	(void)flow_quota_ask(&registry->quota, NULL, INT64_MAX);
	errno = EMFILE;
	return NULL;
}

/* The socket that answers from where the load balancer had sent to; NULL with errno if none can. */
static struct reply_socket *find_socket(struct flow *flow)
{
	struct flow_group *group = flow->group;
	struct udp_socket *own = own_socket(flow);
	const struct addr *local = &flow->reply.path.local;
	struct reply_socket *socket;

	if (own == NULL) {
		errno = ENOTCONN;
		return NULL;
	}
	/* Only listen_transparent tells of a port. */
	if (addr_port(local) == 0 || addr_port(local) == addr_port(&own->entry.lent.addr))
		return &own->reply;
	socket = reply_sockets_find(&group->reply_sockets, local);
	return socket != NULL ? socket : open_socket(group, own, local);
}

static void put_reply(struct flow *flow, struct reply_socket *socket, const struct mmsghdr *message,
		      size_t segment_len)
{
	struct udp_context *context = flow->group->context;
	struct outbox_item item = {
	    .owner = flow,
	    .path = &flow->reply.path,
	    .header = flow->reply.header,
	    .header_len = flow->reply.header_len,
	    .payload = message->msg_hdr.msg_iov->iov_base,
	    .len = message->msg_len,
	    .segment_len = segment_len,
	};
	bool full;

	/* One socket at a time sends what the outbox holds. */
	if (context->replying != socket)
		flow_down_flush(flow->group);
	do {
		size_t put = outbox_put(&context->down, &item, socket->join_max, &full);

		context->replying = socket;
		item.payload += put;
		item.len -= put;
		if (full)
			flow_down_flush(flow->group);
	} while (full);
}

/*
 * How many messages may be read, so that the socket that they leave by takes all of them: what is
 * not read waits in the flow's own buffer, and what has been read and finds no room is lost. The
 * kernel is asked only when as much has been sent as there was room for.
 */
static size_t limit_by_room(struct flow_group *group, struct reply_socket *socket, size_t want)
{
	bool empty = false;

	if (socket->room < MESSAGE_COST_MAX) {
		flow_down_flush(group);
		socket->room = udp_sock_send_room(socket->fd, &empty);
	}
	if (socket->room / MESSAGE_COST_MAX < want)
		want = socket->room / MESSAGE_COST_MAX;
	/* A buffer that is too small for a long message takes short ones. */
	return want == 0 && empty ? 1 : want;
}

static void use_room(struct reply_socket *socket, size_t len, size_t segment_len)
{
	size_t cost = 2 * len + (size_t)count_datagrams(len, segment_len) * DATAGRAM_COST;

	socket->room -= cost < socket->room ? cost : socket->room;
}

/* How many messages to ask for next time, after it were so many. */
static uint8_t next_batch(size_t want, size_t got, bool joined)
{
	size_t next = got < want ? got : want * 2;
	size_t most = joined ? READ_BATCH_JOINED_MAX : READ_BATCH_MAX;

	return (uint8_t)(next < most ? next : most);
}

void flow_down_read(struct flow *flow, uint32_t events, size_t *used, int64_t now_ms)
{
	struct flow_group *group = flow->group;
	struct udp_context *context = group->context;
	struct reply_socket *socket;
	size_t want = flow->read_batch;
	bool joined = false;
	int error;
	int got;

	/* First: reading data would meet the error of the queue's head instead. */
	if (events & EPOLLERR)
		take_icmp_errors(flow);
	if (!(events & EPOLLIN))
		return;
	flow_update_reply(flow);
	socket = find_socket(flow);
	error = errno;
	if (socket != NULL && !socket->full) {
		want = limit_by_room(group, socket, want);
		if (want == 0)
			reply_socket_set_full(socket);
	}
	if (socket != NULL && socket->full) {
		flow_wait(flow, socket);
		return;
	}
	if (want > UDP_CONTEXT_MESSAGES - *used) {
		flow_down_flush(group);
		*used = 0;
	}
	got = udp_context_receive(context, flow->fd, *used, want, false);
	if (got <= 0)
		return;
	flow_table_touch(&group->table, &flow->links, now_ms);
	flow_carry_note_reply(flow);
	if (flow->answers != NULL)
		stats_add(&flow->answers->answered, (uint64_t)got);
	for (size_t i = *used; i < *used + (size_t)got; i++) {
		struct mmsghdr *message = &context->in[i];
		struct udp_path unused;
		size_t segment_len = udp_sock_read_control(&message->msg_hdr, &unused);

		joined |= segment_len != 0 && segment_len < message->msg_len;
		if (socket == NULL) {
			count_unsent(flow, message->msg_len, segment_len, error);
			continue;
		}
		use_room(socket, message->msg_len, segment_len);
		put_reply(flow, socket, message, segment_len);
	}
	*used += (size_t)got;
	flow->read_batch = next_batch(want, (size_t)got, joined);
}
