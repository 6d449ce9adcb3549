/* SPDX-License-Identifier: BSD-2-Clause */
/* A line of the log as text. */
#include "base/log_line.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/escape.h"

/* "}\n", kept free in every line so that it can always be closed. */
#define LINE_TAIL 2

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* Read by every thread, written by the main one. */
static atomic_int current_format = LOG_FORMAT_TEXT;
static atomic_int current_stamp = LOG_STAMP_TIME;

static const char *time_text(char buf[static 32])
{
	struct timespec now;
	struct tm utc;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	len = strftime(buf, 32, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(buf + len, 32 - len, ".%03ldZ", now.tv_nsec / 1000000);
	return buf;
}

static void put_char(struct log_line *line, char c)
{
	/* One past the limit marks a field that did not fit; field_end() takes it back. */
	if (line->len < LOG_LINE_MAX - LINE_TAIL)
		line->text[line->len] = c;
	if (line->len <= LOG_LINE_MAX - LINE_TAIL)
		line->len++;
}

static void put_text(struct log_line *line, const char *text)
{
	while (*text != '\0')
		put_char(line, *text++);
}

/* Bytes from the network end up here: a line stays a line, and an object stays valid. */
static void put_escaped(struct log_line *line, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char escaped[ESCAPE_MAX];
		size_t count =
		    escape_byte((unsigned char)bytes[i], line->format == LOG_FORMAT_JSON, escaped);

		for (size_t j = 0; j < count; j++)
			put_char(line, escaped[j]);
	}
}

static bool needs_quotes(const char *bytes, size_t len)
{
	if (len == 0)
		return true;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '=')
			return true;
	}
	return false;
}

static size_t field_begin(struct log_line *line, const char *key)
{
	size_t start = line->len;

	if (line->format == LOG_FORMAT_JSON) {
		/* No field ends with a brace: this is the one that begins the object. */
		if (line->text[start - 1] != '{')
			put_char(line, ',');
		put_char(line, '"');
		put_text(line, key);
		put_text(line, "\":");
	} else {
		put_char(line, ' ');
		put_text(line, key);
		put_char(line, '=');
	}
	return start;
}

static void field_end(struct log_line *line, size_t start)
{
	if (line->len > LOG_LINE_MAX - LINE_TAIL)
		line->len = start;
}

static void put_priority(struct log_line *line)
{
	put_char(line, '<');
	put_char(line, (char)('0' + log_level_priority(line->level)));
	put_char(line, '>');
}

void log_line_configure(enum log_format format, enum log_stamp stamp)
{
	atomic_store(&current_format, (int)format);
	atomic_store(&current_stamp, (int)stamp);
}

void log_line_begin(struct log_line *line, enum log_level level)
{
	int stamp = atomic_load_explicit(&current_stamp, memory_order_relaxed);
	char now[32];

	line->level = level;
	line->format = (enum log_format)atomic_load_explicit(&current_format, memory_order_relaxed);
	line->len = 0;
	if (stamp == LOG_STAMP_PRIORITY)
		put_priority(line);
	if (line->format == LOG_FORMAT_JSON) {
		put_char(line, '{');
		log_line_str(line, "level", log_level_name(level));
	} else {
		put_text(line, log_level_name(level));
	}
	if (stamp == LOG_STAMP_TIME)
		log_line_str(line, "time", time_text(now));
}

void log_line_str(struct log_line *line, const char *key, const char *value)
{
	if (value == NULL)
		value = "-";
	log_line_bytes(line, key, value, strlen(value));
}

void log_line_bytes(struct log_line *line, const char *key, const void *value, size_t len)
{
	bool quoted = line->format == LOG_FORMAT_JSON || needs_quotes(value, len);
	size_t start = field_begin(line, key);

	if (quoted)
		put_char(line, '"');
	put_escaped(line, value, len);
	if (quoted)
		put_char(line, '"');
	field_end(line, start);
}

void log_line_addr(struct log_line *line, const char *key, const struct addr *addr)
{
	char text[ADDR_STRLEN];

	log_line_str(line, key, addr_format(addr, text));
}

void log_line_u64(struct log_line *line, const char *key, uint64_t value)
{
	char digits[24];
	size_t start = field_begin(line, key);

	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	put_text(line, digits);
	field_end(line, start);
}

void log_line_close(struct log_line *line)
{
	if (line->format == LOG_FORMAT_JSON)
		line->text[line->len++] = '}';
	line->text[line->len++] = '\n';
}

int log_level_parse(const char *text)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
		if (strcmp(text, level_names[i]) == 0)
			return (int)i;
	return -1;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

int log_level_priority(enum log_level level)
{
	static const int priorities[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR};

	return priorities[level];
}
