/* SPDX-License-Identifier: BSD-2-Clause */
/* A limit on how often one kind of line is logged, with a count of what was left out. */
#ifndef MMPROXY_LOG_LIMIT_H
#define MMPROXY_LOG_LIMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Lines of one kind let through in a second. */
#define LOG_LIMIT_LINES 10

/* Any thread may ask; guarded by a mutex, which only lines that are about to be logged take. */
struct log_limit {
	pthread_mutex_t lock;
	int64_t window_start_ms;
	uint32_t passed;
	uint32_t suppressed;
};

void log_limit_init(struct log_limit *limit);
void log_limit_fini(struct log_limit *limit);

/* Whether a line may be written at now_ms (CLOCK_MONOTONIC); counts it as left out otherwise. */
bool log_limit_pass(struct log_limit *limit, int64_t now_ms);

/*
 * How many lines were left out since the last call; 0 while the second in which they were is still
 * running, unless now_ms is LOG_LIMIT_NOW.
 */
uint32_t log_limit_take(struct log_limit *limit, int64_t now_ms);

/* Lines that all limits together have left out since the start. Any thread. */
uint64_t log_limit_suppressed(void);

/* Ask log_limit_take() for the count at once, as at the end of the program. */
#define LOG_LIMIT_NOW INT64_MAX

#endif
