/* SPDX-License-Identifier: BSD-2-Clause */
/* The relay engine that keeps libevent's bufferevents, with watermarks for back-pressure. */
#include "tcp/relay.h"

#include <stdlib.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "net/sock.h"
#include "tcp/relay_context.h"

/*
 * Reading stops when this much waits for the receiver, and goes on at half of it. Large enough to
 * keep a socket busy for a wake-up (libevent writes 16 KiB at a time), small against the 4 MiB that
 * a connection may hold.
 */
#define BUFFER_HIGH (256u * 1024)
#define BUFFER_LOW  (BUFFER_HIGH / 2)

/* How often a side that is not being read is asked whether it was reset meanwhile. */
#define UNREAD_CHECK_MS 500

/* One direction. */
struct lane {
	struct buffered *relay;
	struct bufferevent *from;
	struct bufferevent *to;
	uint64_t moved;	     /* into to's output */
	size_t waiting_seen; /* what was left there at the last measure */
	bool paused;	     /* from is not read until to's output has drained */
	bool eof;	     /* from has finished */
	bool finished;	     /* and so has to's sending side */
	bool broken; /* to refused bytes: its reset shows when it has been read to the end */
};

struct buffered {
	struct relay base;
	struct lane lanes[RELAY_DIRECTIONS];
	const struct relay_events *events;
	void *arg;
	struct event *unread_check;
	int64_t last_activity_ms;
};

static size_t waiting(const struct lane *lane)
{
	return evbuffer_get_length(bufferevent_get_output(lane->to));
}

static struct lane *lane_from(struct buffered *relay, const struct bufferevent *bev)
{
	return &relay->lanes[bev == relay->lanes[RELAY_UP].from ? RELAY_UP : RELAY_DOWN];
}

static struct lane *lane_to(struct buffered *relay, const struct bufferevent *bev)
{
	return &relay->lanes[bev == relay->lanes[RELAY_UP].to ? RELAY_UP : RELAY_DOWN];
}

static enum close_reason reset_reason(const struct buffered *relay, const struct bufferevent *bev)
{
	return bev == relay->lanes[RELAY_UP].from ? REASON_CLIENT_RESET : REASON_BACKEND_RESET;
}

static void end(struct buffered *relay, enum close_reason reason)
{
	relay->events->on_ended(relay->arg, reason);
}

static void watch_unread(struct buffered *relay)
{
	static const struct timeval delay = {.tv_usec = UNREAD_CHECK_MS * 1000};

	if (!evtimer_pending(relay->unread_check, NULL))
		evtimer_add(relay->unread_check, &delay);
}

static void pause_lane(struct lane *lane)
{
	lane->paused = true;
	bufferevent_disable(lane->from, EV_READ);
	bufferevent_setwatermark(lane->to, EV_WRITE, BUFFER_LOW, 0);
	watch_unread(lane->relay);
}

static void resume_lane(struct lane *lane)
{
	lane->paused = false;
	bufferevent_setwatermark(lane->to, EV_WRITE, 0, 0);
	if (!lane->eof)
		bufferevent_enable(lane->from, EV_READ);
}

/* Pass the FIN on if it is time. Returns true when that was the end of the relay. */
static bool finish_lane(struct lane *lane)
{
	struct buffered *relay = lane->relay;
	bool both;

	if (!lane->eof || lane->finished || waiting(lane) > 0)
		return false;
	lane->finished = true;
	/* Fails only on a connection that is gone; reading it says so too. */
	(void)shutdown(bufferevent_getfd(lane->to), SHUT_WR);
	both = relay->lanes[RELAY_UP].finished && relay->lanes[RELAY_DOWN].finished;
	if (both)
		end(relay, REASON_DONE);
	else
		relay->events->on_half_closed(relay->arg);
	return both;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct buffered *relay = arg;
	struct lane *lane = lane_from(relay, bev);
	struct evbuffer *input = bufferevent_get_input(bev);

	relay->last_activity_ms = clock_now_ms();
	lane->moved += evbuffer_get_length(input);
	if (evbuffer_add_buffer(bufferevent_get_output(lane->to), input) < 0) {
		end(relay, REASON_INTERNAL);
		return;
	}
	if (!lane->paused && waiting(lane) >= BUFFER_HIGH)
		pause_lane(lane);
}

static void on_write(struct bufferevent *bev, void *arg)
{
	struct buffered *relay = arg;
	struct lane *lane = lane_to(relay, bev);

	relay->last_activity_ms = clock_now_ms();
	if (lane->paused && waiting(lane) <= BUFFER_LOW)
		resume_lane(lane);
	(void)finish_lane(lane);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct buffered *relay = arg;
	struct lane *lane = lane_from(relay, bev);

	if (what & BEV_EVENT_ERROR) {
		end(relay, reset_reason(relay, bev));
	} else if (what & BEV_EVENT_EOF) {
		lane->eof = true;
		if (!finish_lane(lane))
			watch_unread(relay);
	}
}

