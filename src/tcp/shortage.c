/* SPDX-License-Identifier: BSD-2-Clause */
/* What accepting lacks, and what the log knows of it. */
#include "tcp/shortage.h"

#include <stdbool.h>

#include "base/clock.h"
#include "base/error_text.h"
#include "base/log.h"
#include "base/log_line.h"

/* Shortages nearer to each other than this are one, and have one warning. */
#define ONE_MS 10000

static const char *message(enum accept_result result)
{
	switch (result) {
	case ACCEPT_NO_DESCRIPTOR:
		return "cannot accept; connections wait until others end";
	case ACCEPT_NO_MEMORY:
		return "cannot accept: memory is out; connections wait";
	default:
		return "cannot accept; trying again";
	}
}

void shortage_log(struct shortage *shortage, const char *listener, enum accept_result result,
		  int error)
{
	enum close_reason reason =
	    result == ACCEPT_NO_DESCRIPTOR ? REASON_OUT_OF_DESCRIPTORS : REASON_INTERNAL;
	int64_t now_ms = clock_now_ms();
	bool goes_on = shortage->last_ms != 0 && shortage->last == reason &&
		       now_ms - shortage->last_ms <= ONE_MS;
	struct log_line line;
	char text[128];

	shortage->last = reason;
	shortage->last_ms = now_ms;
	if (goes_on)
		return;
	log_line_begin(&line, LOG_LEVEL_WARN);
	log_line_str(&line, "listener", listener);
	log_line_str(&line, "reason", reason_name(reason));
	log_line_str(&line, "error", error_text(error, text, sizeof(text)));
	log_line_str(&line, "msg", message(result));
	log_line_end(&line);
}
