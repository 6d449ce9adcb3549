/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams whose bytes may wait a moment, so that one wake-up moves those of many. */
#include "tcp/relay_gather.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/sock.h"

/*
 * What makes a stream: so many pieces and bytes within the time, and no answer. It is half a piece
 * a millisecond and 2 MB a second; below, waking up costs little, and bytes may be somebody's keys.
 */
#define PIECES	  32
#define BYTES_MIN (128u * 1024)
#define WINDOW_MS 64

/* Bytes of a piece, on average, from which on it is worth a wake-up of its own. */
#define PIECE_LARGE (8u * 1024)

/* Ticks without a byte that end it: its sender may have waited for the processor. */
#define QUIET_MAX 16

/* Looked at in one tick: as many as a pass of the worker's loop serves. */
#define STREAMS_MAX 256

static void set_timer(struct relay_gather *gather, long ms)
{
	const struct timespec period = {.tv_nsec = ms * 1000000};
	const struct itimerspec timer = {.it_interval = period, .it_value = period};

	(void)timerfd_settime(gather->timer_fd, 0, &timer, NULL);
}

static void begin(struct relay_gather *gather, struct relay_gathering *stream)
{
	if (gather->timer_fd < 0 || gather->count >= STREAMS_MAX)
		return;
	if (gather->count++ == 0)
		set_timer(gather, RELAY_GATHER_MS);
	TAILQ_INSERT_TAIL(&gather->streams, stream, entry);
	stream->tick = gather->tick;
	stream->on = true;
	stream->quiet = 0;
	sock_wake_after(stream->socket->fd, RELAY_GATHER_BYTES);
}

/* Each stream that was there before this tick, once: those that were looked at stand behind. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct relay_gather *gather = arg;
	struct relay_gathering *stream;
	uint64_t missed;

	(void)what;
	if (read(fd, &missed, sizeof(missed)) < 0)
		return;
	gather->tick++;
	while ((stream = TAILQ_FIRST(&gather->streams)) != NULL && stream->tick != gather->tick) {
		TAILQ_REMOVE(&gather->streams, stream, entry);
		TAILQ_INSERT_TAIL(&gather->streams, stream, entry);
		stream->tick = gather->tick;
		if (stream->quiet++ >= QUIET_MAX)
			relay_gather_end(gather, stream);
		/* It may free the stream. */
		stream->socket->on_ready(stream->socket, EPOLLIN);
	}
}

int relay_gather_init(struct relay_gather *gather, struct event_base *base)
{
	TAILQ_INIT(&gather->streams);
	gather->count = 0;
	gather->tick = 0;
	gather->timer = NULL;
	/* The loop's own timers are only as exact as the system's tick, 1 to 10 ms. */
	gather->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (gather->timer_fd < 0)
		return 0;
	gather->timer = event_new(base, gather->timer_fd, EV_READ | EV_PERSIST, on_tick, gather);
	if (gather->timer == NULL || event_add(gather->timer, NULL) < 0)
		return -1;
	return 0;
}

void relay_gather_fini(struct relay_gather *gather)
{
	if (gather->timer != NULL)
		event_free(gather->timer);
	if (gather->timer_fd >= 0)
		close(gather->timer_fd);
	gather->timer = NULL;
	gather->timer_fd = -1;
}

bool relay_gather_note(struct relay_gather *gather, struct relay_gathering *stream, size_t len,
		       uint32_t answers)
{
	bool is_small;
	uint32_t now_ms;

	stream->quiet = 0;
	if (answers != stream->answers) {
		bool was_on = stream->on;

		stream->answers = answers;
		relay_gather_end(gather, stream);
		return was_on;
	}
	if (stream->on)
		return false;
	if (stream->pieces++ == 0) {
		stream->since_ms = (uint32_t)clock_now_ms();
		stream->bytes = 0;
	}
	stream->bytes += (uint32_t)len;
	if (stream->pieces < PIECES || stream->bytes < BYTES_MIN)
		return false;
	is_small = stream->bytes / stream->pieces < PIECE_LARGE;
	stream->pieces = 0;
	now_ms = (uint32_t)clock_now_ms();
	if (is_small && now_ms - stream->since_ms <= WINDOW_MS)
		begin(gather, stream);
	return false;
}

void relay_gather_end(struct relay_gather *gather, struct relay_gathering *stream)
{
	stream->pieces = 0;
	if (!stream->on)
		return;
	stream->on = false;
	TAILQ_REMOVE(&gather->streams, stream, entry);
	if (--gather->count == 0)
		set_timer(gather, 0);
	sock_wake_after(stream->socket->fd, 1);
}
