/* SPDX-License-Identifier: BSD-2-Clause */
/* One direction of relay_splice: from one socket to the other, by copying or through a pipe. */
#include "tcp/relay_lane.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "net/sock.h"

/* What an urgent byte counts as in a turn: it takes six system calls, and some are a flood. */
#define URGENT_COST (16u * 1024)

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static size_t at_most(size_t wanted, size_t limit)
{
	return wanted < limit ? wanted : limit;
}

static void give_up_pipe(struct relay_lane *lane)
{
	pipe_pool_put(&lane->context->pipes, lane->pipe);
	lane->pipe = NULL;
}

/* ---- writing ---- */

bool relay_lane_is_pending(const struct relay_lane *lane)
{
	return lane->kept != NULL || lane->urgent_kept ||
	       (lane->pipe != NULL && lane->pipe->filled > 0);
}

static void spend_turn(struct relay_lane *lane, size_t cost)
{
	lane->turn_left -= (uint32_t)at_most(cost, lane->turn_left);
}

/* Note what a write to the receiver has come to. Returns whether it took anything. */
static bool note_write(struct relay_lane *lane, ssize_t written)
{
	if (written > 0) {
		lane->delivered += (uint64_t)written;
		stats_add(lane->total, (uint64_t)written);
		lane->moved_ms = clock_now_ms();
		spend_turn(lane, (size_t)written);
		return true;
	}
	if (written < 0 && would_block())
		lane->to->writable = false;
	else
		lane->to->reset = true;
	return false;
}

static bool write_kept(struct relay_lane *lane)
{
	if (!note_write(lane, evbuffer_write_atmost(lane->kept, lane->to->socket.fd,
						    (ev_ssize_t)lane->turn_left)))
		return false;
	if (evbuffer_get_length(lane->kept) == 0) {
		evbuffer_free(lane->kept);
		lane->kept = NULL;
	}
	return true;
}

