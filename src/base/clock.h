/* SPDX-License-Identifier: BSD-2-Clause */
/* Time for deadlines and durations. */
#ifndef MMPROXY_CLOCK_H
#define MMPROXY_CLOCK_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

/*
 * Milliseconds of CLOCK_MONOTONIC_COARSE: read without a system call, up to one tick (1 to 10 ms)
 * late. Good enough for timeouts, and cheap enough for every wake-up. Any thread.
 */
static inline int64_t clock_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Microseconds of CLOCK_MONOTONIC, for what takes less than a tick. */
static inline int64_t clock_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The time on CLOCK_MONOTONIC after so many milliseconds, not negative: a deadline for POSIX
 * threads whose condition variables have that clock. */
static inline struct timespec clock_deadline(int64_t ms)
{
	struct timespec when;

	clock_gettime(CLOCK_MONOTONIC, &when);
	when.tv_sec += (time_t)(ms / 1000);
	when.tv_nsec += (long)(ms % 1000 * 1000000);
	if (when.tv_nsec >= 1000000000L) {
		when.tv_sec++;
		when.tv_nsec -= 1000000000L;
	}
	return when;
}

/* Milliseconds, not negative, as libevent's timers want them. */
static inline struct timeval clock_timeval(int64_t ms)
{
	return (struct timeval){.tv_sec = (time_t)(ms / 1000),
				.tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

#endif
