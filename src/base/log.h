/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: lines of key=value (or JSON objects) to standard error, a file or syslog.
 *
 * Any thread may log; a line is one write(2). log_open() and log_close() belong to the main thread.
 */
#ifndef MMPROXY_LOG_H
#define MMPROXY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/*
 * Where lines go: "stderr", "syslog", or the absolute path of a file, opened for appending. A
 * file's lines also carry time= (the journal and syslog add their own). Until the first log_open(),
 * text goes to standard error at LOG_LEVEL_INFO. Returns 0, or -1 with errno when the file cannot
 * be opened; the former target then stays.
 */
int log_open(const char *target, enum log_level level, enum log_format format)
    __attribute__((warn_unused_result));

/* Open the file again under its name (after logrotate moved it). Returns as log_open(). */
int log_reopen(void) __attribute__((warn_unused_result));

/* Close the target and go back to standard error. */
void log_close(void);

/* Whether a line at this level is written at all; ask before costly formatting. */
bool log_enabled(enum log_level level);

/* A line without a connection: LEVEL msg="...". */
void log_msg(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Longest line in bytes, newline included; what does not fit is cut at a field. */
#define LOG_LINE_MAX 4096

/* A line being built on the stack: log_line_begin(), fields, log_line_end(). */
struct log_line {
	enum log_level level;
	enum log_format format;
	size_t len;
	char text[LOG_LINE_MAX];
};

void log_line_begin(struct log_line *line, enum log_level level);

/* Append key=value. Text values that need it are quoted and escaped; NULL shows as "-". */
void log_line_str(struct log_line *line, const char *key, const char *value);
void log_line_bytes(struct log_line *line, const char *key, const void *value, size_t len);
void log_line_addr(struct log_line *line, const char *key, const struct addr *addr);
void log_line_u64(struct log_line *line, const char *key, uint64_t value);

/* Write the line (nothing when its level is off). */
void log_line_end(struct log_line *line);

/* Read "debug", "info", "warn" or "error"; -1 for another word. */
int log_level_parse(const char *text);
const char *log_level_name(enum log_level level);

#endif
