/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: lines of key=value (or JSON objects) to standard error, a file or syslog.
 *
 * Any thread may log, and none waits for it once log_start_writer() was called. The functions that
 * open, close, start and stop belong to the main thread.
 */
#ifndef MMPROXY_LOG_H
#define MMPROXY_LOG_H

#include "base/log_line.h"

/*
 * Where lines go: "stderr", "syslog", or the absolute path of a file, opened for appending. Lines
 * carry time=, but not to syslog, and not where standard error is the journal: both add their own,
 * and the journal gets each line's priority instead. Until the first log_open(), text goes to
 * standard error at LOG_LEVEL_INFO. Also while the writer runs: lines that are queued go to the new
 * target, in the format that they have. Returns 0, or -1 with errno when the file cannot be opened
 * or syslog cannot be reached; the former target, level and format then stay.
 */
int log_open(const char *target, enum log_level level, enum log_format format)
    __attribute__((warn_unused_result));

/*
 * The same in two steps, where something else may fail between them: open the target, unless it is
 * the one in use, and then use it, which cannot fail, or close it again. Nothing changes before
 * log_commit(). Returns as log_open().
 */
int log_prepare(const char *target) __attribute__((warn_unused_result));
void log_commit(enum log_level level, enum log_format format);
void log_undo(void);

/* The path that a target stands for, "/dev/log" for syslog: what a message about it names. */
const char *log_place(const char *target);

/*
 * Open the file again under its name (after logrotate moved it), whether or not the writer runs or
 * is stuck. Returns as log_open().
 */
int log_reopen(void) __attribute__((warn_unused_result));

/* Stop the writer if it runs, close the target and go back to text on standard error. */
void log_close(void);

/*
 * From now on lines are queued, in memory that is bounded, for a thread that writes them; those
 * that do not fit are counted, and a line says how many were left out when there is room again.
 * Before, each line is written by the one who logs it. Capabilities are a thread's: give them up
 * first. Other threads must not log meanwhile. Returns 0, or -1 with errno.
 */
int log_start_writer(void) __attribute__((warn_unused_result));

/*
 * Write what is queued, for a second at most, and end the thread; the rest is then left out. Other
 * threads must have ended. Nothing happens when there is none.
 */
void log_stop_writer(void);

/* Lines that were left out since the start, because there was no room or writing failed. */
uint64_t log_left_out(void);

/* Whether a line at this level is written at all; ask before costly formatting. */
bool log_enabled(enum log_level level);

/* A line without a connection: LEVEL msg="...". */
void log_msg(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Write the line (nothing when its level is off). */
void log_line_end(struct log_line *line);

#endif
