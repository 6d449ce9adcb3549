/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One TCP listener in one worker: the listening sockets that it borrows, and its sessions.
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

#include "service/listener.h"
#include "service/socket_table.h"
#include "tcp/relay_context.h"
#include "tcp/reset.h"
#include "tcp/session.h"
#include "tcp/shortage.h"

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

/* Sessions read what stands before the list, and enter it. */
struct tcp_listener {
	struct listener common;
	struct event_base *base;
	struct reset_list *resets;
	struct relay_context *relays;
	LIST_HEAD(, session) sessions; /* the latest first */
	struct session *to_visit;      /* the next one of a round of visits */
	uint64_t ended;		       /* sessions, and connections that did not become one */
	struct socket_table sockets;
	struct event *pause; /* its end */
	struct accept_turn turn;
	struct shortage shortage;
};

/*
 * A listener without sockets: service/listener.h has what else can be done with it. stats are the
 * worker's of the service's ledger; resets and relays outlive the listener. Returns NULL when
 * memory is out.
 */
struct tcp_listener *tcp_listener_new(struct event_base *base, struct service *service,
				      struct ledger_stats *stats, struct reset_list *resets,
				      struct relay_context *relays)
    __attribute__((warn_unused_result));

/* A session has ended: take it out of the list. */
void tcp_listener_forget(struct tcp_listener *listener, struct session *session);

#endif
