/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a session's connections: what is delivered, and who gets a FIN and who a reset. The
 * worker's thread only.
 */
#ifndef MMPROXY_SESSION_END_H
#define MMPROXY_SESSION_END_H

#include "base/reason.h"
#include "tcp/relay.h"
#include "tcp/session.h"

/* What is left of a session when it ends. */
struct session_end {
	struct relay_end client;
	struct relay_end backend;
	struct relay_progress progress; /* what is still to be delivered included */
};

/* Take both connections out of relay and bufferevents, and what came before a reset with them. */
void session_end_take(struct session *session, enum close_reason reason, struct session_end *end);

/* Close both connections, or hand them to the worker's resets. */
void session_end_close(struct session *session, enum close_reason reason, struct session_end *end);

#endif
