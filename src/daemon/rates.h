/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast the counters of listeners have grown in the last ten seconds, from samples that are
 * taken once a second. Main thread.
 */
#ifndef MMPROXY_RATES_H
#define MMPROXY_RATES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/stats.h"
#include "daemon/roster.h"

struct rates;

/* A second's part of what was counted, rounded. */
struct rate {
	uint64_t opened; /* connections or flows */
	uint64_t bytes[STATS_DIRECTIONS];
	uint64_t failures; /* ends that are logged as warnings */
};

/* NULL when memory is out. */
struct rates *rates_new(void) __attribute__((warn_unused_result));
void rates_free(struct rates *rates);

/*
 * Take a sample of each listener of the roster, and forget those that it has no more. One for which
 * there is no memory has no rate.
 */
void rates_sample(struct rates *rates, const struct roster *roster, int64_t now_ms);

/* Returns false when there are not two samples of the listener yet. */
bool rates_find(const struct rates *rates, const struct ledger *ledger, struct rate *rate);

#endif
