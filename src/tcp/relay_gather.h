/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams whose bytes may wait a moment, so that one wake-up moves those of many.
 *
 * A sender that writes a kilobyte at a time wakes its reader for each of them. Where that goes on,
 * and nobody answers, the stream is gathered: its socket is not ready before RELAY_GATHER_BYTES
 * have come (SO_RCVLOWAT), and a timer has all gathered streams read every RELAY_GATHER_MS, so no
 * byte waits longer. One that pauses or is answered is gathered no more. The timer runs only while
 * there are any. One worker thread.
 */
#ifndef MMPROXY_RELAY_GATHER_H
#define MMPROXY_RELAY_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "tcp/relay_poll.h"

/* How long bytes may wait, and how many. */
#define RELAY_GATHER_MS	   1
#define RELAY_GATHER_BYTES (32u * 1024)

/* One stream, part of its lane; all zeros but the socket before its first piece. */
struct relay_gathering {
	TAILQ_ENTRY(relay_gathering) entry;
	struct relay_socket *socket; /* that it comes from */
	uint32_t since_ms;	     /* when the first of pieces came */
	uint32_t answers;	     /* as they were then */
	uint32_t bytes;		     /* of pieces */
	uint32_t tick;		     /* in which it was looked at */
	uint16_t pieces;	     /* that came without an answer */
	uint8_t quiet;		     /* ticks since bytes came */
	bool on;		     /* it is gathered */
};

/* Those of a worker. */
struct relay_gather {
	TAILQ_HEAD(relay_gatherings, relay_gathering) streams;
	size_t count;
	uint32_t tick;
	int timer_fd; /* -1: there was none, so nothing is gathered */
	struct event *timer;
};

/* Returns 0, or -1 when memory is out, after which relay_gather_fini() is safe. */
int relay_gather_init(struct relay_gather *gather, struct event_base *base)
    __attribute__((warn_unused_result));

/* After the last stream. */
void relay_gather_fini(struct relay_gather *gather);

/*
 * A piece has been read, which was all there was. answers is a number that changes when the other
 * side sends anything. The stream may be gathered from now on, or no more. Returns whether to read
 * again: what came meanwhile was less than the socket would tell of.
 */
bool relay_gather_note(struct relay_gather *gather, struct relay_gathering *stream, size_t len,
		       uint32_t answers);

/* The socket is ready for any byte again. Nothing happens to a stream that is not gathered. */
void relay_gather_end(struct relay_gather *gather, struct relay_gathering *stream);

#endif
