/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters of one listener in one worker.
 *
 * Only the worker writes them; any thread may read them (relaxed atomics), and adds up the workers.
 */
#ifndef MMPROXY_STATS_H
#define MMPROXY_STATS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

enum stats_direction { STATS_UP, STATS_DOWN, STATS_DIRECTIONS };

/*
 * Classes of the time that connecting to the backend took: from the next socket, which takes some
 * ten microseconds, to the longest that people wait. stats_connect_bounds_us[] are their upper
 * bounds; the last class has none.
 */
#define STATS_CONNECT_CLASSES 15
extern const uint32_t stats_connect_bounds_us[STATS_CONNECT_CLASSES - 1];

/* Datagrams of flows that speak from clients' addresses, which need a way back. */
struct stats_answers {
	atomic_uint_fast64_t asked;    /* sent to the target, or refused by it */
	atomic_uint_fast64_t answered; /* that came back, runs that the kernel joined as one */
	atomic_uint_fast64_t refused;  /* nothing listens there: an ICMP error said so */
};

/* Their targets are of IPv4, or of IPv6. */
enum stats_family { STATS_IPV4, STATS_IPV6, STATS_FAMILIES };

struct stats {
	atomic_uint_fast64_t opened;
	atomic_uint_fast64_t closed[REASON_COUNT];
	atomic_uint_fast64_t bytes[STATS_DIRECTIONS];
	atomic_uint_fast64_t datagrams[STATS_DIRECTIONS];
	atomic_uint_fast64_t dropped[REASON_COUNT]; /* datagrams, of flows and of none */
	atomic_uint_fast64_t displaced;		    /* flows that ended to make room for another */
	atomic_uint_fast64_t icmp_errors;	    /* each is counted in dropped as well */
	atomic_uint_fast64_t source_fallbacks;	    /* connections and flows whose port was taken */
	atomic_uint_fast64_t carried_flows;	    /* that there are now, by the kernel */
	atomic_uint_fast64_t carried[STATS_DIRECTIONS]; /* of datagrams, those by the kernel */
	atomic_uint_fast64_t demoted; /* flows that the kernel carried, and nothing came back */
	atomic_uint_fast64_t accept_pauses; /* of a TCP listener that was flooded */
	atomic_uint_fast64_t connected[STATS_CONNECT_CLASSES]; /* connections to the backend */
	atomic_uint_fast64_t connect_us;		       /* of all of them together */
	struct stats_answers answers[STATS_FAMILIES];
};

/* Add to a counter of this thread's own. */
static inline void stats_add(atomic_uint_fast64_t *counter, uint64_t amount)
{
	/* One writer: a plain load and store are enough, and cheaper than a locked addition. */
	uint_fast64_t value = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, value + amount, memory_order_relaxed);
}

/* Take from a counter of this thread's own, which has as much. */
static inline void stats_take(atomic_uint_fast64_t *counter, uint64_t amount)
{
	stats_add(counter, -amount);
}

static inline uint64_t stats_get(const atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Count a connection to the backend, which took so long. */
void stats_add_connected(struct stats *stats, uint64_t took_us);

/* Add every counter of part to sum, which must be the caller's own. */
void stats_sum_answers(struct stats_answers *sum, const struct stats_answers *part);
void stats_sum(struct stats *sum, const struct stats *part);

#endif
