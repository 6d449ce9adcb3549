/* SPDX-License-Identifier: BSD-2-Clause */
/* How the kernel carries a listener's flows. */
#include "service/carry_ways.h"

void carry_ways_init(struct carry_ways *ways)
{
	pthread_mutex_init(&ways->lock, NULL);
	ways->count = 0;
}

void carry_ways_fini(struct carry_ways *ways)
{
	pthread_mutex_destroy(&ways->lock);
}

/* The lock is held. */
static struct carry_way *find(struct carry_ways *ways, uint32_t device, int family)
{
	struct carry_way *way;

	for (size_t i = 0; i < ways->count; i++)
		if (ways->ways[i].device == device && ways->ways[i].family == family)
			return &ways->ways[i];
	if (ways->count == CARRY_WAYS_MAX)
		return &ways->ways[CARRY_WAYS_MAX - 1];
	way = &ways->ways[ways->count++];
	*way = (struct carry_way){.device = device, .family = family};
	return way;
}

bool carry_ways_is_open(struct carry_ways *ways, uint32_t device, int family, int64_t now_ms,
			int64_t *closed_until_ms)
{
	pthread_mutex_lock(&ways->lock);
	*closed_until_ms = find(ways, device, family)->closed_until_ms;
	pthread_mutex_unlock(&ways->lock);
	return *closed_until_ms <= now_ms;
}

bool carry_ways_may_log(struct carry_ways *ways, uint32_t device, int family,
			enum carry_trouble trouble)
{
	const unsigned bit = 1u << trouble;
	struct carry_way *way;
	bool first;

	pthread_mutex_lock(&ways->lock);
	way = find(ways, device, family);
	first = (way->logged & bit) == 0;
	way->logged |= bit;
	pthread_mutex_unlock(&ways->lock);
	return first;
}

bool carry_ways_note_silent(struct carry_ways *ways, uint32_t device, int family, int64_t now_ms)
{
	struct carry_way *way;
	bool closes;

	pthread_mutex_lock(&ways->lock);
	way = find(ways, device, family);
	closes = ++way->silent >= CARRY_WAYS_SILENT_MAX;
	if (closes) {
		way->silent = 0;
		way->closed_until_ms = now_ms + CARRY_WAYS_CLOSED_MS;
	}
	pthread_mutex_unlock(&ways->lock);
	return closes;
}

void carry_ways_note_answered(struct carry_ways *ways, uint32_t device, int family)
{
	pthread_mutex_lock(&ways->lock);
	find(ways, device, family)->silent = 0;
	pthread_mutex_unlock(&ways->lock);
}
