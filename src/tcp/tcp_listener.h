/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One TCP listener block in one worker: its listening sockets and its sessions.
 *
 * A pass of the loop accepts a bounded number of connections, and a listener that is flooded with
 * connections that come to nothing pauses, so that the worker's other work has its turn.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_TCP_LISTENER_H
#define MMPROXY_TCP_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/stats.h"
#include "service/service.h"
#include "tcp/relay_context.h"
#include "tcp/reset.h"
#include "tcp/session.h"

/* Connections that a listener accepts in one pass of the loop, at most. */
#define TCP_LISTENER_TURN 16

/* What accepting has come to lately. */
struct accept_turn {
	struct event *end;  /* of the pass: active behind everything that is ready in it */
	unsigned accepted;  /* in this pass */
	unsigned full;	    /* passes in a row, before this one, that accepted all they may */
	unsigned worthless; /* connections of these and this one that ended when accepted */
	bool kept_waiting;  /* other events waited in one of these */
};

/* Sessions read base, service, stats and resets, and enter and leave the list. */
struct tcp_listener {
	struct event_base *base;
	struct service *service;
	struct reset_list *resets;
	struct relay_context *relays;
	struct stats stats;
	LIST_HEAD(, session) sessions;
	uint64_t ended;		    /* sessions, and connections that did not become one */
	void (*on_idle)(void *arg); /* the last session has ended */
	void *on_idle_arg;
	struct event **sockets; /* readable: a connection waits */
	size_t sockets_count;
	struct event *pause; /* its end */
	struct accept_turn turn;
	enum close_reason last_shortage;
	int64_t last_shortage_ms;
};

/*
 * Accept on sockets that listen already, and own them from now on (also on failure). service,
 * resets and relays outlive the listener. Returns NULL when memory is out.
 */
struct tcp_listener *tcp_listener_new(struct event_base *base, struct service *service,
				      struct reset_list *resets, struct relay_context *relays,
				      const int *fds, size_t count)
    __attribute__((warn_unused_result));

/* Close what is left, sessions with REASON_SHUTDOWN. NULL is fine. */
void tcp_listener_free(struct tcp_listener *listener);

/* Close the listening sockets; sessions go on. */
void tcp_listener_stop(struct tcp_listener *listener);

/* End every session. */
void tcp_listener_close_sessions(struct tcp_listener *listener, enum close_reason reason);

#endif
