/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The relay engine that drives both sockets itself: small reads through the worker's one read
 * buffer, bulk through the kernel by splice(2).
 *
 * A direction holds a buffer only while its receiver takes less than came, and a pipe only while
 * bulk moves; an idle connection has nothing but its two sockets.
 */
#include "tcp/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/sock.h"
#include "tcp/relay_context.h"

/*
 * What a direction may move in one turn before others have theirs: some 50 microseconds of work, a
 * few round trips of a chatty neighbour at the most.
 */
#define TURN_BYTES (256u * 1024)

enum side_name { CLIENT, BACKEND, SIDES };

struct spliced;

struct side {
	struct relay_socket socket;
	struct spliced *relay;
	bool readable; /* until a read finds nothing, or less than it asked for */
	bool writable; /* until a write finds no room */
	bool hung_up;  /* FIN or reset has come: behind the last byte, reading tells which */
	bool dying;    /* reset, or both FINs: its error tells which */
	bool failed;   /* writing to it found it reset */
};

/* One direction. */
struct lane {
	struct side *from;
	struct side *to;
	struct evbuffer *kept;	/* read, and not taken yet; NULL: nothing */
	struct pipe_pair *pipe; /* NULL: copying */
	uint64_t bytes;
	bool copying;  /* there was no pipe: do without until from runs dry */
	bool eof;      /* from has finished */
	bool finished; /* and so has to's sending side */
};

struct spliced {
	struct relay base;
	struct relay_context *context;
	const struct relay_events *events;
	void *arg;
	int64_t last_activity_ms;
	struct side sides[SIDES];
	struct lane lanes[RELAY_DIRECTIONS];
};

/* What pumping a direction has come to. */
enum pumped {
	PUMPED_DRY,	  /* it waits for an event */
	PUMPED_TURN_OVER, /* there is more to do */
	PUMPED_RESET,	  /* from has been reset */
	PUMPED_NO_MEMORY,
};

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* ---- what has been read and not been taken ---- */

static size_t pending(const struct lane *lane)
{
	return (lane->kept != NULL ? evbuffer_get_length(lane->kept) : 0) +
	       (lane->pipe != NULL ? lane->pipe->filled : 0);
}

static void drop_pending(struct lane *lane)
{
	if (lane->kept != NULL)
		evbuffer_free(lane->kept);
	lane->kept = NULL;
	pipe_pool_put(&lane->from->relay->context->pipes, lane->pipe);
	lane->pipe = NULL;
}

static void count(struct lane *lane, size_t bytes)
{
	lane->bytes += bytes;
	lane->from->relay->last_activity_ms = clock_now_ms();
}

/* The outcome of a write to the lane's receiver; returns whether it took anything. */
static bool took(struct lane *lane, ssize_t written)
{
	if (written > 0) {
		count(lane, (size_t)written);
		return true;
	}
	if (written < 0 && would_block())
		lane->to->writable = false;
	else
		lane->to->failed = true;
	return false;
}

