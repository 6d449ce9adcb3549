/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of a session's life in which bytes are relayed. */
#include "tcp/session_relay.h"

#include <event2/event.h>

#include "base/clock.h"
#include "net/keepalive.h"
#include "tcp/session_log.h"
#include "tcp/tcp_listener.h"

/* What is left of the time without a byte, and which reason its end has. -1: no limit. */
static int64_t time_left(const struct session *session, const struct relay_progress *progress,
			 enum close_reason *reason)
{
	const struct conf_listener *conf = session_conf(session);
	bool half_closed = progress->finished[RELAY_UP] || progress->finished[RELAY_DOWN];
	int64_t limit_ms = conf->idle_timeout_ms;

	*reason = REASON_IDLE_TIMEOUT;
	if (half_closed && conf->half_close_timeout_ms != 0 &&
	    (limit_ms == 0 || conf->half_close_timeout_ms < limit_ms)) {
		limit_ms = conf->half_close_timeout_ms;
		*reason = REASON_HALF_CLOSE_TIMEOUT;
	}
	if (limit_ms == 0)
		return -1;
	limit_ms -= clock_now_ms() - progress->last_activity_ms;
	return limit_ms > 0 ? limit_ms : 0;
}

/*
 * Keepalive is for connections that live longer than its time; most do not, and it takes eight
 * system calls. Returns how long it has to wait; -1: it need not any more.
 */
static int64_t start_keepalive(struct session *session)
{
	uint32_t idle_ms = session_conf(session)->tcp_keepalive_ms;
	int64_t left_ms;

	if (idle_ms == 0 || session->keepalive)
		return -1;
	left_ms = keepalive_idle_ms(session->client_fd, idle_ms) -
		  (clock_now_ms() - session->connected_ms);
	if (left_ms > 0)
		return left_ms;
	session->keepalive = true;
	/* A socket that has been silent all the time is probed at once. */
	if (keepalive_start(session->client_fd, idle_ms) < 0 ||
	    keepalive_start(session->backend_fd, idle_ms) < 0)
		session_log_step(session, "no keepalive");
	return -1;
}

/* No timer moves with the bytes: it looks when they last moved, and sleeps for the rest. */
void session_relay_watch(struct session *session)
{
	struct relay_progress progress;
	enum close_reason reason;
	int64_t keepalive_ms;
	int64_t left_ms;

	relay_measure(session->relay, &progress);
	left_ms = time_left(session, &progress, &reason);
	if (left_ms == 0) {
		session_close(session, reason);
		return;
	}
	keepalive_ms = start_keepalive(session);
	if (left_ms < 0 || (keepalive_ms >= 0 && keepalive_ms < left_ms))
		left_ms = keepalive_ms;
	if (left_ms >= 0 && session_arm(session, left_ms) < 0)
		session_close(session, REASON_INTERNAL);
}

static void on_half_closed(void *arg)
{
	struct session *session = arg;

	/*
	 * The deadline may be nearer now; look again outside the relay's hands. That takes no
	 * memory, as setting the timer might.
	 */
	event_active(&session->timer, EV_TIMEOUT, 0);
}

static void on_relay_ended(void *arg, enum close_reason reason)
{
	session_close(arg, reason);
}

static const struct relay_events relay_events = {
    .on_half_closed = on_half_closed,
    .on_ended = on_relay_ended,
};

static void start_engine(struct session *session, bool backend_reset)
{
	const struct relay_engine *engine =
	    session_conf(session)->relay == CONF_RELAY_BUFFERED ? &relay_buffered : &relay_splice;
	atomic_uint_fast64_t *bytes = session->listener->common.stats->bytes;
	struct relay_end client = {.fd = session->client_fd, .total = &bytes[STATS_DOWN]};
	/* What came behind the header goes out before anything that comes later. */
	struct relay_end backend = {
	    .fd = session->backend_fd,
	    .undelivered = session->payload,
	    .total = &bytes[STATS_UP],
	    .reset = backend_reset,
	};

	session->relay =
	    engine->start(session->listener->relays, &client, &backend, &relay_events, session);
	session->payload = backend.undelivered;
}

void session_relay_start(struct session *session, bool backend_reset)
{
	session->connected_ms = clock_now_ms();
	stats_add_connected(session->listener->common.stats,
			    (uint64_t)(clock_now_us() - session->dialled_us));
	session_stop_waiting(session);
	session_log_step(session, "connected");
	start_engine(session, backend_reset);
	if (session->relay == NULL) {
		session_close(session, REASON_INTERNAL);
		return;
	}
	session->state = SESSION_RELAYING;
	session_relay_watch(session);
}
