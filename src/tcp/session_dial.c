/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of a session's life between its header and its backend's answer. */
#include "tcp/session_dial.h"

#include <errno.h>

#include <event2/event.h>

#include "base/clock.h"
#include "net/dial.h"
#include "net/sock.h"
#include "service/route.h"
#include "tcp/session_log.h"
#include "tcp/session_relay.h"
#include "tcp/tcp_listener.h"

/*
 * How long a source port in use is tried again. The usual cause is the client's former connection,
 * in TIME_WAIT on mmproxy's side, which loopback may reuse after net.ipv4.tcp_tw_reuse_delay (1 s).
 * With source_port = "fallback" a port that another socket has bound is not waited for: that may
 * be a listener, which stays.
 */
#define CONFLICT_PATIENCE_MS 1100
#define CONFLICT_FIRST_MS    10
#define CONFLICT_LAST_MS     100

static void dial_backend(struct session *session);

static void on_backend_answer(evutil_socket_t fd, short what, void *arg)
{
	struct session *session = arg;

	(void)what;
	session->error = sock_take_error(fd);
	if (session->error == 0)
		session_relay_start(session, false);
	/* It was connected, and has been reset since: what it said meanwhile is for the client. */
	else if (dial_reason(session->error) == REASON_BACKEND_RESET)
		session_relay_start(session, true);
	else
		session_close(session, dial_reason(session->error));
}

/* The source port is taken: wait a little, then do as source_port says. */
static void on_conflict(struct session *session)
{
	bool fallback =
	    session_conf(session)->source_port == CONF_SOURCE_FALLBACK && !session->any_port;
	bool wait = clock_now_ms() - session->dialled_ms < CONFLICT_PATIENCE_MS;

	if (wait && !(fallback && session->error == EADDRINUSE)) {
		int delay_ms = session->retry_ms;

		session->state = SESSION_WAITING;
		session->retry_ms =
		    delay_ms * 2 < CONFLICT_LAST_MS ? delay_ms * 2 : CONFLICT_LAST_MS;
		if (session_arm(session, delay_ms) < 0)
			session_close(session, REASON_INTERNAL);
	} else if (fallback) {
		session->any_port = true;
		stats_add(&session->listener->common.stats->source_fallbacks, 1);
		session_log_step(session, "source port taken, using another");
		dial_backend(session);
	} else {
		session_close(session, REASON_SOURCE_CONFLICT);
	}
}

static void dial_backend(struct session *session)
{
	uint32_t buffer = session_conf(session)->backend_buffer;
	const struct dial_request request = {
	    .source = session_source(session),
	    .any_port = session->any_port,
	    .target = session->target,
	    .mark = session_conf(session)->mark,
	    .buffer = buffer == CONF_BUFFER_AUTO ? 0 : buffer,
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
	session->backend_fd = fd;
	if (sock_is_connected(fd)) {
		/* On loopback the handshake is over when connect(2) returns. */
		session_relay_start(session, false);
		return;
	}
	session->state = SESSION_DIALLING;
	session_log_step(session, "connecting");
	if (session_wait(session, fd, EV_WRITE, on_backend_answer,
			 session_conf(session)->connect_timeout_ms) < 0)
		session_close(session, REASON_INTERNAL);
}

void session_dial_start(struct session *session, const struct proxy_header *header)
{
	struct route route;
	enum close_reason reason = route_find(session->service, &session->peer, header, &route);

	session->client = route.client;
	session->target = route.target;
	if (reason == REASON_DONE)
		reason = service_admit_client(session->service, &session->client, clock_now_ms(),
					      &session->client_place);
	if (reason == REASON_DONE)
		reason = route_enter(session->service, &route, &session->pseudo_ipv4);
	if (reason != REASON_DONE) {
		session_close(session, reason);
		return;
	}
	session->any_port = addr_is_set(&route.source) &&
			    session_conf(session)->source_port == CONF_SOURCE_EPHEMERAL;
	session->dialled_ms = clock_now_ms();
	session->dialled_us = clock_now_us();
	session->retry_ms = CONFLICT_FIRST_MS;
	dial_backend(session);
}

void session_dial_again(struct session *session)
{
	dial_backend(session);
}
