/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line of the log as text: key=value, or a JSON object.
 *
 * A line belongs to the thread that builds it; any thread may build lines.
 */
#ifndef MMPROXY_LOG_LINE_H
#define MMPROXY_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Longest line in bytes, newline included; what does not fit is cut at a field. */
#define LOG_LINE_MAX 4096

/* A line being built on the stack: log_line_begin(), fields, then log_line_end() of log.h. */
struct log_line {
	enum log_level level;
	enum log_format format;
	size_t len;
	char text[LOG_LINE_MAX];
};

/* What a line carries for the one who reads it where it goes. */
enum log_stamp {
	LOG_STAMP_NONE,
	LOG_STAMP_TIME,	    /* time=2026-11-21T17:22:47.123Z behind the level: RFC 3339, UTC */
	LOG_STAMP_PRIORITY, /* <4> before the line: sd-daemon(3), for the journal */
};

/* Of lines that begin from now on; at first LOG_FORMAT_TEXT and LOG_STAMP_TIME. */
void log_line_configure(enum log_format format, enum log_stamp stamp);

/* The level and the stamp: no line is too long for these two. */
void log_line_begin(struct log_line *line, enum log_level level);

/* Append key=value. Text values that need it are quoted and escaped; NULL shows as "-". */
void log_line_str(struct log_line *line, const char *key, const char *value);
void log_line_bytes(struct log_line *line, const char *key, const void *value, size_t len);
void log_line_addr(struct log_line *line, const char *key, const struct addr *addr);
void log_line_u64(struct log_line *line, const char *key, uint64_t value);

/* Close the object and end the line with a newline; nothing can be appended after that. */
void log_line_close(struct log_line *line);

/* Read "debug", "info", "warn" or "error"; -1 for another word. */
int log_level_parse(const char *text);
const char *log_level_name(enum log_level level);

/* The level as a priority of syslog(3) and sd-daemon(3), which number them alike. */
int log_level_priority(enum log_level level);

#endif
