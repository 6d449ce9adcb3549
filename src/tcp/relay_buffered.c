/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The relay engine of libevent's events and evbuffers: works anywhere, copies every byte.
 *
 * A side is read only while nothing waits for the other one, so a direction holds one read at most.
 */
#include "tcp/relay.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/stats.h"
#include "net/sock.h"
#include "tcp/relay_context.h"

/* How often a side that is not being read is asked whether it was reset meanwhile. */
#define UNREAD_CHECK_MS 500

struct buffered;

struct side {
	struct buffered *relay;
	struct event readable;
	struct event writable;
	int fd;
	bool reset; /* what it sent before may still be read */
};

/* One direction. */
struct lane {
	struct side *from;
	struct side *to;
	struct evbuffer *waiting;    /* read, and not taken yet; NULL: nothing */
	uint64_t delivered;	     /* bytes that to's socket has taken */
	atomic_uint_fast64_t *total; /* they are added to that as well; NULL: to nothing */
	bool eof;		     /* nothing more comes from from */
	bool finished;		     /* and to has been sent a FIN */
	bool lost;		     /* there was no memory for bytes that had been read */
};

enum side_name { CLIENT, BACKEND, SIDES };

struct buffered {
	struct relay base;
	struct relay_context *context;
	const struct relay_events *events;
	void *arg;
	struct side sides[SIDES];
	struct lane lanes[RELAY_DIRECTIONS];
	struct event unread_check;
	struct relay_delivery delivery; /* of what a side sent before its reset */
	enum close_reason reset_reason; /* REASON_DONE: nobody has been reset */
	int64_t last_activity_ms;
};

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static struct lane *lane_from(struct side *side)
{
	struct buffered *relay = side->relay;

	return &relay->lanes[side == &relay->sides[CLIENT] ? RELAY_UP : RELAY_DOWN];
}

static struct lane *lane_to(struct side *side)
{
	struct buffered *relay = side->relay;

	return &relay->lanes[side == &relay->sides[CLIENT] ? RELAY_DOWN : RELAY_UP];
}

static void unwatch(struct buffered *relay)
{
	for (size_t i = 0; i < SIDES; i++) {
		event_del(&relay->sides[i].readable);
		event_del(&relay->sides[i].writable);
	}
	event_del(&relay->unread_check);
	relay_delivery_end(&relay->context->deliveries, &relay->delivery);
}

/* May free the relay. */
static void end(struct buffered *relay, enum close_reason reason)
{
	unwatch(relay);
	relay->events->on_ended(relay->arg, reason);
}

/* ---- moving bytes ---- */

static void drop_waiting(struct lane *lane)
{
	if (lane->waiting != NULL)
		evbuffer_free(lane->waiting);
	lane->waiting = NULL;
}

/* Note what a write to the receiver has come to; returns how many bytes it took. */
static size_t note_write(struct lane *lane, ssize_t written)
{
	struct buffered *relay = lane->from->relay;

	if (written > 0) {
		lane->delivered += (uint64_t)written;
		if (lane->total != NULL)
			stats_add(lane->total, (uint64_t)written);
		relay->last_activity_ms = clock_now_ms();
		return (size_t)written;
	}
	if (written == 0 || !would_block())
		lane->to->reset = true;
	return 0;
}

static void write_waiting(struct lane *lane)
{
	(void)note_write(lane, evbuffer_write(lane->waiting, lane->to->fd));
	if (evbuffer_get_length(lane->waiting) == 0)
		drop_waiting(lane);
}

/* Read once, and write as much of it as goes. Returns 0, or -1 when memory is out. */
static int copy_once(struct lane *lane)
{
	unsigned char *buffer = lane->from->relay->context->read_buffer;
	ssize_t got = recv(lane->from->fd, buffer, RELAY_READ_MAX, 0);
	size_t taken;

	if (got < 0 && would_block())
		return 0;
	if (got <= 0) {
		if (got < 0)
			lane->from->reset = true;
		lane->eof = true;
		return 0;
	}
	taken = note_write(lane, send(lane->to->fd, buffer, (size_t)got, MSG_NOSIGNAL));
	if (taken == (size_t)got)
		return 0;
	lane->waiting = evbuffer_new();
	if (lane->waiting != NULL &&
	    evbuffer_add(lane->waiting, buffer + taken, (size_t)got - taken) == 0)
		return 0;
	lane->lost = true;
	return -1;
}

