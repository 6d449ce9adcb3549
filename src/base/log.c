/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: lines of key=value or JSON objects. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* "}\n", kept free in every line so that it can always be closed. */
#define LINE_TAIL 2

/* Messages from log_msg(), before escaping. */
#define MESSAGE_MAX 1024

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/*
 * Read by every thread, written by the main one. The descriptor's number stays the same while a
 * file is open: reopening puts the new file under it with dup3(2), which other threads cannot half
 * see.
 */
static atomic_int current_level = LOG_LEVEL_INFO;
static atomic_int current_format = LOG_FORMAT_TEXT;
static atomic_int current_fd = STDERR_FILENO;
static atomic_bool current_is_file;
static atomic_bool current_is_syslog;
static char *current_path;

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

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

/*
 * Bytes from the network end up here: whatever is not printable ASCII is shown as \xHH, in JSON
 * with a doubled backslash, so that a line stays a line and an object stays valid.
 */
static void put_escaped(struct log_line *line, const char *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '"' || c == '\\') {
			put_char(line, '\\');
			put_char(line, (char)c);
		} else if (c >= ' ' && c <= '~') {
			put_char(line, (char)c);
		} else {
			put_text(line, line->format == LOG_FORMAT_JSON ? "\\\\x" : "\\x");
			put_char(line, hex[c >> 4]);
			put_char(line, hex[c & 0xf]);
		}
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
		put_char(line, start == 0 ? '{' : ',');
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

int log_open(const char *target, enum log_level level, enum log_format format)
{
	bool is_syslog = strcmp(target, "syslog") == 0;
	bool is_file = !is_syslog && strcmp(target, "stderr") != 0;
	int fd = STDERR_FILENO;
	char *path = NULL;

	if (is_file) {
		path = strdup(target);
		if (path == NULL)
			return -1;
		fd = open_file(path);
		if (fd < 0) {
			free(path);
			return -1;
		}
	}
	log_close();
	if (is_syslog)
		openlog("mmproxy", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	current_path = path;
	atomic_store(&current_fd, fd);
	atomic_store(&current_is_file, is_file);
	atomic_store(&current_is_syslog, is_syslog);
	atomic_store(&current_level, (int)level);
	atomic_store(&current_format, (int)format);
	return 0;
}

int log_reopen(void)
{
	int fd;
	int failed;

	if (current_path == NULL)
		return 0;
	fd = open_file(current_path);
	if (fd < 0)
		return -1;
	failed = dup3(fd, atomic_load(&current_fd), O_CLOEXEC) < 0;
	close(fd);
	return failed ? -1 : 0;
}

void log_close(void)
{
	int fd = atomic_exchange(&current_fd, STDERR_FILENO);

	if (atomic_exchange(&current_is_syslog, false))
		closelog();
	atomic_store(&current_is_file, false);
	if (current_path != NULL)
		close(fd);
	free(current_path);
	current_path = NULL;
}

bool log_enabled(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&current_level, memory_order_relaxed);
}

void log_msg(enum log_level level, const char *format, ...)
{
	struct log_line line;
	char message[MESSAGE_MAX];
	va_list args;

	if (!log_enabled(level))
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	log_line_begin(&line, level);
	log_line_str(&line, "msg", message);
	log_line_end(&line);
}

void log_line_begin(struct log_line *line, enum log_level level)
{
	line->level = level;
	line->format = (enum log_format)atomic_load_explicit(&current_format, memory_order_relaxed);
	line->len = 0;
	if (line->format == LOG_FORMAT_JSON)
		log_line_str(line, "level", log_level_name(level));
	else
		put_text(line, log_level_name(level));
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

void log_line_end(struct log_line *line)
{
	static const int priorities[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR};
	char now[32];
	ssize_t written;

	if (!log_enabled(line->level))
		return;
	if (atomic_load_explicit(&current_is_file, memory_order_relaxed))
		log_line_str(line, "time", time_text(now));
	if (line->format == LOG_FORMAT_JSON)
		line->text[line->len++] = '}';
	if (atomic_load_explicit(&current_is_syslog, memory_order_relaxed)) {
		syslog(priorities[line->level], "%.*s", (int)line->len, line->text);
		return;
	}
	line->text[line->len++] = '\n';
	/* A log that cannot be written (a full disk, a closed pipe) must not stop the traffic. */
	do {
		written = write(atomic_load(&current_fd), line->text, line->len);
	} while (written < 0 && errno == EINTR);
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
