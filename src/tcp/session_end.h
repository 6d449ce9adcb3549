/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a session's connections: who gets a FIN and who a reset. The worker's thread only. */
#ifndef MMPROXY_SESSION_END_H
#define MMPROXY_SESSION_END_H

#include "base/reason.h"
#include "tcp/relay.h"
#include "tcp/session.h"

/* What is left of a session when it ends. */
struct session_end {
	struct relay_end client;
	struct relay_end backend;
	struct relay_progress progress;
};

/* Take both connections out of the session, and out of its relay. */
void session_end_take(struct session *session, struct session_end *end);

/* Close both connections, or hand them to the worker's resets. */
void session_end_close(struct session *session, enum close_reason reason, struct session_end *end);

#endif
