/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the workers share about one TCP listener block: its configuration, its connection limit and
 * the limits of its log lines.
 *
 * Everything here is read-only, atomic or guarded; any thread.
 */
#ifndef MMPROXY_TCP_SERVICE_H
#define MMPROXY_TCP_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/log_limit.h"
#include "base/reason.h"
#include "conf/conf.h"

struct tcp_service {
	struct conf *snapshot; /* a reference */
	const struct conf_listener *conf;
	/*
	 * Connections of all workers. The one counter that workers share: max_connections is a
	 * promise, and adding up the workers' own counters would let two of them through the last
	 * gap.
	 */
	atomic_uint active;
	atomic_bool routes_explained; /* advice about return routes has been logged */
	struct log_limit limits[REASON_COUNT];
};

/* NULL when memory is out. Takes a reference of its own to the snapshot, which must hold conf. */
struct tcp_service *tcp_service_new(struct conf *snapshot, const struct conf_listener *conf)
    __attribute__((warn_unused_result));
void tcp_service_free(struct tcp_service *service);

/* Count one more connection; false (and not counted) when max_connections are there already. */
bool tcp_service_admit(struct tcp_service *service);
void tcp_service_leave(struct tcp_service *service);

/* Whether addr is one of mmproxy's own TCP listeners, so that connecting there would go in circles.
 */
bool tcp_service_is_own_listener(const struct tcp_service *service, const struct addr *addr);

/*
 * Once a service: say that a silent target may lack the routes back to clients, and how to make
 * them.
 */
void tcp_service_explain_routes(struct tcp_service *service, const struct addr *target);

/*
 * Whether a connection's line at this reason may be written; failures pass LOG_LIMIT_LINES times a
 * second each, healthy ends always.
 */
bool tcp_service_may_log(struct tcp_service *service, enum close_reason reason, int64_t now_ms);

/* Log how many lines were left out in seconds that are over by now_ms, one line a reason. */
void tcp_service_log_suppressed(struct tcp_service *service, int64_t now_ms);

#endif
