/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What carries bytes between client and backend once both are connected: one interface, several
 * engines.
 *
 * A FIN passes on as a FIN behind the last byte, in each direction by itself. What a side sent
 * before it reset is delivered as at any other time, from the kernel's buffers and at the
 * receiver's pace; the reset is the end that comes behind it, or when the receiver takes nothing
 * for a while (relay_delivery.h). An engine closes nothing: it says that the end has come, and
 * gives both ends back when it is stopped. One worker thread.
 */
#ifndef MMPROXY_RELAY_H
#define MMPROXY_RELAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <event2/buffer.h>

#include "base/reason.h"

enum relay_direction { RELAY_UP, RELAY_DOWN, RELAY_DIRECTIONS }; /* up: client to backend */

struct relay_progress {
	uint64_t bytes[RELAY_DIRECTIONS]; /* taken by the receiver's socket since the first start */
	int64_t last_activity_ms;	  /* clock_now_ms() when a byte last moved */
	bool finished[RELAY_DIRECTIONS];  /* the FIN has been passed on */
};

struct relay_events {
	/* One direction has finished, the other has not. */
	void (*on_half_closed)(void *arg);

	/*
	 * Nothing will move any more: REASON_DONE, REASON_CLIENT_RESET, REASON_BACKEND_RESET, or
	 * REASON_INTERNAL when memory is out. The callback may stop the relay; it is the last one
	 * either way.
	 */
	void (*on_ended)(void *arg, enum close_reason reason);
};

/*
 * One end of a connection, as it goes into an engine and comes out again: what stop() gives back is
 * what start() of any engine goes on with, and no byte is lost or doubled between them.
 */
struct relay_end {
	int fd;			      /* connected, non-blocking, with SO_OOBINLINE; -1: none */
	struct evbuffer *undelivered; /* bytes for it that its socket has not taken; NULL: none */
	uint64_t delivered;	      /* bytes that its socket has taken, since the first start() */
	atomic_uint_fast64_t *total;  /* what it takes from now on is added; NULL: to nothing */
	bool urgent;		      /* undelivered is one byte, an urgent one */
	bool finished;		      /* it has been sent a FIN: the other end's stream is over */
	bool reset; /* it has been reset, and the error taken; its last bytes may be unread */
	bool lost;  /* there was no memory for bytes it was to get: all it may get is a reset */
};

/* An engine's own relay begins with this. */
struct relay {
	const struct relay_engine *engine;
};

struct relay_context;

struct relay_engine {
	const char *name;

	/*
	 * Take the descriptors and buffers of both ends, which are -1 and NULL then, and relay.
	 * Returns NULL when memory is out, and then takes nothing. Calls no event before it has
	 * returned. context, events and arg must outlive the relay.
	 */
	struct relay *(*start)(struct relay_context *context, struct relay_end *client,
			       struct relay_end *backend, const struct relay_events *events,
			       void *arg);

	/* Where it is now. */
	void (*measure)(struct relay *relay, struct relay_progress *progress);

	/*
	 * Free the relay and fill in both ends; their descriptors and undelivered bytes become the
	 * caller's. After REASON_DONE the descriptors are to be closed at once, which may send the
	 * last FIN.
	 */
	void (*stop)(struct relay *relay, struct relay_end *client, struct relay_end *backend);
};

/* As the engine's functions of these names. */
static inline void relay_measure(struct relay *relay, struct relay_progress *progress)
{
	relay->engine->measure(relay, progress);
}

static inline void relay_stop(struct relay *relay, struct relay_end *client,
			      struct relay_end *backend)
{
	relay->engine->stop(relay, client, backend);
}

/* The default: copies what is small, and lets the kernel move what is not. */
extern const struct relay_engine relay_splice;

/* libevent's events and buffers: works anywhere, copies every byte through user memory. */
extern const struct relay_engine relay_buffered;

#endif
