/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A histogram of durations from a nanosecond to hours, exact to 1.6 %: each power of two is cut
 * into equal parts. Adding is a few instructions and allocates nothing. One thread at a time.
 */
#ifndef MMPROXY_TEST_LATENCY_H
#define MMPROXY_TEST_LATENCY_H

#include <stdint.h>

#define LATENCY_PARTS_BITS 6
#define LATENCY_PARTS	   (1 << LATENCY_PARTS_BITS)

/* 2^45 ns are nearly ten hours; what takes longer counts as that. */
#define LATENCY_OCTAVES (45 - LATENCY_PARTS_BITS)

struct latency {
	uint64_t count;
	uint64_t max_ns;
	uint64_t buckets[(LATENCY_OCTAVES + 1) * LATENCY_PARTS];
};

void latency_add(struct latency *latency, uint64_t ns);

/* Add everything that another one has. */
void latency_merge(struct latency *latency, const struct latency *other);

/*
 * The duration that a share (0.5: the median) of all did not exceed, in microseconds; 0 when there
 * are none. It is the middle of a bucket.
 */
double latency_quantile_us(const struct latency *latency, double share);

#endif
