/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One client from accept to close: header, checks, dial, relay.
 *
 * A session waits for one thing at a time, on one of its two sockets; one whose header comes whole
 * and whose backend answers at once never waits until its relay does.
 *
 * The worker's thread only. A session frees itself; session_close() is the one place where it does.
 */
#ifndef MMPROXY_SESSION_H
#define MMPROXY_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/addr.h"
#include "base/reason.h"
#include "proxyproto/proxy_header.h"
#include "service/listener.h"
#include "tcp/header_reader.h"
#include "tcp/relay.h"

struct bad_header;
struct pseudo_ipv4;
struct tcp_listener;
struct tlv_copy;

enum session_state {
	SESSION_HEADER,	  /* reading the header */
	SESSION_WAITING,  /* for the client's port to become free */
	SESSION_DIALLING, /* the backend has not answered yet */
	SESSION_RELAYING,
};

/* Its fields belong to the rooms whose names begin with session. */
struct session {
	LIST_ENTRY(session) entry;
	struct tcp_listener *listener;
	struct service *service; /* that it was opened under; its place is a reference */
	enum session_state state;
	int client_fd;	/* both the relay's while there is one */
	int backend_fd; /* -1: none yet */
	struct header_reader header;
	struct event *waiting;	  /* for header or backend; NULL: not */
	struct evbuffer *payload; /* came behind the header, until the relay has it; NULL: none */
	struct relay *relay;
	struct event timer; /* the deadline of the state */
	struct addr peer;
	struct addr client; /* may be none */
	struct addr target;
	struct client_place *client_place; /* NULL: the client has no limits, or is not known yet */
	bool any_port;	    /* not the client's port: it is taken, or need not be kept */
	bool keepalive;	    /* it has been set */
	bool is_check;	    /* by its LOCAL header, the load balancer's own */
	int header_version; /* 0: none */
	const struct bad_header *bad_header; /* while it is closed for that; otherwise NULL */
	int error;			     /* errno of a failed dial, for the log */
	int retry_ms;
	int64_t accepted_ms;
	int64_t dialled_ms; /* the first attempt */
	int64_t dialled_us; /* the same, by another clock: clock_now_us() */
	int64_t connected_ms;
	struct pseudo_ipv4 *pseudo_ipv4; /* whose address the source is; NULL: nobody else's */
	struct tlv_copy *tlvs;		 /* what the log shows of the header's TLVs, or NULL */
};

/*
 * Begin with an accepted, non-blocking socket that may stay; headerless: its peer sends no header.
 * Returns 0 with the socket taken, or -1 when memory is out and the socket is still the caller's.
 * The session may have ended already when this returns.
 */
int session_open(struct tcp_listener *listener, int fd, const struct addr *peer, bool headerless)
    __attribute__((warn_unused_result));

/* The listener block that it was opened under. */
const struct conf_listener *session_conf(const struct session *session);

/* The address to use towards the backend; AF_UNSPEC: mmproxy's own. */
struct addr session_source(const struct session *session);

/*
 * Set the one timer, which serves all states: session_header, session_dial and session_relay.
 * Returns 0, or -1 when memory is out.
 */
int session_arm(struct session *session, int64_t delay_ms) __attribute__((warn_unused_result));

/*
 * Wait until a socket of the session's is ready (EV_READ or EV_WRITE), and for the timer, which
 * fires after deadline_ms. Returns 0, or -1 when memory is out.
 */
int session_wait(struct session *session, int fd, short what, event_callback_fn on_ready,
		 int64_t deadline_ms) __attribute__((warn_unused_result));

/* Wait no more: neither for a socket nor for the timer. */
void session_stop_waiting(struct session *session);

/* Say what can be told of it now; the view points into the session. */
void session_describe(const struct session *session, struct listener_view *view);

/* End a session, from any of its states, and free it. */
void session_close(struct session *session, enum close_reason reason);

#endif
