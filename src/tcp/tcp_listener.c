/* SPDX-License-Identifier: BSD-2-Clause */
/* One TCP listener in one worker. */
#include "tcp/tcp_listener.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/accept.h"
#include "net/sock.h"
#include "service/refusal.h"

/* How long accepting pauses when descriptors or memory ran out: the queue is the kernel's. */
#define SHORTAGE_PAUSE_MS 100

/*
 * A listener is flooded when so many passes in a row accepted all they may, most of it came to
 * nothing, and others waited meanwhile: some 3 ms, after which these have the worker for as long
 * again and a little more. Connections that are served never make it pause.
 */
#define FLOOD_PASSES   8
#define FLOOD_PAUSE_MS 5

/*
 * Connections that are accepted from a socket before it is taken away, at most: what waits there in
 * a quiet moment. More would hold up the worker.
 */
#define EMPTY_MAX 256

/* One that is listened on. */
struct tcp_socket {
	struct table_socket entry;
	struct event *readable; /* a connection waits */
};

_Static_assert(offsetof(struct tcp_listener, common) == 0, "tcp_listener_of() relies on it");
_Static_assert(offsetof(struct tcp_socket, entry) == 0, "tcp_socket_of() relies on it");

/* Whether the peer may connect, with the reason if not. A headerless peer is allowed by being
 * listed. */
static bool admit(struct service *service, const struct addr *peer, bool headerless,
		  enum close_reason *reason)
{
	const struct netset *allowed = service->conf->allowed_subnets;

	*reason = REASON_PEER_DENIED;
	if (!headerless && allowed != NULL && !netset_contains(allowed, peer))
		return false;
	*reason = REASON_CONNECTION_LIMIT;
	return service_admit(service);
}

static void refuse(struct tcp_listener *listener, int fd, const struct addr *peer,
		   enum close_reason reason)
{
	listener->ended++;
	stats_add(&listener->common.stats->closed[reason], 1);
	refusal_log(listener->common.service, &(struct refusal){.peer = peer, .reason = reason});
	sock_abort(fd);
}

static void serve(struct tcp_listener *listener, int fd, const struct addr *peer)
{
	struct service *service = listener->common.service;
	const struct netset *headerless_subnets = service->conf->headerless_subnets;
	bool headerless = headerless_subnets != NULL && netset_contains(headerless_subnets, peer);
	enum close_reason reason;

	stats_add(&listener->common.stats->opened, 1);
	if (!admit(service, peer, headerless, &reason)) {
		refuse(listener, fd, peer, reason);
	} else if (session_open(listener, fd, peer, headerless) < 0) {
		service_leave(service);
		refuse(listener, fd, peer, REASON_INTERNAL);
	}
}

/* ---- pausing ---- */

static struct tcp_socket *tcp_socket_of(struct table_socket *entry)
{
	return (struct tcp_socket *)(void *)entry;
}

/* Returns whether all sockets are watched now. */
static bool start_accepting(struct tcp_listener *listener)
{
	struct table_socket *entry;
	bool all = true;

	for (size_t at = 0; (entry = socket_table_next(&listener->sockets, &at)) != NULL;)
		all &= event_add(tcp_socket_of(entry)->readable, NULL) == 0;
	return all;
}

static void stop_accepting(struct tcp_listener *listener)
{
	struct table_socket *entry;

	for (size_t at = 0; (entry = socket_table_next(&listener->sockets, &at)) != NULL;)
		event_del(tcp_socket_of(entry)->readable);
}

static void pause_accepting(struct tcp_listener *listener, int ms)
{
	const struct timeval delay = clock_timeval(ms);

	/* Never a pause without an end. */
	if (evtimer_add(listener->pause, &delay) == 0)
		stop_accepting(listener);
}

static void on_pause_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (!start_accepting(arg))
		pause_accepting(arg, SHORTAGE_PAUSE_MS);
}

/* Waiting is all one can do: until others end, or until the system has memory. */
static void on_shortage(struct tcp_listener *listener, enum accept_result result, int error)
{
	shortage_log(&listener->shortage, listener->common.service->conf->name, result, error);
	pause_accepting(listener, SHORTAGE_PAUSE_MS);
}