/*
 * epoll does not report a reset for a descriptor that nobody waits for, and a side that has
 * finished or is paused may be such: nothing may be on its way to it either. The error tells, not
 * the TCP state, which is closed as well when both FINs have passed and bytes wait to be read.
 */
static void on_unread_check(evutil_socket_t fd, short what, void *arg)
{
	struct buffered *relay = arg;
	bool unread = false;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < RELAY_DIRECTIONS; i++) {
		struct lane *lane = &relay->lanes[i];

		if (!lane->paused && !lane->eof)
			continue;
		if (sock_take_error(bufferevent_getfd(lane->from)) != 0) {
			end(relay, reset_reason(relay, lane->from));
			return;
		}
		unread = true;
	}
	if (unread)
		watch_unread(relay);
}

static int lane_init(struct lane *lane, struct buffered *relay, struct bufferevent *from,
		     struct bufferevent *to, const struct relay_end *end)
{
	lane->relay = relay;
	lane->from = from;
	lane->to = to;
	lane->finished = end->finished;
	lane->eof = end->finished;
	if (end->undelivered != NULL &&
	    evbuffer_add_buffer(bufferevent_get_output(to), end->undelivered) < 0)
		return -1;
	lane->moved = end->delivered + waiting(lane);
	return 0;
}

/* Take the descriptor of an end that is relayed from now on. */
static void take_end(struct relay_end *end)
{
	end->fd = -1;
	if (end->undelivered != NULL)
		evbuffer_free(end->undelivered);
	end->undelivered = NULL;
}

static struct relay *buffered_start(struct relay_context *context, struct relay_end *client_end,
				    struct relay_end *backend_end,
				    const struct relay_events *events, void *arg)
{
	struct buffered *relay = calloc(1, sizeof(*relay));
	struct bufferevent *client = bufferevent_socket_new(context->base, client_end->fd, 0);
	struct bufferevent *backend = bufferevent_socket_new(context->base, backend_end->fd, 0);

	if (relay == NULL || client == NULL || backend == NULL)
		goto fail;
	relay->unread_check = evtimer_new(context->base, on_unread_check, relay);
	if (relay->unread_check == NULL)
		goto fail;
	relay->base.engine = &relay_buffered;
	relay->events = events;
	relay->arg = arg;
	relay->last_activity_ms = clock_now_ms();
	if (lane_init(&relay->lanes[RELAY_UP], relay, client, backend, backend_end) < 0 ||
	    lane_init(&relay->lanes[RELAY_DOWN], relay, backend, client, client_end) < 0)
		goto fail;
	take_end(client_end);
	take_end(backend_end);
	bufferevent_setwatermark(client, EV_READ | EV_WRITE, 0, 0);
	bufferevent_setwatermark(backend, EV_READ | EV_WRITE, 0, 0);
	bufferevent_setcb(client, on_read, on_write, on_event, relay);
	bufferevent_setcb(backend, on_read, on_write, on_event, relay);
	bufferevent_enable(client, EV_READ | EV_WRITE);
	bufferevent_enable(backend, EV_READ | EV_WRITE);
	return &relay->base;

fail:
	if (client != NULL)
		relay_release(client);
	if (backend != NULL)
		relay_release(backend);
	if (relay != NULL && relay->unread_check != NULL)
		event_free(relay->unread_check);
	free(relay);
	return NULL;
}

static void buffered_measure(struct relay *base, struct relay_progress *progress)
{
	struct buffered *relay = (struct buffered *)base;

	for (size_t i = 0; i < RELAY_DIRECTIONS; i++) {
		struct lane *lane = &relay->lanes[i];
		size_t left = waiting(lane);

		/* Bytes that a slow receiver took between two callbacks. */
		if (left < lane->waiting_seen)
			relay->last_activity_ms = clock_now_ms();
		lane->waiting_seen = left;
		progress->bytes[i] = lane->moved - left;
		progress->finished[i] = lane->finished;
	}
	progress->last_activity_ms = relay->last_activity_ms;
}

static void give_back(struct lane *lane, struct relay_end *end)
{
	struct evbuffer *output = bufferevent_get_output(lane->to);

	end->delivered = lane->moved - waiting(lane);
	end->finished = lane->finished;
	end->fd = bufferevent_getfd(lane->to);
	end->undelivered = NULL;
	/* Also thaws the ends of the buffers, which a bufferevent keeps frozen for others. */
	bufferevent_setfd(lane->to, -1);
	if (evbuffer_get_length(output) > 0) {
		end->undelivered = evbuffer_new();
		if (end->undelivered != NULL)
			evbuffer_add_buffer(end->undelivered, output);
	}
	bufferevent_free(lane->to);
}

static void buffered_stop(struct relay *base, struct relay_end *client, struct relay_end *backend)
{
	struct buffered *relay = (struct buffered *)base;

	give_back(&relay->lanes[RELAY_DOWN], client);
	give_back(&relay->lanes[RELAY_UP], backend);
	event_free(relay->unread_check);
	free(relay);
}

const struct relay_engine relay_buffered = {
    .name = "buffered",
    .start = buffered_start,
    .measure = buffered_measure,
    .stop = buffered_stop,
};
