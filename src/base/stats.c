/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of one listener in one worker. */
#include "base/stats.h"

void stats_sum(struct stats *sum, const struct stats *part)
{
	stats_add(&sum->opened, stats_get(&part->opened));
	for (size_t i = 0; i < REASON_COUNT; i++) {
		stats_add(&sum->closed[i], stats_get(&part->closed[i]));
		stats_add(&sum->dropped[i], stats_get(&part->dropped[i]));
	}
	for (size_t i = 0; i < STATS_DIRECTIONS; i++) {
		stats_add(&sum->bytes[i], stats_get(&part->bytes[i]));
		stats_add(&sum->datagrams[i], stats_get(&part->datagrams[i]));
	}
	stats_add(&sum->displaced, stats_get(&part->displaced));
	stats_add(&sum->icmp_errors, stats_get(&part->icmp_errors));
	stats_add(&sum->source_fallbacks, stats_get(&part->source_fallbacks));
	stats_add(&sum->accept_pauses, stats_get(&part->accept_pauses));
}