/* ---- turns ---- */

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
	struct tcp_listener *listener = arg;
	struct accept_turn *turn = &listener->turn;

	(void)fd;
	(void)what;
	if (turn->accepted >= TCP_LISTENER_TURN && ++turn->full < FLOOD_PASSES) {
		turn->accepted = 0;
		return;
	}
	if (turn->full == FLOOD_PASSES && turn->kept_waiting &&
	    turn->worthless > FLOOD_PASSES * TCP_LISTENER_TURN / 2) {
		stats_add(&listener->common.stats->accept_pauses, 1);
		pause_accepting(listener, FLOOD_PAUSE_MS);
	}
	*turn = (struct accept_turn){.end = turn->end};
}

/* Whether this was the last connection for this pass. */
static bool count_accepted(struct tcp_listener *listener, bool worthless)
{
	struct accept_turn *turn = &listener->turn;

	if (turn->accepted++ == 0)
		event_active(turn->end, EV_TIMEOUT, 0);
	turn->worthless += worthless;
	if (turn->accepted < TCP_LISTENER_TURN)
		return false;
	/* The turn's end is one of them. */
	turn->kept_waiting |=
	    event_base_get_num_events(listener->base, EVENT_BASE_COUNT_ACTIVE) > 1;
	return true;
}

static void on_acceptable(evutil_socket_t socket, short what, void *arg)
{
	struct tcp_listener *listener = arg;
	enum accept_result result;
	uint64_t ended_before;
	unsigned lost = 0;
	int error;

	(void)what;
	/* Where the listener's other sockets have used the turn up, one has its place all the same.
	 */
	do {
		struct addr peer;
		int fd;

		ended_before = listener->ended;
		result = accept_connection(socket, &fd, &peer);
		error = errno;
		if (result == ACCEPT_CONNECTION)
			serve(listener, fd, &peer);
		else if (result == ACCEPT_LOST)
			lost++;
		else
			break;
	} while (
	    !count_accepted(listener, result == ACCEPT_LOST || listener->ended != ended_before));
	/* An error that comes all the time is not one of connections. */
	if (lost == TCP_LISTENER_TURN)
		result = ACCEPT_FAILED;
	if (result == ACCEPT_NO_DESCRIPTOR || result == ACCEPT_NO_MEMORY || result == ACCEPT_FAILED)
		on_shortage(listener, result, error);
}

/* ---- sockets ---- */

static struct tcp_listener *tcp_listener_of(struct listener *common)
{
	return (struct tcp_listener *)(void *)common;
}

/* Connections that wait when a socket is taken away would be reset. */
static void empty_socket(struct tcp_listener *listener, int socket)
{
	for (int i = 0; i < EMPTY_MAX; i++) {
		enum accept_result result;
		struct addr peer;
		int fd;

		result = accept_connection(socket, &fd, &peer);
		if (result == ACCEPT_CONNECTION)
			serve(listener, fd, &peer);
		else if (result != ACCEPT_LOST)
			break;
	}
}

/* What waits in one that another process has is that one's. */
static void drop_socket(void *arg, struct table_socket *entry)
{
	struct tcp_socket *socket = tcp_socket_of(entry);

	if (!entry->lent.passed_on)
		empty_socket(arg, entry->lent.fd);
	event_free(socket->readable);
	free(socket);
}

static struct table_socket *add_socket(void *arg, const struct listener_socket *lent)
{
	struct tcp_listener *listener = arg;
	struct tcp_socket *socket = calloc(1, sizeof(*socket));

	if (socket == NULL)
		return NULL;
	socket->readable =
	    event_new(listener->base, lent->fd, EV_READ | EV_PERSIST, on_acceptable, listener);
	/* In a pause its end adds it. */
	if (socket->readable == NULL ||
	    (!evtimer_pending(listener->pause, NULL) && event_add(socket->readable, NULL) < 0)) {
		if (socket->readable != NULL)
			event_free(socket->readable);
		free(socket);
		return NULL;
	}
	return &socket->entry;
}