static void write_pending(struct lane *lane)
{
	while (lane->kept != NULL && lane->to->writable) {
		if (!took(lane, evbuffer_write(lane->kept, lane->to->socket.fd)))
			return;
		if (evbuffer_get_length(lane->kept) == 0) {
			evbuffer_free(lane->kept);
			lane->kept = NULL;
		}
	}
	while (lane->pipe != NULL && lane->pipe->filled > 0 && lane->to->writable) {
		struct pipe_pair *pipe = lane->pipe;
		ssize_t moved = splice(pipe->read_fd, NULL, lane->to->socket.fd, NULL, pipe->filled,
				       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (moved > 0)
			pipe->filled -= (size_t)moved;
		if (!took(lane, moved))
			return;
	}
}

/* ---- reading ---- */

/*
 * After a short read the socket has no more, and will say so when it has; but behind a hang-up no
 * further edge comes.
 */
static void note_short_read(struct lane *lane)
{
	lane->from->readable = lane->from->hung_up;
	lane->copying = false;
}

static void begin_splicing(struct lane *lane)
{
	struct pipe_pool *pipes = &lane->from->relay->context->pipes;

	if (pipes->splice_refused || lane->copying)
		return;
	lane->pipe = pipe_pool_get(pipes);
	lane->copying = lane->pipe == NULL;
}

static enum pumped copy_once(struct lane *lane, size_t *moved)
{
	unsigned char *buffer = lane->from->relay->context->read_buffer;
	ssize_t got = recv(lane->from->socket.fd, buffer, RELAY_READ_MAX, 0);
	ssize_t sent = 0;

	if (got < 0 && !would_block())
		return PUMPED_RESET;
	if (got <= 0) {
		lane->from->readable = false;
		lane->copying = false;
		lane->eof = got == 0;
		return PUMPED_DRY;
	}
	*moved += (size_t)got;
	if (got < (ssize_t)RELAY_READ_MAX)
		note_short_read(lane);
	else
		begin_splicing(lane);
	if (lane->to->writable) {
		sent = send(lane->to->socket.fd, buffer, (size_t)got, MSG_NOSIGNAL);
		if (!took(lane, sent))
			sent = 0;
		else if (sent < got)
			lane->to->writable = false;
	}
	if (sent == got)
		return PUMPED_DRY;
	lane->kept = evbuffer_new();
	if (lane->kept == NULL || evbuffer_add(lane->kept, buffer + sent, (size_t)(got - sent)) < 0)
		return PUMPED_NO_MEMORY;
	return PUMPED_DRY;
}

static void give_up_pipe(struct lane *lane)
{
	pipe_pool_put(&lane->from->relay->context->pipes, lane->pipe);
	lane->pipe = NULL;
}

static enum pumped splice_once(struct lane *lane, size_t *moved)
{
	struct pipe_pool *pipes = &lane->from->relay->context->pipes;
	ssize_t got = splice(lane->from->socket.fd, NULL, lane->pipe->write_fd, NULL,
			     lane->pipe->capacity, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (got > 0) {
		lane->pipe->filled = (size_t)got;
		*moved += (size_t)got;
		return PUMPED_DRY;
	}
	if (got < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM)) {
		/* Not supported here, or forbidden: EPERM is what seccomp filters like to say. */
		if (!pipes->splice_refused)
			log_msg(LOG_LEVEL_WARN,
				"splice(2) is refused here (errno %d), copying instead", errno);
		pipes->splice_refused = true;
		give_up_pipe(lane);
		return PUMPED_DRY;
	}
	if (got < 0 && !would_block())
		return PUMPED_RESET;
	lane->from->readable = false;
	lane->eof = got == 0;
	give_up_pipe(lane);
	return PUMPED_DRY;
}

static enum pumped pump(struct lane *lane)
{
	size_t moved = 0;

	for (;;) {
		enum pumped result;

		write_pending(lane);
		if (lane->to->failed || pending(lane) > 0 || !lane->from->readable || lane->eof)
			break;
		if (moved >= TURN_BYTES)
			return PUMPED_TURN_OVER;
		result = lane->pipe != NULL ? splice_once(lane, &moved) : copy_once(lane, &moved);
		if (result != PUMPED_DRY)
			return result;
	}
	/* A pipe is for while bulk moves; here the receiver is slow or the sender has paused. */
	if (lane->pipe != NULL && lane->pipe->filled == 0)
		give_up_pipe(lane);
	return PUMPED_DRY;
}

/* ---- deciding ---- */

static enum close_reason reset_reason(const struct side *side)
{
	return side == &side->relay->sides[CLIENT] ? REASON_CLIENT_RESET : REASON_BACKEND_RESET;
}

static bool is_over(const struct spliced *relay)
{
	return relay->lanes[RELAY_UP].finished && relay->lanes[RELAY_DOWN].finished;
}

/* Pass a FIN on if it is time. Returns whether it was. */
static bool finish(struct lane *lane)
{
	if (!lane->eof || lane->finished || pending(lane) > 0)
		return false;
	lane->finished = true;
	/* Behind the last FIN both sockets are closed, which sends it. */
	if (!is_over(lane->from->relay))
		(void)shutdown(lane->to->socket.fd, SHUT_WR);
	return true;
}

/*
 * Whether a side was reset. Reading does not come across that behind a FIN, or while the other side
 * takes no more. The error tells, not the hang-up, which two FINs bring as well.
 */
static bool is_reset(const struct lane *lane)
{
	const struct side *side = lane->from;

	if (side->failed)
		return true;
	return side->dying && (lane->eof || pending(lane) > 0) &&
	       sock_take_error(side->socket.fd) != 0;
}

/* Move what can be moved. May end the relay, and with it free it. */
static void run(struct spliced *relay)
{
	struct lane *lanes = relay->lanes;
	bool finished_one = false;
	bool again = false;

	for (size_t i = 0; i < RELAY_DIRECTIONS; i++) {
		enum pumped result = pump(&lanes[i]);

		if (result == PUMPED_NO_MEMORY) {
			relay->events->on_ended(relay->arg, REASON_INTERNAL);
			return;
		}
		if (result == PUMPED_RESET) {
			relay->events->on_ended(relay->arg, reset_reason(lanes[i].from));
			return;
		}
		again |= result == PUMPED_TURN_OVER;
	}
	/* Only now: an end may be a reset that the other direction has met by writing. */
	for (size_t i = 0; i < RELAY_DIRECTIONS; i++) {
		if (is_reset(&lanes[i])) {
			relay->events->on_ended(relay->arg, reset_reason(lanes[i].from));
			return;
		}
		finished_one |= finish(&lanes[i]);
	}
	if (is_over(relay)) {
		relay->events->on_ended(relay->arg, REASON_DONE);
		return;
	}
	if (finished_one)
		relay->events->on_half_closed(relay->arg);
	if (again)
		relay_poll_again(&relay->context->poll, &relay->sides[CLIENT].socket);
}

static void on_ready(struct relay_socket *socket, uint32_t events)
{
	struct side *side = (struct side *)socket;

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		side->readable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		side->hung_up = true;
	if (events & (EPOLLHUP | EPOLLERR))
		side->dying = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		side->writable = true;
	run(side->relay);
}

/* ---- starting and stopping ---- */

static void side_init(struct side *side, struct spliced *relay, const struct relay_end *end)
{
	side->relay = relay;
	side->socket.fd = end->fd;
	side->socket.on_ready = on_ready;
	side->writable = true;
}

static void lane_init(struct lane *lane, struct side *from, struct side *to,
		      const struct relay_end *end)
{
	lane->from = from;
	lane->to = to;
	lane->kept = end->undelivered;
	lane->bytes = end->delivered;
	lane->finished = end->finished;
	lane->eof = end->finished;
}

static struct relay *splice_start(struct relay_context *context, struct relay_end *client,
				  struct relay_end *backend, const struct relay_events *events,
				  void *arg)
{
	struct spliced *relay = calloc(1, sizeof(*relay));
	struct side *sides;

	if (relay == NULL)
		return NULL;
	relay->base.engine = &relay_splice;
	relay->context = context;
	relay->events = events;
	relay->arg = arg;
	relay->last_activity_ms = clock_now_ms();
	sides = relay->sides;
	side_init(&sides[CLIENT], relay, client);
	side_init(&sides[BACKEND], relay, backend);
	lane_init(&relay->lanes[RELAY_UP], &sides[CLIENT], &sides[BACKEND], backend);
	lane_init(&relay->lanes[RELAY_DOWN], &sides[BACKEND], &sides[CLIENT], client);
	if (relay_poll_add(&context->poll, &sides[CLIENT].socket) < 0)
		goto fail;
	if (relay_poll_add(&context->poll, &sides[BACKEND].socket) < 0) {
		relay_poll_remove(&context->poll, &sides[CLIENT].socket);
		goto fail;
	}
	client->fd = backend->fd = -1;
	client->undelivered = backend->undelivered = NULL;
	/* The request that came with the header; if it fails, the first event says so. */
	write_pending(&relay->lanes[RELAY_UP]);
	return &relay->base;

fail:
	free(relay);
	return NULL;
}

static void splice_measure(struct relay *base, struct relay_progress *progress)
{
	struct spliced *relay = (struct spliced *)base;

	for (size_t i = 0; i < RELAY_DIRECTIONS; i++) {
		progress->bytes[i] = relay->lanes[i].bytes;
		progress->finished[i] = relay->lanes[i].finished;
	}
	progress->last_activity_ms = relay->last_activity_ms;
}

/* What the lane holds, as a buffer that belongs to the caller; NULL for nothing. */
static struct evbuffer *take_pending(struct lane *lane)
{
	struct evbuffer *taken = lane->kept;

	if (lane->pipe != NULL && lane->pipe->filled > 0 && taken == NULL) {
		taken = evbuffer_new();
		while (taken != NULL && lane->pipe->filled > 0) {
			int got = evbuffer_read(taken, lane->pipe->read_fd, -1);

			if (got <= 0)
				break;
			lane->pipe->filled -= (size_t)got;
		}
	}
	lane->kept = NULL;
	drop_pending(lane);
	return taken;
}

static void give_back(struct spliced *relay, enum side_name name, struct lane *lane,
		      struct relay_end *end)
{
	if (is_over(relay))
		relay_poll_forget(&relay->context->poll, &relay->sides[name].socket);
	else
		relay_poll_remove(&relay->context->poll, &relay->sides[name].socket);
	end->fd = relay->sides[name].socket.fd;
	end->undelivered = take_pending(lane);
	end->delivered = lane->bytes;
	end->finished = lane->finished;
}

static void splice_stop(struct relay *base, struct relay_end *client, struct relay_end *backend)
{
	struct spliced *relay = (struct spliced *)base;

	give_back(relay, CLIENT, &relay->lanes[RELAY_DOWN], client);
	give_back(relay, BACKEND, &relay->lanes[RELAY_UP], backend);
	free(relay);
}

const struct relay_engine relay_splice = {
    .name = "splice",
    .start = splice_start,
    .measure = splice_measure,
    .stop = splice_stop,
};
