/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who writes the log's lines: the one who logs, or, once it was started, a thread.
 *
 * A line is never torn: the rest of one that a full disk cut is written first when there is room
 * again. Then, or when syslog is there again, one line says how many were left out, whatever the
 * level that is shown, because it stands for lines that would be.
 */
#ifndef MMPROXY_LOG_WRITER_H
#define MMPROXY_LOG_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/log_line.h"

/* Start the thread. Nobody else logs meanwhile. Returns 0, or -1 with errno. Main thread. */
int log_writer_start(void) __attribute__((warn_unused_result));

/*
 * Let the thread write what is queued, for flush_ms at most, and end it. One that is stuck even
 * then is cancelled; later lines are counted only. Nobody else logs any more. Nothing happens when
 * there is no thread. Main thread.
 */
void log_writer_stop(int flush_ms);

/* A line with its newline, LOG_LINE_MAX bytes at most. Any thread; waits only without a thread. */
void log_writer_put(enum log_level level, const char *text, size_t len);

/* The target is another one: what was kept back for the former one is forgotten. A thread that runs
 * finds out itself. */
void log_writer_reset(void);

/* Lines left out so far. Any thread. */
uint64_t log_writer_left_out(void);

#endif
