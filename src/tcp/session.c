/* SPDX-License-Identifier: BSD-2-Clause */
/* One client from accept to close. */
#include "tcp/session.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/clock.h"
#include "service/route.h"
#include "tcp/session_dial.h"
#include "tcp/session_end.h"
#include "tcp/session_header.h"
#include "tcp/session_log.h"
#include "tcp/session_relay.h"
#include "tcp/tcp_listener.h"

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
		session_dial_again(session);
		break;
	case SESSION_DIALLING:
		session_close(session, REASON_BACKEND_TIMEOUT);
		break;
	case SESSION_RELAYING:
		session_relay_watch(session);
		break;
	}
}

static struct session *session_new(struct tcp_listener *listener, int fd, const struct addr *peer)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		return NULL;
	session->listener = listener;
	session->service = listener->common.service;
	session->client_fd = fd;
	session->backend_fd = -1;
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
		session_dial_start(session, NULL);
	else
		session_header_read(session);
	return 0;
}

const struct conf_listener *session_conf(const struct session *session)
{
	return session->service->conf;
}

struct addr session_source(const struct session *session)
{
	return route_source(&session->client, &session->target, session->pseudo_ipv4);
}

int session_arm(struct session *session, int64_t delay_ms)
{
	const struct timeval delay = clock_timeval(delay_ms);

	return evtimer_add(&session->timer, &delay);
}

int session_wait(struct session *session, int fd, short what, event_callback_fn on_ready,
		 int64_t deadline_ms)
{
	session->waiting =
	    event_new(session->listener->base, fd, (short)(what | EV_PERSIST), on_ready, session);
	if (session->waiting == NULL || event_add(session->waiting, NULL) < 0)
		return -1;
	return session_arm(session, deadline_ms);
}

void session_stop_waiting(struct session *session)
{
	evtimer_del(&session->timer);
	if (session->waiting != NULL)
		event_free(session->waiting);
	session->waiting = NULL;
}

void session_describe(const struct session *session, struct listener_view *view)
{
	struct relay_progress progress = {.last_activity_ms = session->accepted_ms};

	if (session->relay != NULL)
		relay_measure(session->relay, &progress);
	*view = (struct listener_view){
	    .service = session->service,
	    .peer = &session->peer,
	    .client = &session->client,
	    .target = &session->target,
	    .bytes = {progress.bytes[RELAY_UP], progress.bytes[RELAY_DOWN]},
	    .opened_ms = session->accepted_ms,
	    .active_ms = progress.last_activity_ms,
	    .relaying = session->relay != NULL,
	};
}

void session_close(struct session *session, enum close_reason reason)
{
	struct tcp_listener *listener = session->listener;
	enum close_reason told = reason;
	struct session_end end;

	/* Before its descriptors are closed: their numbers are other connections' then. */
	session_stop_waiting(session);
	session_end_take(session, &end);
	/* How its sockets are closed depends on the end itself, not on what it is called. */
	if (session->is_check)
		told = reason_of_check(reason);
	session_log_end(session, told, &end.progress);
	session_end_close(session, reason, &end);
	if (session->payload != NULL)
		evbuffer_free(session->payload);

	listener->ended++;
	stats_add(&listener->common.stats->closed[told], 1);
	pseudo_ipv4_leave(session->pseudo_ipv4);
	/* Behind the resets that are held, which have their own places then. */
	client_limits_leave(session->client_place, clock_now_ms());
	service_leave(session->service);
	tcp_listener_forget(listener, session);
	tlv_copy_free(session->tlvs);
	header_reader_fini(&session->header);
	free(session);
	if (LIST_EMPTY(&listener->sessions) && listener->common.on_idle != NULL)
		listener->common.on_idle(listener->common.on_idle_arg);
}
