/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: what is shown, and where it goes. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/log_target.h"
#include "base/log_writer.h"

/* Messages from log_msg(), before escaping. */
#define MESSAGE_MAX 1024

/* What is queued at the end has so long to be written. */
#define FLUSH_MS 1000

/* Read by every thread, written by the main one. */
static atomic_int current_level = LOG_LEVEL_INFO;

int log_prepare(const char *target)
{
	return log_target_prepare(target);
}

void log_commit(enum log_level level, enum log_format format)
{
	log_target_commit();
	log_writer_reset();
	log_line_configure(format, log_target_stamp());
	atomic_store(&current_level, (int)level);
}

void log_undo(void)
{
	log_target_undo();
}

int log_open(const char *target, enum log_level level, enum log_format format)
{
	if (log_prepare(target) < 0)
		return -1;
	log_commit(level, format);
	return 0;
}

const char *log_place(const char *target)
{
	return log_target_place(target);
}

int log_reopen(void)
{
	return log_target_reopen();
}

void log_close(void)
{
	log_stop_writer();
	log_target_close();
	log_writer_reset();
	log_line_configure(LOG_FORMAT_TEXT, log_target_stamp());
}

int log_start_writer(void)
{
	return log_writer_start();
}

void log_stop_writer(void)
{
	log_writer_stop(FLUSH_MS);
}

uint64_t log_left_out(void)
{
	return log_writer_left_out();
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

void log_line_end(struct log_line *line)
{
	if (!log_enabled(line->level))
		return;
	log_line_close(line);
	log_writer_put(line->level, line->text, line->len);
}
