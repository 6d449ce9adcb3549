/* SPDX-License-Identifier: BSD-2-Clause */
/* A limit on how often one kind of line is logged. */
#include "base/log_limit.h"

#include <stdatomic.h>

#define WINDOW_MS 1000

static atomic_uint_fast64_t suppressed_ever;

void log_limit_init(struct log_limit *limit)
{
	pthread_mutex_init(&limit->lock, NULL);
	limit->window_start_ms = 0;
	limit->passed = 0;
	limit->suppressed = 0;
}

void log_limit_fini(struct log_limit *limit)
{
	pthread_mutex_destroy(&limit->lock);
}

bool log_limit_pass(struct log_limit *limit, int64_t now_ms)
{
	bool pass;

	pthread_mutex_lock(&limit->lock);
	if (now_ms - limit->window_start_ms >= WINDOW_MS) {
		limit->window_start_ms = now_ms;
		limit->passed = 0;
	}
	pass = limit->passed < LOG_LIMIT_LINES;
	if (pass)
		limit->passed++;
	else
		limit->suppressed++;
	pthread_mutex_unlock(&limit->lock);
	if (!pass)
		atomic_fetch_add_explicit(&suppressed_ever, 1, memory_order_relaxed);
	return pass;
}

uint32_t log_limit_take(struct log_limit *limit, int64_t now_ms)
{
	uint32_t suppressed = 0;

	pthread_mutex_lock(&limit->lock);
	if (now_ms == LOG_LIMIT_NOW || now_ms - limit->window_start_ms >= WINDOW_MS) {
		suppressed = limit->suppressed;
		limit->suppressed = 0;
	}
	pthread_mutex_unlock(&limit->lock);
	return suppressed;
}

uint64_t log_limit_suppressed(void)
{
	return atomic_load_explicit(&suppressed_ever, memory_order_relaxed);
}
