/* SPDX-License-Identifier: BSD-2-Clause */
/* One TCP listener block in one worker. */
#include "tcp/tcp_listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/sock.h"
#include "tcp/session_log.h"

/* How long accepting pauses when descriptors or memory ran out: the queue is the kernel's. */
#define PAUSE_MS 100

/* Shortages nearer to each other than this are one, and have one warning. */
#define SHORTAGE_MS 10000

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
	stats_add(&listener->stats.closed[reason], 1);
	session_log_refused(listener->service, peer, reason);
	sock_abort(fd);
}

static void on_accept(struct evconnlistener *socket, evutil_socket_t fd, struct sockaddr *sa,
		      int len, void *arg)
{
	struct tcp_listener *listener = arg;
	struct service *service = listener->service;
	const struct netset *headerless_subnets = service->conf->headerless_subnets;
	enum close_reason reason;
	struct addr peer;
	bool headerless;

	(void)socket;
	if (addr_from_sockaddr(&peer, sa, (socklen_t)len) < 0) {
		sock_abort(fd);
		return;
	}
	headerless = headerless_subnets != NULL && netset_contains(headerless_subnets, &peer);
	stats_add(&listener->stats.opened, 1);
	if (!admit(service, &peer, headerless, &reason)) {
		refuse(listener, fd, &peer, reason);
	} else if (session_open(listener, fd, &peer, headerless) < 0) {
		service_leave(service);
		refuse(listener, fd, &peer, REASON_INTERNAL);
	}
}

static void set_accepting(struct tcp_listener *listener, bool accepting)
{
	for (size_t i = 0; i < listener->sockets_count; i++) {
		if (accepting)
			evconnlistener_enable(listener->sockets[i]);
		else
			evconnlistener_disable(listener->sockets[i]);
	}
}

static void on_pause_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	set_accepting(arg, true);
}

/* accept(2) failed for want of something: EMFILE, ENFILE, ENOBUFS, ENOMEM. Waiting is all one can
 * do. */
static void on_accept_error(struct evconnlistener *socket, void *arg)
{
	static const struct timeval pause = {.tv_usec = PAUSE_MS * 1000};
	struct tcp_listener *listener = arg;
	int error = EVUTIL_SOCKET_ERROR();
	int64_t now = clock_now_ms();
	struct log_line line;
	char text[128];

	(void)socket;
	if (listener->last_shortage_ms == 0 || now - listener->last_shortage_ms > SHORTAGE_MS) {
		log_line_begin(&line, LOG_LEVEL_WARN);
		log_line_str(&line, "listener", listener->service->conf->name);
		log_line_str(&line, "reason", reason_name(REASON_OUT_OF_DESCRIPTORS));
		log_line_str(&line, "error", strerror_r(error, text, sizeof(text)));
		log_line_str(&line, "msg", "cannot accept; connections wait until others end");
		log_line_end(&line);
	}
	listener->last_shortage_ms = now;
	set_accepting(listener, false);
	(void)evtimer_add(listener->pause, &pause);
}

static int add_socket(struct tcp_listener *listener, int fd)
{
	struct evconnlistener *socket =
	    evconnlistener_new(listener->base, on_accept, listener,
			       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);

	if (socket == NULL)
		return -1;
	evconnlistener_set_error_cb(socket, on_accept_error);
	listener->sockets[listener->sockets_count++] = socket;
	return 0;
}

struct tcp_listener *tcp_listener_new(struct event_base *base, struct service *service,
				      struct reset_list *resets, struct relay_context *relays,
				      const int *fds, size_t count)
{
	struct tcp_listener *listener = calloc(1, sizeof(*listener));
	size_t taken = 0;

	if (listener == NULL)
		goto fail;
	listener->base = base;
	listener->service = service;
	listener->resets = resets;
	listener->relays = relays;
	LIST_INIT(&listener->sessions);
	listener->sockets = calloc(count, sizeof(struct evconnlistener *));
	listener->pause = evtimer_new(base, on_pause_end, listener);
	if (listener->sockets == NULL || listener->pause == NULL)
		goto fail;
	for (; taken < count; taken++)
		if (add_socket(listener, fds[taken]) < 0)
			goto fail;
	return listener;

fail:
	for (size_t i = taken; i < count; i++)
		sock_close(fds[i]);
	tcp_listener_free(listener);
	return NULL;
}

void tcp_listener_free(struct tcp_listener *listener)
{
	if (listener == NULL)
		return;
	tcp_listener_stop(listener);
	tcp_listener_close_sessions(listener, REASON_SHUTDOWN);
	if (listener->pause != NULL)
		event_free(listener->pause);
	free(listener->sockets);
	free(listener);
}

void tcp_listener_stop(struct tcp_listener *listener)
{
	for (size_t i = 0; i < listener->sockets_count; i++)
		evconnlistener_free(listener->sockets[i]);
	listener->sockets_count = 0;
	if (listener->pause != NULL)
		evtimer_del(listener->pause);
}

void tcp_listener_close_sessions(struct tcp_listener *listener, enum close_reason reason)
{
	struct session *session = LIST_FIRST(&listener->sessions);

	while (session != NULL) {
		struct session *next = LIST_NEXT(session, entry);

		session_close(session, reason);
		session = next;
	}
}
