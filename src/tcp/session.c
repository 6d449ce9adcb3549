/* SPDX-License-Identifier: BSD-2-Clause */
/* One client from accept to close. */
#include "tcp/session.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "base/clock.h"
#include "net/dial.h"
#include "net/sock.h"
#include "service/route.h"
#include "tcp/relay_context.h"
#include "tcp/session_log.h"
#include "tcp/tcp_listener.h"

/*
 * How long a source port in use is tried again. The usual cause is the client's former connection,
 * in TIME_WAIT on mmproxy's side, which loopback may reuse after net.ipv4.tcp_tw_reuse_delay (1 s).
 */
#define CONFLICT_PATIENCE_MS 1100
#define CONFLICT_FIRST_MS    10
#define CONFLICT_LAST_MS     100

/* Read at once from a new connection, at most: as much as libevent reads later. */
#define FIRST_READ_MAX 4096

/* Bytes read out of a side that was reset, at most; its kernel may hold more. */
#define SALVAGE_MAX (4u * 1024 * 1024)

static void dial_backend(struct session *session);

static const struct conf_listener *conf_of(const struct session *session)
{
	return session->listener->service->conf;
}

static void arm(struct session *session, int64_t delay_ms)
{
	const struct timeval delay = {.tv_sec = (time_t)(delay_ms / 1000),
				      .tv_usec = (suseconds_t)(delay_ms % 1000 * 1000)};

	/* Fails only when the timers' heap cannot grow: then the state has no deadline. */
	(void)evtimer_add(&session->timer, &delay);
}

/* ---- relaying ---- */

/* What is left of the time without a byte, and which reason its end has. -1: no limit. */
static int64_t time_left(const struct session *session, const struct relay_progress *progress,
			 enum close_reason *reason)
{
	const struct conf_listener *conf = conf_of(session);
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
	uint32_t idle_ms = conf_of(session)->tcp_keepalive_ms;
	int64_t left_ms = idle_ms - (clock_now_ms() - session->connected_ms);

	if (idle_ms == 0 || session->keepalive)
		return -1;
	if (left_ms > 0)
		return left_ms;
	session->keepalive = true;
	/* A socket that has been silent all the time is probed at once. */
	if (sock_set_keepalive(session->client_fd, idle_ms) < 0 ||
	    sock_set_keepalive(session->backend_fd, idle_ms) < 0)
		session_log_step(session, "no keepalive");
	return -1;
}

/* No timer moves with the bytes: it looks when they last moved, and sleeps for the rest. */
static void watch_relay(struct session *session)
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
	if (left_ms >= 0)
		arm(session, left_ms);
}

static void on_half_closed(void *arg)
{
	struct session *session = arg;

	/* The deadline may be nearer now; a zero-length sleep looks again outside the relay's
	 * hands. */
	arm(session, 0);
}

static void on_relay_ended(void *arg, enum close_reason reason)
{
	session_close(arg, reason);
}

static const struct relay_events relay_events = {
    .on_half_closed = on_half_closed,
    .on_ended = on_relay_ended,
};

/* What came behind the header goes out before anything that comes later. */
static void forward_payload(struct session *session)
{
	struct evbuffer *output = bufferevent_get_output(session->backend);

	if (session->filtered != NULL) {
		evbuffer_add_buffer(output, bufferevent_get_input(session->filtered));
		bufferevent_free(session->filtered);
		session->filtered = NULL;
		session->filter = NULL;
	}
	evbuffer_add_buffer(output, bufferevent_get_input(session->client));
}

static void on_backend_connected(struct session *session)
{
	struct bufferevent *client = session->client;
	struct bufferevent *backend = session->backend;
	const struct relay_engine *engine =
	    conf_of(session)->relay == CONF_RELAY_BUFFERED ? &relay_buffered : &relay_splice;

	session->connected_ms = clock_now_ms();
	evtimer_del(&session->timer);
	session_log_step(session, "connected");
	forward_payload(session);
	session->client_fd = bufferevent_getfd(client);
	session->backend_fd = bufferevent_getfd(backend);
	session->relay =
	    engine->start(session->listener->relays, client, backend, &relay_events, session);
	if (session->relay == NULL) {
		session_close(session, REASON_INTERNAL);
		return;
	}
	session->client = NULL;
	session->backend = NULL;
	session->state = SESSION_RELAYING;
	watch_relay(session);
}

/* ---- dialling ---- */

static void on_backend_event(struct bufferevent *bev, short what, void *arg)
{
	struct session *session = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		on_backend_connected(session);
		return;
	}
	session->error = EVUTIL_SOCKET_ERROR();
	session_close(session, dial_reason(session->error));
}

