/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of a session's life in which bytes are relayed. The worker's thread only. */
#ifndef MMPROXY_SESSION_RELAY_H
#define MMPROXY_SESSION_RELAY_H

#include "tcp/session.h"

/*
 * The backend has answered: relay between both sides. backend_reset: it has been reset since, and
 * its socket's error was taken. May close the session.
 */
void session_relay_start(struct session *session, bool backend_reset);

/* When the session's timer fires: look after its timeouts and keepalive. May close the session. */
void session_relay_watch(struct session *session);

#endif
