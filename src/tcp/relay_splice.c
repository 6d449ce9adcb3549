/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The relay engine that drives both sockets itself: small reads through the worker's one read
 * buffer, bulk through the kernel by splice(2). An idle connection has nothing but its two sockets.
 */
#include "tcp/relay.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/sock.h"
#include "tcp/relay_lane.h"

enum side_name { CLIENT, BACKEND, SIDES };

struct spliced {
	struct relay base;
	struct relay_context *context;
	const struct relay_events *events;
	void *arg;
	struct relay_delivery delivery; /* of what a side sent before its reset */
	enum close_reason reset_reason; /* REASON_DONE: nobody has been reset */
	bool ended;			/* on_ended has been called */
	struct relay_side sides[SIDES];
	struct relay_lane lanes[RELAY_DIRECTIONS];
};

static bool is_over(const struct spliced *relay)
{
	return relay->lanes[RELAY_UP].finished && relay->lanes[RELAY_DOWN].finished;
}

static void end(struct spliced *relay, enum close_reason reason)
{
	relay->ended = true;
	relay->events->on_ended(relay->arg, reason);
}

static uint64_t delivered(const struct spliced *relay)
{
	return relay->lanes[RELAY_UP].delivered + relay->lanes[RELAY_DOWN].delivered;
}

/* Pass a FIN on if it is time. Returns whether it was. */
static bool finish(struct spliced *relay, struct relay_lane *lane)
{
	if (!lane->eof || lane->finished || lane->from->reset || relay_lane_is_pending(lane))
		return false;
	lane->finished = true;
	/* Behind the last FIN both sockets are closed, which sends it. */
	if (!is_over(relay))
		(void)shutdown(lane->to->socket.fd, SHUT_WR);
	return true;
}

/* ---- resets ---- */

/* Whether all that a side sent before its reset has been passed on, or never will be. */
static bool is_delivered(const struct relay_lane *lane)
{
	return lane->to->reset || (lane->eof && !relay_lane_is_pending(lane));
}

/* The receiver takes no more of what came before the reset. */
static void give_up_delivery(struct spliced *relay)
{
	struct relay_lane *lane =
	    &relay->lanes[relay->reset_reason == REASON_CLIENT_RESET ? RELAY_UP : RELAY_DOWN];

	/* Here, so that nobody reads a pipe out into memory to throw that away. */
	lane->lost = relay_lane_is_pending(lane);
	relay_lane_close(lane);
	end(relay, relay->reset_reason);
}

/* Go on after a reset: nothing more for that side, all of what came from it for the other. */
static void run_after_reset(struct spliced *relay, uint64_t delivered_before)
{
	struct relay_side *sides = relay->sides;
	struct relay_lane *from_reset;
	struct relay_lane *to_reset;
	bool begins = relay->reset_reason == REASON_DONE;

	if (begins)
		relay->reset_reason =
		    sides[CLIENT].reset ? REASON_CLIENT_RESET : REASON_BACKEND_RESET;
	if (relay->reset_reason == REASON_CLIENT_RESET) {
		from_reset = &relay->lanes[RELAY_UP];
		to_reset = &relay->lanes[RELAY_DOWN];
	} else {
		from_reset = &relay->lanes[RELAY_DOWN];
		to_reset = &relay->lanes[RELAY_UP];
	}
	relay_lane_close(to_reset);
	if (is_delivered(from_reset))
		end(relay, relay->reset_reason);
	else if ((begins || delivered(relay) != delivered_before) &&
		 !relay_delivery_moved(&relay->context->deliveries, &relay->delivery))
		give_up_delivery(relay);
}

static void on_given_up(struct relay_delivery *delivery)
{
	give_up_delivery((struct spliced *)((char *)delivery - offsetof(struct spliced, delivery)));
}

/* ---- deciding ---- */

