/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of one listener in one worker. */
#include "base/stats.h"

const uint32_t stats_connect_bounds_us[STATS_CONNECT_CLASSES - 1] = {
    500,    1000,   2500,   5000,    10000,   25000,   50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

void stats_add_connected(struct stats *stats, uint64_t took_us)
{
	size_t class = 0;

	while (class < STATS_CONNECT_CLASSES - 1 && took_us > stats_connect_bounds_us[class])
		class ++;
	stats_add(&stats->connected[class], 1);
	stats_add(&stats->connect_us, took_us);
}

void stats_sum_answers(struct stats_answers *sum, const struct stats_answers *part)
{
	stats_add(&sum->asked, stats_get(&part->asked));
	stats_add(&sum->answered, stats_get(&part->answered));
	stats_add(&sum->refused, stats_get(&part->refused));
}

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
		stats_add(&sum->carried[i], stats_get(&part->carried[i]));
	}
	stats_add(&sum->displaced, stats_get(&part->displaced));
	stats_add(&sum->icmp_errors, stats_get(&part->icmp_errors));
	stats_add(&sum->source_fallbacks, stats_get(&part->source_fallbacks));
	stats_add(&sum->carried_flows, stats_get(&part->carried_flows));
	stats_add(&sum->demoted, stats_get(&part->demoted));
	stats_add(&sum->accept_pauses, stats_get(&part->accept_pauses));
	for (size_t i = 0; i < STATS_CONNECT_CLASSES; i++)
		stats_add(&sum->connected[i], stats_get(&part->connected[i]));
	stats_add(&sum->connect_us, stats_get(&part->connect_us));
	for (size_t i = 0; i < STATS_FAMILIES; i++)
		stats_sum_answers(&sum->answers[i], &part->answers[i]);
}