/* The source port is taken: wait a little, then do as source_port says. */
static void on_conflict(struct session *session)
{
	if (clock_now_ms() - session->dialled_ms < CONFLICT_PATIENCE_MS) {
		session->state = SESSION_WAITING;
		arm(session, session->retry_ms);
		session->retry_ms *= 2;
		if (session->retry_ms > CONFLICT_LAST_MS)
			session->retry_ms = CONFLICT_LAST_MS;
	} else if (conf_of(session)->source_port == CONF_SOURCE_FALLBACK && !session->any_port) {
		session->any_port = true;
		stats_add(&session->listener->stats.source_fallbacks, 1);
		session_log_step(session, "source port taken, using another");
		dial_backend(session);
	} else {
		session_close(session, REASON_SOURCE_CONFLICT);
	}
}

static void dial_backend(struct session *session)
{
	const struct dial_request request = {
	    .source = session->source,
	    .any_port = session->any_port,
	    .target = session->target,
	    .mark = conf_of(session)->mark,
	};
	enum close_reason reason;
	int fd = dial(&request, &reason);

	if (fd < 0) {
		session->error = errno;
		if (reason == REASON_SOURCE_CONFLICT)
			on_conflict(session);
		else
			session_close(session, reason);
		return;
	}
	session->error = 0;
	session->backend = bufferevent_socket_new(session->listener->base, fd, 0);
	if (session->backend == NULL) {
		sock_close(fd);
		session_close(session, REASON_INTERNAL);
		return;
	}
	if (sock_is_connected(fd)) {
		/* On loopback the handshake is over when connect(2) returns. */
		on_backend_connected(session);
		return;
	}
	session->state = SESSION_DIALLING;
	session_log_step(session, "connecting");
	arm(session, conf_of(session)->connect_timeout_ms);
	bufferevent_setcb(session->backend, NULL, NULL, on_backend_event, session);
	/* Without an address: connect(2) is under way already. */
	if (bufferevent_socket_connect(session->backend, NULL, 0) < 0)
		session_close(session, REASON_INTERNAL);
}

static void start_dialling(struct session *session, const struct proxy_header *header)
{
	struct route route;
	enum close_reason reason =
	    route_find(session->listener->service, &session->peer, header, &route);

	session->source = route.source;
	session->target = route.target;
	if (reason != REASON_DONE) {
		session_close(session, reason);
		return;
	}
	session->any_port =
	    addr_is_set(&route.source) && conf_of(session)->source_port == CONF_SOURCE_EPHEMERAL;
	session->dialled_ms = clock_now_ms();
	session->retry_ms = CONFLICT_FIRST_MS;
	dial_backend(session);
}

/* ---- header ---- */

static void on_header_read(struct bufferevent *bev, void *arg)
{
	struct session *session = arg;
	const struct proxy_header *header;

	switch (header_filter_status(session->filter)) {
	case PROXY_NEED_MORE:
		return;
	case PROXY_ERROR:
		session->header_error = header_filter_error(session->filter);
		session_close(session, REASON_HEADER_INVALID);
		return;
	case PROXY_OK:
		break;
	}
	/* What is not read stays with the kernel, and so with the sender, until there is a backend.
	 */
	bufferevent_disable(bev, EV_READ);
	evtimer_del(&session->timer);
	header = header_filter_header(session->filter);
	session->header_version = header->version;
	session->tlvs = tlv_copy_new(header);
	start_dialling(session, header);
}

static void on_header_event(struct bufferevent *bev, short what, void *arg)
{
	struct session *session = arg;

	(void)bev;
	(void)what;
	/* FIN or reset: either way there is nobody left to serve. */
	if (session->state == SESSION_HEADER)
		session_close(session, REASON_CLIENT_CLOSED_EARLY);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct session *session = arg;

	(void)fd;
	(void)what;
	switch (session->state) {
	case SESSION_HEADER:
		session_close(session, REASON_HEADER_TIMEOUT);
		break;
	case SESSION_WAITING:
		dial_backend(session);
		break;
	case SESSION_DIALLING:
		session_close(session, REASON_BACKEND_TIMEOUT);
		break;
	case SESSION_RELAYING:
		watch_relay(session);
		break;
	}
}

/* Mostly the header is there already, and need not be waited for. May close the session. */
static void read_at_once(struct session *session)
{
	struct pipe_pool *pipes = &session->listener->relays->pipes;
	struct evbuffer *input = bufferevent_get_input(session->client);
	ssize_t got =
	    recv(bufferevent_getfd(session->client), pipes->scratch, FIRST_READ_MAX, MSG_DONTWAIT);
	int added;

	/* An end or an error is there for the loop to find. */
	if (got <= 0)
		return;
	/* A bufferevent lets nobody else add to its input. */
	evbuffer_unfreeze(input, 0);
	added = evbuffer_add(input, pipes->scratch, (size_t)got);
	evbuffer_freeze(input, 0);
	if (added < 0)
		session_close(session, REASON_INTERNAL);
	else
		bufferevent_trigger(session->client, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
}

static void read_header(struct session *session)
{
	session->filtered =
	    header_filter_new(session->client, conf_of(session)->header_max, &session->filter);
	if (session->filtered == NULL) {
		session_close(session, REASON_INTERNAL);
		return;
	}
	session->state = SESSION_HEADER;
	arm(session, conf_of(session)->header_timeout_ms);
	bufferevent_setcb(session->filtered, on_header_read, NULL, on_header_event, session);
	bufferevent_enable(session->filtered, EV_READ);
	read_at_once(session);
}

/* ---- opening and closing ---- */

static struct session *session_new(struct tcp_listener *listener, int fd, const struct addr *peer)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		return NULL;
	session->client = bufferevent_socket_new(listener->base, fd, 0);
	if (session->client == NULL) {
		free(session);
		return NULL;
	}
	session->listener = listener;
	session->peer = *peer;
	session->accepted_ms = clock_now_ms();
	evtimer_assign(&session->timer, listener->base, on_timer, session);
	LIST_INSERT_HEAD(&listener->sessions, session, entry);
	return session;
}