/* Move what can be moved. May end the relay, and with it free it. */
static void run(struct spliced *relay)
{
	uint64_t delivered_before = delivered(relay);
	bool finished_one = false;
	bool again = false;

	if (relay->ended)
		return;
	for (size_t i = 0; i < RELAY_DIRECTIONS; i++) {
		enum relay_lane_state state = relay_lane_pump(&relay->lanes[i]);

		if (state == RELAY_LANE_NO_MEMORY) {
			end(relay, REASON_INTERNAL);
			return;
		}
		again |= state == RELAY_LANE_TURN_OVER;
	}
	if (again)
		relay_poll_again(&relay->context->poll, &relay->sides[CLIENT].socket);
	/* Only now: an end may be a reset that the other direction has met by writing. */
	if (relay->sides[CLIENT].reset || relay->sides[BACKEND].reset) {
		run_after_reset(relay, delivered_before);
		return;
	}
	for (size_t i = 0; i < RELAY_DIRECTIONS; i++)
		finished_one |= finish(relay, &relay->lanes[i]);
	if (is_over(relay))
		end(relay, REASON_DONE);
	else if (finished_one)
		relay->events->on_half_closed(relay->arg);
}

static void on_ready(struct relay_socket *socket, uint32_t events)
{
	struct relay_side *side = (struct relay_side *)socket;

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		side->readable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		side->hung_up = true;
	if (events & EPOLLPRI)
		side->urgent = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		side->writable = true;
	/*
	 * Reading does not come across a reset behind a FIN, or while the other side takes no more.
	 * Once the error is taken, reading ends with 0.
	 */
	if ((events & EPOLLERR) && sock_take_error(socket->fd) != 0)
		side->reset = true;
	run(side->relay);
}

/* ---- starting and stopping ---- */

static void side_init(struct relay_side *side, struct spliced *relay, struct relay_end *end)
{
	side->relay = relay;
	side->socket.fd = end->fd;
	side->socket.on_ready = on_ready;
	side->writable = true;
	side->reset = end->reset;

	end->fd = -1;
}

static struct relay *splice_start(struct relay_context *context, struct relay_end *client,
				  struct relay_end *backend, const struct relay_events *events,
				  void *arg)
{
	struct spliced *relay = calloc(1, sizeof(*relay));
	struct relay_side *sides;

	if (relay == NULL)
		return NULL;
	sides = relay->sides;
	relay->base.engine = &relay_splice;
	relay->context = context;
	relay->events = events;
	relay->arg = arg;
	relay->delivery.on_given_up = on_given_up;
	sides[CLIENT].socket.fd = client->fd;
	sides[BACKEND].socket.fd = backend->fd;
	if (relay_poll_add(&context->poll, &sides[CLIENT].socket) < 0)
		goto fail;
	if (relay_poll_add(&context->poll, &sides[BACKEND].socket) < 0) {
		relay_poll_remove(&context->poll, &sides[CLIENT].socket);
		goto fail;
	}
	side_init(&sides[CLIENT], relay, client);
	side_init(&sides[BACKEND], relay, backend);
	relay_lane_init(&relay->lanes[RELAY_UP], context, &sides[CLIENT], &sides[BACKEND], backend);
	relay_lane_init(&relay->lanes[RELAY_DOWN], context, &sides[BACKEND], &sides[CLIENT],
			client);
	/* The request that came with the header; if it fails, the first event says so. */
	relay_lane_pump(&relay->lanes[RELAY_UP]);
	return &relay->base;

fail:
	free(relay);
	return NULL;
}

static void splice_measure(struct relay *base, struct relay_progress *progress)
{
	struct spliced *relay = (struct spliced *)base;

	progress->last_activity_ms = 0;
	for (size_t i = 0; i < RELAY_DIRECTIONS; i++) {
		const struct relay_lane *lane = &relay->lanes[i];

		progress->bytes[i] = lane->delivered;
		progress->finished[i] = lane->finished;
		if (progress->last_activity_ms < lane->moved_ms)
			progress->last_activity_ms = lane->moved_ms;
	}
}

static void splice_stop(struct relay *base, struct relay_end *client, struct relay_end *backend)
{
	struct spliced *relay = (struct spliced *)base;
	/* The descriptors are closed before the loop goes on. */
	void (*unwatch)(struct relay_poll * poll, struct relay_socket * socket) =
	    is_over(relay) ? relay_poll_forget : relay_poll_remove;

	relay_delivery_end(&relay->context->deliveries, &relay->delivery);
	unwatch(&relay->context->poll, &relay->sides[CLIENT].socket);
	unwatch(&relay->context->poll, &relay->sides[BACKEND].socket);
	relay_lane_fini(&relay->lanes[RELAY_DOWN], client);
	relay_lane_fini(&relay->lanes[RELAY_UP], backend);
	free(relay);
}

const struct relay_engine relay_splice = {
    .name = "splice",
    .start = splice_start,
    .measure = splice_measure,
    .stop = splice_stop,
};
