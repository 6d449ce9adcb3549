/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One direction of relay_splice: from one socket to the other, by copying or through a pipe.
 *
 * A lane holds a buffer only while its receiver takes less than came, a pipe only while bulk moves,
 * and reads nothing while it holds anything. One worker thread.
 */
#ifndef MMPROXY_RELAY_LANE_H
#define MMPROXY_RELAY_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/buffer.h>

#include "tcp/relay.h"
#include "tcp/relay_context.h"

/*
 * What a lane may move in one pass of the worker's loop: some 50 microseconds of work, a few round
 * trips of a chatty neighbour at the most.
 */
#define RELAY_LANE_TURN (256u * 1024)

/*
 * What may stand unsent in a receiver's socket, once bulk has begun: enough for it to send while
 * the worker serves others, and little to grow old in front of a receiver that is slow.
 */
#define RELAY_LANE_UNSENT RELAY_LANE_TURN

/* One socket. Both lanes use it: one reads from it, the other writes to it. */
struct relay_side {
	struct relay_socket socket; /* first: its on_ready finds the side by it */
	void *relay;		    /* whose side it is */
	uint32_t reads;		    /* that found bytes */
	bool readable;		    /* until a read finds nothing, or less than it asked for */
	bool writable;		    /* until a write finds no room */
	bool hung_up;		    /* FIN or reset has come, so that no further edge will */
	bool urgent;		    /* an urgent byte has come and may not have been read */
	bool reset;		    /* what it sent before may still be read */
};

struct relay_lane {
	struct relay_context *context;
	struct relay_side *from;
	struct relay_side *to;
	struct evbuffer *kept;	/* read, and not taken yet; NULL: nothing */
	struct pipe_pair *pipe; /* NULL: copying */
	struct relay_gathering gathering;
	uint64_t delivered;	     /* bytes that to's socket has taken */
	atomic_uint_fast64_t *total; /* they are added to that as well; &no_total: to nothing */
	atomic_uint_fast64_t no_total;
	int64_t moved_ms;   /* clock_now_ms() when it last took some */
	uint32_t pass;	    /* of the loop, that turn_left is of */
	uint32_t turn_left; /* bytes */
	char urgent_byte;
	bool urgent_kept; /* urgent_byte has been read, and not taken yet */
	bool copying;	  /* bulk does without a pipe, until from runs dry */
	bool flowing;	  /* to has taken all of the last copy at once */
	bool paced;	  /* to's bytes wait for their time */
	bool had_bulk;	  /* to has been asked for pacing, and told RELAY_LANE_UNSENT */
	bool eof;	  /* nothing more comes from from */
	bool finished;	  /* and to has been sent a FIN */
	bool closed;	  /* to has been reset: nothing is read any more */
	bool lost;	  /* there was no memory for bytes that had been read */
};

/* What moving bytes has come to. */
enum relay_lane_state {
	RELAY_LANE_WAITS,     /* for an event, or for ever */
	RELAY_LANE_TURN_OVER, /* there is more to do in the next pass */
	RELAY_LANE_NO_MEMORY, /* bytes have been lost */
};

/* Begin where end, the receiver's, was left; takes its undelivered bytes. */
void relay_lane_init(struct relay_lane *lane, struct relay_context *context,
		     struct relay_side *from, struct relay_side *to, struct relay_end *end);

/*
 * Move what can be moved, at most RELAY_LANE_TURN bytes a pass of the loop. Sets reset of a side
 * where reading or writing finds it.
 */
enum relay_lane_state relay_lane_pump(struct relay_lane *lane);

/* Whether something was read that the receiver has not taken. */
bool relay_lane_is_pending(const struct relay_lane *lane);

/* The receiver has been reset: drop what it was to get, and read no more. */
void relay_lane_close(struct relay_lane *lane);

/*
 * Fill in what the receiver's end says of the lane, with what is pending, and free what the lane
 * holds.
 */
void relay_lane_fini(struct relay_lane *lane, struct relay_end *end);

#endif
