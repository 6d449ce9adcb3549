/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast the counters of listeners have grown. */
#include "daemon/rates.h"

#include <stdlib.h>

/* Samples that are kept: ten seconds lie between the first and the last of them. */
#define SAMPLES 11

struct sample {
	int64_t ms;
	struct rate counted; /* since the start */
};

struct entry {
	TAILQ_ENTRY(entry) entry;
	struct ledger *ledger; /* a reference */
	struct sample samples[SAMPLES];
	size_t taken; /* ever; the latest is at taken - 1, modulo SAMPLES */
	bool seen;
};

struct rates {
	TAILQ_HEAD(, entry) entries;
};

struct rates *rates_new(void)
{
	struct rates *rates = malloc(sizeof(*rates));

	if (rates != NULL)
		TAILQ_INIT(&rates->entries);
	return rates;
}

static void drop(struct rates *rates, struct entry *entry)
{
	TAILQ_REMOVE(&rates->entries, entry, entry);
	ledger_unref(entry->ledger);
	free(entry);
}

void rates_free(struct rates *rates)
{
	if (rates == NULL)
		return;
	while (!TAILQ_EMPTY(&rates->entries))
		drop(rates, TAILQ_FIRST(&rates->entries));
	free(rates);
}

static struct entry *find(const struct rates *rates, const struct ledger *ledger)
{
	struct entry *entry;

	TAILQ_FOREACH(entry, &rates->entries, entry)
	if (entry->ledger == ledger)
		return entry;
	return NULL;
}

static struct entry *add(struct rates *rates, struct ledger *ledger)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (entry == NULL)
		return NULL;
	entry->ledger = ledger_ref(ledger);
	TAILQ_INSERT_TAIL(&rates->entries, entry, entry);
	return entry;
}

static void take(struct entry *entry, int64_t now_ms)
{
	struct sample *sample = &entry->samples[entry->taken++ % SAMPLES];
	struct ledger_stats sum = {0};

	ledger_sum(entry->ledger, &sum);
	*sample = (struct sample){.ms = now_ms};
	sample->counted.opened = stats_get(&sum.stats.opened);
	for (size_t i = 0; i < STATS_DIRECTIONS; i++)
		sample->counted.bytes[i] = stats_get(&sum.stats.bytes[i]);
	for (size_t i = 0; i < REASON_COUNT; i++)
		if (reason_level((enum close_reason)i) >= LOG_LEVEL_WARN)
			sample->counted.failures += stats_get(&sum.stats.closed[i]);
}

void rates_sample(struct rates *rates, const struct roster *roster, int64_t now_ms)
{
	struct roster_entry *listed;
	struct entry *entry;
	struct entry *next;

	TAILQ_FOREACH(entry, &rates->entries, entry)
	entry->seen = false;
	TAILQ_FOREACH(listed, &roster->entries, entry)
	{
		entry = find(rates, listed->ledger);
		if (entry == NULL)
			entry = add(rates, listed->ledger);
		if (entry == NULL)
			continue;
		entry->seen = true;
		take(entry, now_ms);
	}
	for (entry = TAILQ_FIRST(&rates->entries); entry != NULL; entry = next) {
		next = TAILQ_NEXT(entry, entry);
		if (!entry->seen)
			drop(rates, entry);
	}
}

/* A second's part of the difference, rounded to the nearest. */
static uint64_t per_second(uint64_t first, uint64_t last, uint64_t ms)
{
	return ((last - first) * 1000 + ms / 2) / ms;
}

bool rates_find(const struct rates *rates, const struct ledger *ledger, struct rate *rate)
{
	const struct entry *entry = find(rates, ledger);
	const struct sample *first;
	const struct sample *last;
	uint64_t ms;

	if (entry == NULL || entry->taken < 2)
		return false;
	last = &entry->samples[(entry->taken - 1) % SAMPLES];
	first = &entry->samples[entry->taken < SAMPLES ? 0 : entry->taken % SAMPLES];
	if (last->ms <= first->ms)
		return false;
	ms = (uint64_t)(last->ms - first->ms);
	rate->opened = per_second(first->counted.opened, last->counted.opened, ms);
	rate->failures = per_second(first->counted.failures, last->counted.failures, ms);
	for (size_t i = 0; i < STATS_DIRECTIONS; i++)
		rate->bytes[i] = per_second(first->counted.bytes[i], last->counted.bytes[i], ms);
	return true;
}
