/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a connection ended: the one vocabulary of logs, metrics and code. */
#ifndef MMPROXY_REASON_H
#define MMPROXY_REASON_H

#include "base/log.h"

/* One row a reason: enumerator, name in logs and metrics, level it is logged at, sentence. */
#define CLOSE_REASONS(X)                                                                           \
	X(REASON_DONE, "done", LOG_LEVEL_INFO, "both sides finished")                              \
	X(REASON_CLIENT_RESET, "client_reset", LOG_LEVEL_INFO, "the client's side reset")          \
	X(REASON_BACKEND_RESET, "backend_reset", LOG_LEVEL_INFO, "the backend reset")              \
	X(REASON_IDLE_TIMEOUT, "idle_timeout", LOG_LEVEL_INFO,                                     \
	  "nothing moved for idle_timeout or close_after")                                         \
	X(REASON_HALF_CLOSE_TIMEOUT, "half_close_timeout", LOG_LEVEL_INFO,                         \
	  "one side had finished and the other was silent for half_close_timeout")                 \
	X(REASON_HEADER_TIMEOUT, "header_timeout", LOG_LEVEL_WARN,                                 \
	  "no whole PROXY header within header_timeout")                                           \
	X(REASON_HEADER_INVALID, "header_invalid", LOG_LEVEL_WARN,                                 \
	  "what the peer sent is not a valid PROXY header")                                        \
	X(REASON_CLIENT_CLOSED_EARLY, "client_closed_early", LOG_LEVEL_INFO,                       \
	  "the peer closed before its PROXY header was whole")                                     \
	X(REASON_PEER_DENIED, "peer_denied", LOG_LEVEL_WARN, "the peer is not in allowed_subnets") \
	X(REASON_CLIENT_DENIED, "client_denied", LOG_LEVEL_WARN,                                   \
	  "the client is denied, by denied_clients or at run time, or not in allowed_clients")     \
	X(REASON_DESTINATION_DENIED, "destination_denied", LOG_LEVEL_WARN,                         \
	  "the header's destination is not in allowed_destinations, or is mmproxy itself")         \
	X(REASON_NO_TARGET, "no_target", LOG_LEVEL_WARN,                                           \
	  "the listener has no target of the client's address family")                             \
	X(REASON_SOURCE_INVALID, "source_invalid", LOG_LEVEL_WARN,                                 \
	  "the header names a source address that cannot be used")                                 \
	X(REASON_SOURCE_CONFLICT, "source_conflict", LOG_LEVEL_WARN,                               \
	  "the client's address and port are still in use towards this backend")                   \
	X(REASON_BACKEND_REFUSED, "backend_refused", LOG_LEVEL_WARN,                               \
	  "the backend refused the connection")                                                    \
	X(REASON_BACKEND_TIMEOUT, "backend_timeout", LOG_LEVEL_WARN,                               \
	  "the backend did not answer within connect_timeout")                                     \
	X(REASON_BACKEND_UNREACHABLE, "backend_unreachable", LOG_LEVEL_WARN,                       \
	  "there is no way to the backend")                                                        \
	X(REASON_CONNECTION_LIMIT, "connection_limit", LOG_LEVEL_WARN,                             \
	  "the listener has max_connections or max_flows already")                                 \
	X(REASON_CLIENT_LIMIT, "client_limit", LOG_LEVEL_WARN,                                     \
	  "the client has max_connections_per_client, or comes too fast")                          \
	X(REASON_OUT_OF_DESCRIPTORS, "out_of_descriptors", LOG_LEVEL_WARN,                         \
	  "the process or the system has no descriptor left")                                      \
	X(REASON_CONGESTION, "congestion", LOG_LEVEL_WARN,                                         \
	  "a send buffer was full, so a datagram was dropped")                                     \
	X(REASON_TOO_LONG, "too_long", LOG_LEVEL_WARN,                                             \
	  "a datagram does not fit into one with its header")                                      \
	X(REASON_KICKED, "kicked", LOG_LEVEL_INFO, "an operator ended it")                         \
	X(REASON_HEALTH_CHECK, "health_check", LOG_LEVEL_DEBUG,                                    \
	  "a LOCAL header came without payload, or nothing at all")                                \
	X(REASON_SHUTDOWN, "shutdown", LOG_LEVEL_INFO, "mmproxy stopped")                          \
	X(REASON_INTERNAL, "internal", LOG_LEVEL_WARN, "mmproxy ran out of memory or failed")

enum close_reason {
#define X(id, name, level, sentence) id,
	CLOSE_REASONS(X)
#undef X
	    REASON_COUNT
};

/* The name that logs and metrics show, such as "header_timeout". */
const char *reason_name(enum close_reason reason);

/* One sentence for people, without a full stop. */
const char *reason_sentence(enum close_reason reason);

/* LOG_LEVEL_INFO for the ends of a healthy connection, LOG_LEVEL_WARN for failures. */
enum log_level reason_level(enum close_reason reason);

/*
 * What the end of a load balancer's health check is called: REASON_HEALTH_CHECK however the two
 * sides leave each other, but the reason itself for a failure and for an end that mmproxy makes.
 */
enum close_reason reason_of_check(enum close_reason reason);

#endif
