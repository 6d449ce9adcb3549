/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of a session's life between its header and its backend's answer. The worker's thread
 * only.
 */
#ifndef MMPROXY_SESSION_DIAL_H
#define MMPROXY_SESSION_DIAL_H

#include "proxyproto/proxy_header.h"
#include "tcp/session.h"

/*
 * Decide where the session goes, connect there, and relay when connected. header: NULL for a peer
 * that sends none. May close the session.
 */
void session_dial_start(struct session *session, const struct proxy_header *header);

/* Try again a source port that was taken, when the session's timer says so. May close the session.
 */
void session_dial_again(struct session *session);

#endif
