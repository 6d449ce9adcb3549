/* SPDX-License-Identifier: BSD-2-Clause */
/* Nanoseconds of CLOCK_MONOTONIC, which every thread may read. */
#ifndef MMPROXY_TEST_CLOCK_NS_H
#define MMPROXY_TEST_CLOCK_NS_H

#include <stdint.h>
#include <time.h>

#define NS_A_SECOND 1000000000

static inline uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_A_SECOND + (uint64_t)now.tv_nsec;
}

#endif
