/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One listener block as it is configured now: what a session or flow is opened under, and keeps
 * until it ends, whatever is configured meanwhile.
 *
 * Counted: a place under the limit is a reference. Everything here is read-only, atomic or guarded;
 * any thread.
 */
#ifndef MMPROXY_SERVICE_H
#define MMPROXY_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/reason.h"
#include "conf/conf.h"
#include "net/route_lookup.h"
#include "service/deny_list.h"
#include "service/ledger.h"
#include "service/pseudo_ipv4.h"

struct service {
	atomic_uint refs;
	struct conf *snapshot; /* a reference */
	const struct conf_listener *conf;
	struct ledger *ledger;	     /* a reference */
	struct deny_list *denied;    /* of the process, which outlives the service; NULL: none */
	struct route_lookup *routes; /* of a listener with dynamic_destination, or udp_relay =
				      * "kernel"; NULL: none */
	struct pseudo_ipv4_table *pseudo_ipv4; /* of one with that for ipv6_clients; NULL: none */
};

/*
 * With one reference. Takes references of its own to the snapshot, which must hold conf, and to the
 * ledger of that listener. NULL when memory is out.
 */
struct service *service_new(struct conf *snapshot, const struct conf_listener *conf,
			    struct ledger *ledger) __attribute__((warn_unused_result));

struct service *service_ref(struct service *service);

/* Give a reference back; the last one frees. NULL is fine. */
void service_unref(struct service *service);

/* max_connections or, of a UDP listener, max_flows; 0: no limit. */
uint32_t service_limit(const struct service *service);

/*
 * Count one more connection or flow, which has a reference then; false, with neither, when the
 * limit is reached.
 */
bool service_admit(struct service *service);

/* The same whatever the limit is: it is there already. */
void service_enter(struct service *service);

/* Give the place and its reference back. */
void service_leave(struct service *service);

/* Whether service_admit() would say no now. */
bool service_is_full(const struct service *service);

/*
 * Count one more connection or flow of a client (none: of nobody, who has no limits), once it is
 * known who that is. Returns REASON_DONE, with *place to be left by client_limits_leave() before
 * the service is, or the reason for refusing it.
 */
enum close_reason service_admit_client(struct service *service, const struct addr *client,
				       int64_t now_ms, struct client_place **place)
    __attribute__((warn_unused_result));

/*
 * The same for one that is there already, whatever the limits are; NULL where nothing is limited or
 * memory is out.
 */
struct client_place *service_enter_client(struct service *service, const struct addr *client,
					  int64_t now_ms);

/*
 * Whether what is sent from source (AF_UNSPEC: mmproxy's own address) to destination arrives at a
 * listener of mmproxy's own with the same protocol: going there would go in circles. Asks the
 * routing table at most, and never waits.
 */
bool service_is_own_listener(const struct service *service, const struct addr *source,
			     const struct addr *destination);

/*
 * Whether a connection's line at this reason may be written, as the log is configured now; failures
 * pass LOG_LIMIT_LINES times a second each, healthy ends always.
 */
bool service_may_log(struct service *service, enum close_reason reason, int64_t now_ms);

#endif