static const struct socket_table_kind sockets_kind = {.drop = drop_socket, .add = add_socket};

static int configure(struct listener *common, const struct listener_setup *setup)
{
	struct tcp_listener *listener = tcp_listener_of(common);

	/* What waits in a socket that goes came for the service as it was. */
	if (socket_table_apply(&listener->sockets, setup, &sockets_kind, listener) < 0)
		return -1;
	(void)service_ref(setup->service);
	service_unref(common->service);
	common->service = setup->service;
	return 0;
}

/* ---- sessions ---- */

static void close_all(struct listener *common, enum close_reason reason)
{
	struct tcp_listener *listener = tcp_listener_of(common);

	while (!LIST_EMPTY(&listener->sessions))
		session_close(LIST_FIRST(&listener->sessions), reason);
}

static bool is_idle(const struct listener *common)
{
	const struct tcp_listener *listener = (const void *)common;

	return LIST_EMPTY(&listener->sessions);
}

void tcp_listener_forget(struct tcp_listener *listener, struct session *session)
{
	if (listener->to_visit == session)
		listener->to_visit = LIST_NEXT(session, entry);
	LIST_REMOVE(session, entry);
}

static bool visit(struct listener *common, bool restart, size_t max, listener_visitor visitor,
		  void *arg)
{
	struct tcp_listener *listener = tcp_listener_of(common);

	/* New ones come in front of it. */
	if (restart)
		listener->to_visit = LIST_FIRST(&listener->sessions);
	for (size_t i = 0; i < max && listener->to_visit != NULL; i++) {
		struct session *session = listener->to_visit;
		struct listener_view view;
		enum close_reason reason;

		session_describe(session, &view);
		listener->to_visit = LIST_NEXT(session, entry);
		reason = visitor(&view, arg);
		if (reason != REASON_COUNT)
			session_close(session, reason);
	}
	return listener->to_visit != NULL;
}

/* ---- life ---- */

static void drain(struct listener *common)
{
	struct tcp_listener *listener = tcp_listener_of(common);

	socket_table_clear(&listener->sockets, &sockets_kind, listener);
	if (listener->pause != NULL)
		evtimer_del(listener->pause);
	if (listener->turn.end != NULL)
		evtimer_del(listener->turn.end);
}

static void pause(struct listener *common)
{
	struct tcp_listener *listener = tcp_listener_of(common);

	evtimer_del(listener->pause);
	stop_accepting(listener);
}

static void resume(struct listener *common)
{
	on_pause_end(-1, EV_TIMEOUT, common);
}

/* Connections need no room that others have. */
static void handle_room(struct listener *common)
{
	(void)common;
}

static void free_listener(struct listener *common)
{
	struct tcp_listener *listener = tcp_listener_of(common);

	drain(common);
	close_all(common, REASON_SHUTDOWN);
	if (listener->pause != NULL)
		event_free(listener->pause);
	if (listener->turn.end != NULL)
		event_free(listener->turn.end);
	socket_table_fini(&listener->sockets);
	service_unref(common->service);
	free(listener);
}

static const struct listener_kind tcp_kind = {
    .configure = configure,
    .drain = drain,
    .close_all = close_all,
    .is_idle = is_idle,
    .handle_room = handle_room,
    .visit = visit,
    .pause = pause,
    .resume = resume,
    .free = free_listener,
};

struct tcp_listener *tcp_listener_new(struct event_base *base, struct service *service,
				      struct ledger_stats *stats, struct reset_list *resets,
				      struct relay_context *relays)
{
	struct tcp_listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL)
		return NULL;
	listener->common.kind = &tcp_kind;
	listener->common.service = service_ref(service);
	listener->common.stats = &stats->stats;
	listener->common.header_errors = stats->header_errors;
	listener->base = base;
	listener->resets = resets;
	listener->relays = relays;
	LIST_INIT(&listener->sessions);
	listener->pause = evtimer_new(base, on_pause_end, listener);
	listener->turn.end = evtimer_new(base, on_turn_end, listener);
	if (listener->pause == NULL || listener->turn.end == NULL) {
		free_listener(&listener->common);
		return NULL;
	}
	return listener;
}