int session_open(struct tcp_listener *listener, int fd, const struct addr *peer, bool headerless)
{
	struct session *session = session_new(listener, fd, peer);

	if (session == NULL)
		return -1;
	session_log_step(session, "accepted");
	if (headerless)
		start_dialling(session, NULL);
	else
		read_header(session);
	return 0;
}

/* Whether the reason leaves a side that has all its bytes in good order. */
static bool is_orderly(enum close_reason reason)
{
	return reason == REASON_DONE || reason == REASON_CLIENT_CLOSED_EARLY ||
	       reason == REASON_IDLE_TIMEOUT || reason == REASON_HALF_CLOSE_TIMEOUT ||
	       reason == REASON_SHUTDOWN;
}

/*
 * A close that loses no byte is a FIN, one that does is a RST. After REASON_DONE both FINs have
 * gone their way already, and the kernel sees to the rest.
 */
static void close_side(struct session *session, struct relay_side *side, enum close_reason reason,
		       bool foreign, uint32_t mark)
{
	if (side->fd < 0)
		return;
	if (reason == REASON_DONE ||
	    (is_orderly(reason) && side->undelivered == NULL &&
	     sock_unacknowledged(side->fd) == 0 && sock_unread(side->fd) == 0))
		sock_close(side->fd);
	else
		reset_take(session->listener->resets, side->fd, side->undelivered, foreign, mark);
}

/*
 * What a side sent before it reset still goes to the other one. Some of it may not have been read:
 * the reset may be met by writing, or while the other side takes no more, or before the connection
 * was even seen to be there.
 */
static void salvage(int from, struct relay_side *to)
{
	size_t salvaged = 0;
	int got = 1;

	if (from < 0 || to->fd < 0)
		return;
	if (to->undelivered == NULL)
		to->undelivered = evbuffer_new();
	while (to->undelivered != NULL && got > 0 && salvaged < SALVAGE_MAX) {
		got = evbuffer_read(to->undelivered, from, -1);
		if (got > 0)
			salvaged += (size_t)got;
	}
}

/* What came before a reset is passed on after the relay's end, and counts as passed on. */
static uint64_t outstanding(const struct relay_side *side)
{
	return side->undelivered != NULL ? evbuffer_get_length(side->undelivered) : 0;
}

void session_close(struct session *session, enum close_reason reason)
{
	struct tcp_listener *listener = session->listener;
	const struct conf_listener *conf = listener->service->conf;
	struct relay_progress progress = {0};
	struct relay_side client = {.fd = -1};
	struct relay_side backend = {.fd = -1};

	evtimer_del(&session->timer);
	if (session->relay != NULL) {
		relay_measure(session->relay, &progress);
		relay_stop(session->relay, &client, &backend);
	}
	if (session->filtered != NULL)
		bufferevent_free(session->filtered);
	if (session->client != NULL)
		relay_release(session->client, &client);
	if (session->backend != NULL)
		relay_release(session->backend, &backend);
	if (reason == REASON_CLIENT_RESET) {
		salvage(client.fd, &backend);
		progress.bytes[RELAY_UP] += outstanding(&backend);
	} else if (reason == REASON_BACKEND_RESET) {
		salvage(backend.fd, &client);
		progress.bytes[RELAY_DOWN] += outstanding(&client);
	}
	session_log_end(session, reason, &progress);
	if (reason == REASON_BACKEND_TIMEOUT && addr_is_set(&session->source))
		service_explain_routes(listener->service, &session->target);
	close_side(session, &client, reason, conf->listen_transparent, 0);
	close_side(session, &backend, reason, addr_is_set(&session->source), conf->mark);

	stats_add(&listener->stats.closed[reason], 1);
	stats_add(&listener->stats.bytes[STATS_UP], progress.bytes[RELAY_UP]);
	stats_add(&listener->stats.bytes[STATS_DOWN], progress.bytes[RELAY_DOWN]);
	service_leave(listener->service);
	LIST_REMOVE(session, entry);
	tlv_copy_free(session->tlvs);
	free(session);
	if (LIST_EMPTY(&listener->sessions) && listener->on_idle != NULL)
		listener->on_idle(listener->on_idle_arg);
}