static bool write_pipe(struct relay_lane *lane)
{
	struct pipe_pair *pipe = lane->pipe;
	ssize_t moved =
	    splice(pipe->read_fd, NULL, lane->to->socket.fd, NULL,
		   at_most(pipe->filled, lane->turn_left), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (moved > 0)
		pipe->filled -= (size_t)moved;
	return note_write(lane, moved);
}

static bool write_urgent(struct relay_lane *lane)
{
	if (!note_write(lane,
			send(lane->to->socket.fd, &lane->urgent_byte, 1, MSG_OOB | MSG_NOSIGNAL)))
		return false;
	lane->urgent_kept = false;
	spend_turn(lane, URGENT_COST);
	return true;
}

static void write_pending(struct relay_lane *lane)
{
	bool taken = true;

	while (taken && lane->to->writable && lane->turn_left > 0) {
		if (lane->kept != NULL)
			taken = write_kept(lane);
		else if (lane->pipe != NULL && lane->pipe->filled > 0)
			taken = write_pipe(lane);
		else if (lane->urgent_kept)
			taken = write_urgent(lane);
		else
			return;
	}
}

/* ---- reading ---- */

/* The socket has no more for now. */
static void note_dry(struct relay_lane *lane)
{
	lane->from->readable = false;
	lane->from->urgent = false;
	lane->copying = false;
}

/*
 * After a short read the socket has no more, and will say so when it has. But behind a hang-up no
 * further edge comes, and a read also stops short before an urgent byte.
 */
static void note_short_read(struct relay_lane *lane)
{
	lane->from->readable = lane->from->hung_up || lane->from->urgent;
	lane->copying = false;
}

static void note_bytes(struct relay_lane *lane)
{
	lane->from->reads++;
	lane->gathering.quiet = 0;
}

/* Note that a read has found nothing (0) or failed (-1, errno). */
static void note_no_bytes(struct relay_lane *lane, ssize_t got)
{
	if (got < 0 && would_block()) {
		note_dry(lane);
		return;
	}
	if (got < 0)
		lane->from->reset = true;
	lane->eof = true;
}

/* Most connections never have bulk, and are spared these system calls. */
static void prepare_for_bulk(struct relay_lane *lane)
{
	if (lane->had_bulk)
		return;
	lane->had_bulk = true;
	lane->paced = sock_is_paced(lane->to->socket.fd);
	sock_limit_unsent(lane->to->socket.fd, RELAY_LANE_UNSENT);
}

/*
 * Splicing keeps what it moves in memory that the receiver then reads; that is the fastest way as
 * long as it is in the processor's cache still. Pacing lets bytes wait, and leaves it to copying.
 */
static bool is_for_copying(const struct relay_lane *lane)
{
	return lane->paced || lane->context->pipes.splice_refused;
}

static void begin_bulk(struct relay_lane *lane)
{
	if (lane->copying || lane->from->urgent)
		return;
	prepare_for_bulk(lane);
	if (!is_for_copying(lane))
		lane->pipe = pipe_pool_get(&lane->context->pipes);
	lane->copying = lane->pipe == NULL;
}

static int keep(struct relay_lane *lane, const unsigned char *bytes, size_t len)
{
	lane->kept = evbuffer_new();
	if (lane->kept != NULL && evbuffer_add(lane->kept, bytes, len) == 0)
		return 0;
	lane->lost = true;
	return -1;
}

static enum relay_lane_state copy_once(struct relay_lane *lane)
{
	unsigned char *buffer = lane->context->read_buffer;
	bool bulk = lane->copying || lane->paced;
	/* What the receiver does not take is kept: from a slow one less is read. */
	size_t most = bulk && lane->flowing ? RELAY_COPY_MAX : RELAY_READ_MAX;
	size_t wanted = at_most(most, lane->turn_left);
	ssize_t got = recv(lane->from->socket.fd, buffer, wanted, 0);
	ssize_t sent = 0;

	if (got <= 0) {
		note_no_bytes(lane, got);
		return RELAY_LANE_WAITS;
	}
	note_bytes(lane);
	if (got < (ssize_t)wanted) {
		note_short_read(lane);
		lane->from->readable |= relay_gather_note(&lane->context->gather, &lane->gathering,
							  (size_t)got, lane->to->reads);
	} else {
		begin_bulk(lane);
	}
	if (lane->to->writable) {
		sent = send(lane->to->socket.fd, buffer, (size_t)got, MSG_NOSIGNAL);
		if (!note_write(lane, sent))
			sent = 0;
		else if (sent < got)
			lane->to->writable = false;
	}
	lane->flowing = sent == got;
	if (sent < got && keep(lane, buffer + sent, (size_t)(got - sent)) < 0)
		return RELAY_LANE_NO_MEMORY;
	return RELAY_LANE_WAITS;
}

/* SO_OOBINLINE: at its mark, the urgent byte is what a read begins with. */
static void read_urgent(struct relay_lane *lane)
{
	ssize_t got = recv(lane->from->socket.fd, &lane->urgent_byte, 1, 0);

	if (got <= 0)
		note_no_bytes(lane, got);
	else
		note_bytes(lane);
	lane->urgent_kept = got > 0;
}

static void splice_once(struct relay_lane *lane)
{
	struct pipe_pool *pipes = &lane->context->pipes;
	ssize_t got = splice(lane->from->socket.fd, NULL, lane->pipe->write_fd, NULL,
			     at_most(lane->pipe->capacity, lane->turn_left),
			     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	int error = errno;

	if (got > 0) {
		lane->pipe->filled = (size_t)got;
		note_bytes(lane);
		return;
	}
	give_up_pipe(lane);
	if (got < 0 && (error == EAGAIN || error == EINTR)) {
		note_dry(lane);
	} else if (got < 0 && (error == EINVAL || error == ENOSYS || error == EPERM)) {
		/* Not supported here, or forbidden: EPERM is what seccomp filters like to say. */
		if (!pipes->splice_refused)
			log_msg(LOG_LEVEL_WARN,
				"splice(2) is refused here (errno %d), copying instead", error);
		pipes->splice_refused = true;
	} else {
		/* It stops before an urgent byte as well: copying tells whether this is the end. */
		if (got < 0)
			lane->from->reset = true;
		lane->copying = true;
	}
}

/*
 * Whether an urgent byte is next. Only asked when one has come, or may have come meanwhile: a read
 * that was not full, and splice(2), stop before it.
 */
static bool is_at_urgent(const struct relay_lane *lane)
{
	return (lane->from->urgent || lane->copying) &&
	       sock_is_at_urgent_mark(lane->from->socket.fd);
}

static enum relay_lane_state read_once(struct relay_lane *lane)
{
	if (lane->pipe != NULL && lane->from->urgent)
		give_up_pipe(lane);
	if (lane->pipe != NULL) {
		splice_once(lane);
		return RELAY_LANE_WAITS;
	}
	if (is_at_urgent(lane)) {
		read_urgent(lane);
		return RELAY_LANE_WAITS;
	}
	return copy_once(lane);
}

/* ---- the lane ---- */

void relay_lane_init(struct relay_lane *lane, struct relay_context *context,
		     struct relay_side *from, struct relay_side *to, struct relay_end *end)
{
	lane->context = context;
	lane->from = from;
	lane->to = to;
	lane->delivered = end->delivered;
	lane->total = end->total != NULL ? end->total : &lane->no_total;
	lane->finished = end->finished;
	lane->eof = end->finished;
	lane->gathering.socket = &from->socket;
	lane->moved_ms = clock_now_ms();
	lane->pass = context->poll.pass;
	lane->turn_left = RELAY_LANE_TURN;
	if (end->urgent && evbuffer_remove(end->undelivered, &lane->urgent_byte, 1) == 1) {
		lane->urgent_kept = true;
		evbuffer_free(end->undelivered);
		end->undelivered = NULL;
	}
	lane->kept = end->undelivered;
	end->undelivered = NULL;
}

enum relay_lane_state relay_lane_pump(struct relay_lane *lane)
{
	if (lane->pass != lane->context->poll.pass) {
		lane->pass = lane->context->poll.pass;
		lane->turn_left = RELAY_LANE_TURN;
	}
	while (!lane->closed) {
		bool pending;
		enum relay_lane_state state;

		write_pending(lane);
		pending = relay_lane_is_pending(lane);
		if (lane->to->reset ||
		    (pending ? !lane->to->writable : !lane->from->readable || lane->eof))
			break;
		if (lane->turn_left == 0)
			return RELAY_LANE_TURN_OVER;
		state = read_once(lane);
		if (state != RELAY_LANE_WAITS)
			return state;
	}
	/* A pipe is for while bulk moves; here the receiver is slow or the sender has paused. */
	if (lane->pipe != NULL && lane->pipe->filled == 0)
		give_up_pipe(lane);
	return RELAY_LANE_WAITS;
}

void relay_lane_close(struct relay_lane *lane)
{
	lane->closed = true;
	lane->urgent_kept = false;
	relay_gather_end(&lane->context->gather, &lane->gathering);
	if (lane->kept != NULL)
		evbuffer_free(lane->kept);
	lane->kept = NULL;
	give_up_pipe(lane);
}

/* What is pending, as one buffer; NULL when memory is out. */
static struct evbuffer *take_pending(struct relay_lane *lane)
{
	struct evbuffer *taken = lane->kept != NULL ? lane->kept : evbuffer_new();

	lane->kept = NULL;
	if (taken == NULL)
		return NULL;
	while (lane->pipe != NULL && lane->pipe->filled > 0) {
		int got = evbuffer_read(taken, lane->pipe->read_fd, -1);

		if (got <= 0)
			goto fail;
		lane->pipe->filled -= (size_t)got;
	}
	if (lane->urgent_kept && evbuffer_add(taken, &lane->urgent_byte, 1) < 0)
		goto fail;
	return taken;

fail:
	evbuffer_free(taken);
	return NULL;
}

void relay_lane_fini(struct relay_lane *lane, struct relay_end *end)
{
	end->fd = lane->to->socket.fd;
	end->undelivered = NULL;
	end->delivered = lane->delivered;
	end->total = lane->total != &lane->no_total ? lane->total : NULL;
	end->urgent = lane->urgent_kept;
	end->finished = lane->finished;
	end->reset = lane->to->reset;
	end->lost = lane->lost;
	if (!lane->lost && relay_lane_is_pending(lane)) {
		end->undelivered = take_pending(lane);
		end->lost = end->undelivered == NULL;
	}
	relay_lane_close(lane);
}