/* ---- deciding ---- */

/* Returns 0, or -1 when memory is out. */
static int watch(struct event *event, bool wanted)
{
	return wanted ? event_add(event, NULL) : event_del(event);
}

/* Watch what the lane's next step needs. Returns 0, or -1 when memory is out. */
static int watch_lane(struct lane *lane)
{
	bool waits = lane->waiting != NULL;

	if (watch(&lane->to->writable, waits && !lane->to->reset) < 0)
		return -1;
	return watch(&lane->from->readable, !waits && !lane->eof && !lane->to->reset);
}

/* Whether a side may be reset without an event to tell of it. */
static bool is_unread(const struct buffered *relay)
{
	for (size_t i = 0; i < RELAY_DIRECTIONS; i++)
		if (!event_pending(&relay->lanes[i].from->readable, EV_READ, NULL))
			return true;
	return false;
}

/* Returns 0, or -1 when memory is out. */
static int watch_both(struct buffered *relay)
{
	static const struct timeval delay = {.tv_usec = UNREAD_CHECK_MS * 1000};

	for (size_t i = 0; i < RELAY_DIRECTIONS; i++)
		if (watch_lane(&relay->lanes[i]) < 0)
			return -1;
	if (is_unread(relay) && !evtimer_pending(&relay->unread_check, NULL))
		return evtimer_add(&relay->unread_check, &delay);
	return 0;
}

/* Go on after a reset: nothing more for that side, all of what came from it for the other. */
static void run_after_reset(struct buffered *relay, bool moved)
{
	struct lane *lane;
	struct side *dead;

	if (relay->reset_reason == REASON_DONE) {
		relay->reset_reason =
		    relay->sides[CLIENT].reset ? REASON_CLIENT_RESET : REASON_BACKEND_RESET;
		moved = true;
	}
	dead = &relay->sides[relay->reset_reason == REASON_CLIENT_RESET ? CLIENT : BACKEND];
	drop_waiting(lane_to(dead));
	lane = lane_from(dead);
	if (lane->to->reset || (lane->eof && lane->waiting == NULL) ||
	    (moved && !relay_delivery_moved(&relay->context->deliveries, &relay->delivery)))
		end(relay, relay->reset_reason);
	else if (watch_both(relay) < 0)
		end(relay, REASON_INTERNAL);
}

/* Pass the FIN on if it is time. Returns whether it was. */
static bool finish(struct lane *lane)
{
	if (!lane->eof || lane->finished || lane->waiting != NULL)
		return false;
	lane->finished = true;
	/* Fails only on a connection that is gone; reading it says so too. */
	(void)shutdown(lane->to->fd, SHUT_WR);
	return true;
}

/* See what has changed, moved: bytes have. May end the relay, and with it free it. */
static void decide(struct buffered *relay, bool moved)
{
	bool finished_one = false;

	if (relay->sides[CLIENT].reset || relay->sides[BACKEND].reset) {
		run_after_reset(relay, moved);
		return;
	}
	for (size_t i = 0; i < RELAY_DIRECTIONS; i++)
		finished_one |= finish(&relay->lanes[i]);
	if (relay->lanes[RELAY_UP].finished && relay->lanes[RELAY_DOWN].finished)
		end(relay, REASON_DONE);
	else if (watch_both(relay) < 0)
		end(relay, REASON_INTERNAL);
	else if (finished_one)
		relay->events->on_half_closed(relay->arg);
}

static void on_given_up(struct relay_delivery *delivery)
{
	struct buffered *relay =
	    (struct buffered *)((char *)delivery - offsetof(struct buffered, delivery));

	end(relay, relay->reset_reason);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct side *side = arg;
	struct lane *lane = lane_from(side);
	uint64_t before = lane->delivered;

	(void)fd;
	(void)what;
	if (copy_once(lane) < 0)
		end(side->relay, REASON_INTERNAL);
	else
		decide(side->relay, lane->delivered != before);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct side *side = arg;
	struct lane *lane = lane_to(side);
	uint64_t before = lane->delivered;

	(void)fd;
	(void)what;
	if (lane->waiting != NULL)
		write_waiting(lane);
	decide(side->relay, lane->delivered != before);
}

