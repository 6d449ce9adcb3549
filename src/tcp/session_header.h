/* SPDX-License-Identifier: BSD-2-Clause */
/* The first part of a session's life: reading the PROXY header. The worker's thread only. */
#ifndef MMPROXY_SESSION_HEADER_H
#define MMPROXY_SESSION_HEADER_H

#include "tcp/session.h"

/* Read the header of a new session, and dial when it is whole. May close the session. */
void session_header_read(struct session *session);

#endif
