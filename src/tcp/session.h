/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One client from accept to close: header, checks, dial, relay.
 *
 * The worker's thread only. A session frees itself; session_close() is the one place where it does.
 */
#ifndef MMPROXY_SESSION_H
#define MMPROXY_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/bufferevent.h>
#include <event2/event_struct.h>

#include "base/addr.h"
#include "base/reason.h"
#include "proxyproto/proxy_header.h"
#include "tcp/header_filter.h"
#include "tcp/relay.h"

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
	enum session_state state;
	struct bufferevent *client; /* the socket; NULL once the relay has it */
	struct bufferevent
	    *filtered; /* the header filter over it; NULL when there is none (any more) */
	struct header_filter *filter;
	struct bufferevent *backend;
	struct relay *relay;
	int client_fd; /* once out of its bufferevent, and the relay's while there is one; else -1
			*/
	int backend_fd;
	struct event timer; /* the deadline of the state */
	struct addr peer;
	struct addr source; /* the client's address, to be used towards the backend; may be none */
	struct addr target;
	bool any_port;	    /* the client's port could not be kept */
	bool keepalive;	    /* it has been set */
	int header_version; /* 0: none */
	enum proxy_error header_error;
	int error; /* errno of a failed dial, for the log */
	int retry_ms;
	int64_t accepted_ms;
	int64_t dialled_ms; /* the first attempt */
	int64_t connected_ms;
	struct tlv_copy *tlvs; /* what the log shows of the header's TLVs, or NULL */
};

/*
 * Begin with an accepted, non-blocking socket that may stay; headerless: its peer sends no header.
 * Returns 0 with the socket taken, or -1 when memory is out and the socket is still the caller's.
 */
int session_open(struct tcp_listener *listener, int fd, const struct addr *peer, bool headerless)
    __attribute__((warn_unused_result));

/* The listener block that it came by. */
const struct conf_listener *session_conf(const struct session *session);

/* Set the one timer, which serves all states: session_header, session_dial and session_relay. */
void session_arm(struct session *session, int64_t delay_ms);

/* End a session, from any of its states, and free it. */
void session_close(struct session *session, enum close_reason reason);

#endif
