/* SPDX-License-Identifier: BSD-2-Clause */
/* Log-linear buckets: the leading bits of a duration are the number of its bucket. */
#include "latency.h"

#include <stddef.h>

#define BUCKETS (sizeof(((struct latency *)0)->buckets) / sizeof(uint64_t))

/* Durations below LATENCY_PARTS have a bucket each, and every octave above has LATENCY_PARTS. */
static size_t bucket_of(uint64_t ns)
{
	unsigned octave;
	size_t bucket;

	if (ns < LATENCY_PARTS)
		return (size_t)ns;
	octave = 63 - (unsigned)__builtin_clzll(ns) - LATENCY_PARTS_BITS;
	bucket = (size_t)(octave + 1) * LATENCY_PARTS + ((ns >> octave) & (LATENCY_PARTS - 1));
	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static double middle_ns(size_t bucket)
{
	uint64_t octave, part;

	if (bucket < LATENCY_PARTS)
		return (double)bucket;
	octave = bucket / LATENCY_PARTS - 1;
	part = bucket % LATENCY_PARTS + LATENCY_PARTS;
	return ((double)part + 0.5) * (double)(1ULL << octave);
}

void latency_add(struct latency *latency, uint64_t ns)
{
	latency->count++;
	latency->buckets[bucket_of(ns)]++;
	if (ns > latency->max_ns)
		latency->max_ns = ns;
}

void latency_merge(struct latency *latency, const struct latency *other)
{
	latency->count += other->count;
	for (size_t i = 0; i < BUCKETS; i++)
		latency->buckets[i] += other->buckets[i];
	if (other->max_ns > latency->max_ns)
		latency->max_ns = other->max_ns;
}

double latency_quantile_us(const struct latency *latency, double share)
{
	double wanted = share * (double)latency->count;
	double seen = 0;

	if (latency->count == 0)
		return 0;
	for (size_t i = 0; i < BUCKETS; i++) {
		seen += (double)latency->buckets[i];
		if (seen >= wanted && latency->buckets[i] > 0)
			return middle_ns(i) / 1e3;
	}
	return (double)latency->max_ns / 1e3;
}
