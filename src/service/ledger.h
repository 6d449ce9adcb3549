/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes on when a listener's configuration is read again: its counters, how many connections or
 * flows it has, and the limits of its log lines.
 *
 * One a listener, which is known by its name and protocol. Counted: each service has a reference.
 * Any thread.
 */
#ifndef MMPROXY_LEDGER_H
#define MMPROXY_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/log_limit.h"
#include "base/reason.h"
#include "base/stats.h"
#include "conf/conf.h"
#include "proxyproto/proxy_header.h"
#include "service/carry_ways.h"
#include "service/client_limits.h"
#include "service/flow_quota.h"

/* What is counted. */
struct ledger_stats {
	struct stats stats;
	atomic_uint_fast64_t header_errors[PROXY_ERROR_COUNT]; /* headers that were not valid */
};

struct ledger_part; /* a worker's counters, in cache lines that no other worker writes to */

struct ledger {
	atomic_uint refs;
	char *name;
	enum conf_protocol protocol;
	/* The first address it ever had, by which service/client_path knows its pairs. */
	struct addr first_address;
	/*
	 * Connections or flows of all workers. The one counter that workers share: max_connections
	 * and max_flows are promises, and adding up the workers' own counters would let two of them
	 * through the last gap.
	 */
	atomic_uint active;
	struct flow_quota quota; /* of max_flows */
	struct carry_ways carry_ways;
	/* NULL until a configuration limits clients; any service that does was made behind that. */
	struct client_limits *clients;
	atomic_bool logs_ends; /* of connections or flows: log.connections; at first it does */
	struct log_limit limits[REASON_COUNT];
	struct ledger_part *workers;
	size_t workers_count;
};

/* With one reference, for so many workers. NULL when memory is out. */
struct ledger *ledger_new(const struct conf_listener *conf, size_t workers)
    __attribute__((warn_unused_result));

struct ledger *ledger_ref(struct ledger *ledger);

/* Give a reference back; the last one frees. NULL is fine. */
void ledger_unref(struct ledger *ledger);

/*
 * Have clients counted from now on, before a service that limits them is made. The main thread.
 * Returns 0, or -1 when memory is out.
 */
int ledger_count_clients(struct ledger *ledger) __attribute__((warn_unused_result));

/* Whether the block is this ledger's listener. */
bool ledger_is_of(const struct ledger *ledger, const struct conf_listener *conf);

/* A worker's counters, which that worker alone writes. */
struct ledger_stats *ledger_stats(struct ledger *ledger, size_t worker);

/* Add all workers' counters to sum, which is the caller's own. */
void ledger_sum(const struct ledger *ledger, struct ledger_stats *sum);

/* Connections and flows that ended for this reason, and datagrams that were dropped for it. */
uint64_t ledger_lost(const struct ledger *ledger, enum close_reason reason);

/* Add the answers from targets of one family to sum, likewise. */
void ledger_sum_answers(const struct ledger *ledger, enum stats_family family,
			struct stats_answers *sum);

/* Connections or flows that there are now. */
unsigned ledger_active(const struct ledger *ledger);

/* Log how many lines were left out in seconds that are over by now_ms, one line a reason. */
void ledger_log_suppressed(struct ledger *ledger, int64_t now_ms);

#endif
