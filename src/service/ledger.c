/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes on when a listener's configuration is read again. */
#include "service/ledger.h"

#include <stdlib.h>
#include <string.h>

struct ledger_part {
	_Alignas(64) struct ledger_stats stats;
};

struct ledger *ledger_new(const struct conf_listener *conf, size_t workers)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	if (ledger == NULL)
		return NULL;
	ledger->name = strdup(conf->name);
	ledger->workers =
	    aligned_alloc(_Alignof(struct ledger_part), workers * sizeof(struct ledger_part));
	if (ledger->name == NULL || ledger->workers == NULL) {
		free(ledger->workers);
		free(ledger->name);
		free(ledger);
		return NULL;
	}
	memset(ledger->workers, 0, workers * sizeof(struct ledger_part));
	ledger->workers_count = workers;
	atomic_init(&ledger->refs, 1);
	atomic_init(&ledger->logs_ends, true);
	carry_ways_init(&ledger->carry_ways);
	ledger->protocol = conf->protocol;
	ledger->first_address = conf->listen[0];
	for (size_t i = 0; i < REASON_COUNT; i++)
		log_limit_init(&ledger->limits[i]);
	return ledger;
}

struct ledger *ledger_ref(struct ledger *ledger)
{
	atomic_fetch_add_explicit(&ledger->refs, 1, memory_order_relaxed);
	return ledger;
}

void ledger_unref(struct ledger *ledger)
{
	if (ledger == NULL ||
	    atomic_fetch_sub_explicit(&ledger->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < REASON_COUNT; i++)
		log_limit_fini(&ledger->limits[i]);
	client_limits_free(ledger->clients);
	carry_ways_fini(&ledger->carry_ways);
	flow_quota_fini(&ledger->quota);
	free(ledger->workers);
	free(ledger->name);
	free(ledger);
}

int ledger_count_clients(struct ledger *ledger)
{
	if (ledger->clients == NULL)
		ledger->clients = client_limits_new();
	return ledger->clients == NULL ? -1 : 0;
}

bool ledger_is_of(const struct ledger *ledger, const struct conf_listener *conf)
{
	return ledger->protocol == conf->protocol && strcmp(ledger->name, conf->name) == 0;
}

struct ledger_stats *ledger_stats(struct ledger *ledger, size_t worker)
{
	return &ledger->workers[worker].stats;
}

void ledger_sum(const struct ledger *ledger, struct ledger_stats *sum)
{
	for (size_t i = 0; i < ledger->workers_count; i++) {
		const struct ledger_stats *part = &ledger->workers[i].stats;

		stats_sum(&sum->stats, &part->stats);
		for (size_t j = 0; j < PROXY_ERROR_COUNT; j++)
			stats_add(&sum->header_errors[j], stats_get(&part->header_errors[j]));
	}
}

uint64_t ledger_lost(const struct ledger *ledger, enum close_reason reason)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ledger->workers_count; i++) {
		const struct stats *stats = &ledger->workers[i].stats.stats;

		sum += stats_get(&stats->closed[reason]) + stats_get(&stats->dropped[reason]);
	}
	return sum;
}

void ledger_sum_answers(const struct ledger *ledger, enum stats_family family,
			struct stats_answers *sum)
{
	for (size_t i = 0; i < ledger->workers_count; i++)
		stats_sum_answers(sum, &ledger->workers[i].stats.stats.answers[family]);
}

unsigned ledger_active(const struct ledger *ledger)
{
	return atomic_load_explicit(&ledger->active, memory_order_relaxed);
}

void ledger_log_suppressed(struct ledger *ledger, int64_t now_ms)
{
	for (size_t i = 0; i < REASON_COUNT; i++) {
		uint32_t suppressed = log_limit_take(&ledger->limits[i], now_ms);
		struct log_line line;

		if (suppressed == 0)
			continue;
		log_line_begin(&line, LOG_LEVEL_WARN);
		log_line_str(&line, "listener", ledger->name);
		log_line_str(&line, "reason", reason_name((enum close_reason)i));
		log_line_u64(&line, "suppressed", suppressed);
		log_line_end(&line);
	}
}
