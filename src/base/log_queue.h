/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded queue of lines from any thread to one.
 *
 * Its lock is held for as long as it takes to copy a line, so that nobody who logs waits for the
 * one who writes. A line that does not fit is counted. Once one did not fit, none is taken until
 * the queue is half empty: what is missing is then missing in one piece, which one line can tell,
 * and not between every two lines.
 */
#ifndef MMPROXY_LOG_QUEUE_H
#define MMPROXY_LOG_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log_line.h"

struct log_queue {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	char *bytes; /* a ring of size bytes */
	size_t size;
	size_t start; /* of the oldest record */
	size_t used;
	uint64_t left_out; /* lines since the newest record */
	bool full;	   /* a line did not fit, and the queue is not half empty yet */
	bool waiting;	   /* the reader sleeps and wants to be woken */
	bool closed;
};

/* Whole lines that follow each other. */
struct log_batch {
	uint64_t left_out;    /* lines that are missing before these */
	enum log_level level; /* of the first */
	bool is_last;	      /* nothing is queued behind them */
	size_t lines;
	size_t len;
	char text[LOG_LINE_MAX];
};

/* Returns 0, or -1 with errno when memory is out. */
int log_queue_init(struct log_queue *queue, size_t size) __attribute__((warn_unused_result));
void log_queue_fini(struct log_queue *queue);

/* Append a line, of LOG_LINE_MAX bytes at most; false when it was counted as left out instead. */
bool log_queue_put(struct log_queue *queue, enum log_level level, const char *text, size_t len);

/*
 * Wait for lines, for timeout_ms at most (-1: no limit), and take as many as fit into the batch, or
 * max_lines. The batch may have no line, when lines are missing at the end or the time is over.
 * Returns false when the queue is closed and nothing is left.
 */
bool log_queue_take(struct log_queue *queue, struct log_batch *batch, size_t max_lines,
		    int timeout_ms);

/* Nothing more will be put: wake the reader for what is left. */
void log_queue_close(struct log_queue *queue);

#endif
