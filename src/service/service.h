/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the workers share about one listener block: its configuration, its connection limit and
 * the limits of its log lines.
 *
 * Everything here is read-only, atomic or guarded; any thread.
 */
#ifndef MMPROXY_SERVICE_H
#define MMPROXY_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/log_limit.h"
#include "base/reason.h"
#include "conf/conf.h"
#include "service/members.h"
#include "service/whereabouts.h"

struct service {
	struct conf *snapshot; /* a reference */
	const struct conf_listener *conf;
	/*
	 * Connections or flows of all workers. The one counter that workers share: max_connections
	 * and max_flows are promises, and adding up the workers' own counters would let two of them
	 * through the last gap.
	 */
	atomic_uint active;
	atomic_bool routes_explained;	      /* advice about return routes has been logged */
	struct members members;		      /* of a UDP listener */
	struct whereabouts_table whereabouts; /* of its clients */
	struct log_limit limits[REASON_COUNT];
};

/* NULL when memory is out. Takes a reference of its own to the snapshot, which must hold conf. */
struct service *service_new(struct conf *snapshot, const struct conf_listener *conf)
    __attribute__((warn_unused_result));
void service_free(struct service *service);

/* max_connections or, of a UDP listener, max_flows; 0: no limit. */
uint32_t service_limit(const struct service *service);

/* Count one more connection or flow; false (and not counted) when the limit is reached. */
bool service_admit(struct service *service);

/* Count one more whatever the limit is: it is there already. */
void service_enter(struct service *service);

void service_leave(struct service *service);

/* Whether service_admit() would say no now. */
bool service_is_full(const struct service *service);

/* Whether addr is a listener of mmproxy's own with the same protocol: going there would go in
 * circles. */
bool service_is_own_listener(const struct service *service, const struct addr *addr);

/*
 * Once a service: say that a silent target may lack the routes back to clients, and how to make
 * them.
 */
void service_explain_routes(struct service *service, const struct addr *target);

/*
 * Whether a connection's line at this reason may be written; failures pass LOG_LIMIT_LINES times a
 * second each, healthy ends always.
 */
bool service_may_log(struct service *service, enum close_reason reason, int64_t now_ms);

/* Log how many lines were left out in seconds that are over by now_ms, one line a reason. */
void service_log_suppressed(struct service *service, int64_t now_ms);

#endif