/*
 * epoll does not report a reset for a descriptor that nobody waits for, and a side that has
 * finished or is not read may be such: nothing may be on its way to it either. The error tells, not
 * the TCP state, which is closed as well when both FINs have passed and bytes wait to be read.
 */
static void on_unread_check(evutil_socket_t fd, short what, void *arg)
{
	struct buffered *relay = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < SIDES; i++)
		if (!event_pending(&relay->sides[i].readable, EV_READ, NULL) &&
		    sock_take_error(relay->sides[i].fd) != 0)
			relay->sides[i].reset = true;
	decide(relay, false);
}

/* ---- starting and stopping ---- */

static void side_init(struct side *side, struct buffered *relay, const struct relay_end *end)
{
	struct event_base *base = relay->context->base;

	side->relay = relay;
	side->fd = end->fd;
	side->reset = end->reset;
	event_assign(&side->readable, base, end->fd, EV_READ | EV_PERSIST, on_readable, side);
	event_assign(&side->writable, base, end->fd, EV_WRITE | EV_PERSIST, on_writable, side);
}

static void lane_init(struct lane *lane, struct side *from, struct side *to,
		      const struct relay_end *end)
{
	lane->from = from;
	lane->to = to;
	lane->waiting = end->undelivered;
	lane->delivered = end->delivered;
	lane->total = end->total;
	lane->finished = end->finished;
	lane->eof = end->finished;
}

static struct relay *buffered_start(struct relay_context *context, struct relay_end *client,
				    struct relay_end *backend, const struct relay_events *events,
				    void *arg)
{
	struct buffered *relay = calloc(1, sizeof(*relay));
	struct side *sides;

	if (relay == NULL)
		return NULL;
	sides = relay->sides;
	relay->base.engine = &relay_buffered;
	relay->context = context;
	relay->events = events;
	relay->arg = arg;
	relay->delivery.on_given_up = on_given_up;
	relay->last_activity_ms = clock_now_ms();
	side_init(&sides[CLIENT], relay, client);
	side_init(&sides[BACKEND], relay, backend);
	lane_init(&relay->lanes[RELAY_UP], &sides[CLIENT], &sides[BACKEND], backend);
	lane_init(&relay->lanes[RELAY_DOWN], &sides[BACKEND], &sides[CLIENT], client);
	evtimer_assign(&relay->unread_check, context->base, on_unread_check, relay);
	if (watch_both(relay) < 0) {
		unwatch(relay);
		free(relay);
		return NULL;
	}
	client->fd = backend->fd = -1;
	client->undelivered = backend->undelivered = NULL;
	return &relay->base;
}

static void buffered_measure(struct relay *base, struct relay_progress *progress)
{
	struct buffered *relay = (struct buffered *)base;

	for (size_t i = 0; i < RELAY_DIRECTIONS; i++) {
		progress->bytes[i] = relay->lanes[i].delivered;
		progress->finished[i] = relay->lanes[i].finished;
	}
	progress->last_activity_ms = relay->last_activity_ms;
}

static void give_back(const struct lane *lane, struct relay_end *end)
{
	*end = (struct relay_end){
	    .fd = lane->to->fd,
	    .undelivered = lane->waiting,
	    .delivered = lane->delivered,
	    .total = lane->total,
	    .finished = lane->finished,
	    .reset = lane->to->reset,
	    .lost = lane->lost,
	};
}

static void buffered_stop(struct relay *base, struct relay_end *client, struct relay_end *backend)
{
	struct buffered *relay = (struct buffered *)base;

	unwatch(relay);
	give_back(&relay->lanes[RELAY_DOWN], client);
	give_back(&relay->lanes[RELAY_UP], backend);
	free(relay);
}

const struct relay_engine relay_buffered = {
    .name = "buffered",
    .start = buffered_start,
    .measure = buffered_measure,
    .stop = buffered_stop,
};
