/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One TCP listener block in one worker: its listening sockets and its sessions.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_TCP_LISTENER_H
#define MMPROXY_TCP_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "base/stats.h"
#include "service/service.h"
#include "tcp/relay_context.h"
#include "tcp/reset.h"
#include "tcp/session.h"

/* Sessions read base, service, stats and resets, and enter and leave the list. */
struct tcp_listener {
	struct event_base *base;
	struct service *service;
	struct reset_list *resets;
	struct relay_context *relays;
	struct stats stats;
	LIST_HEAD(, session) sessions;
	void (*on_idle)(void *arg); /* the last session has ended */
	void *on_idle_arg;
	struct evconnlistener **sockets;
	size_t sockets_count;
	struct event *pause; /* accepting again after descriptors ran out */
	int64_t last_shortage_ms;
};

/*
 * Accept on sockets that listen already, and own them from now on (also on failure). service and
 * resets outlive the listener. Returns NULL when memory is out.
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
