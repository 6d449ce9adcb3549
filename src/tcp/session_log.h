/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log says of a session. */
#ifndef MMPROXY_SESSION_LOG_H
#define MMPROXY_SESSION_LOG_H

#include "base/reason.h"
#include "service/service.h"
#include "service/tlv_copy.h"
#include "tcp/relay.h"
#include "tcp/session.h"

/* The line at a session's end, unless the configuration or the limit of its reason keeps it back.
 */
void session_log_end(const struct session *session, enum close_reason reason,
		     const struct relay_progress *progress);

/* A step on the way, at debug level. */
void session_log_step(const struct session *session, const char *step);

#endif
