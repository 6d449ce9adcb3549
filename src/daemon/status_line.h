/* SPDX-License-Identifier: BSD-2-Clause */
/* The line of "systemctl status": what is open now, and how fast bytes go through. */
#ifndef MMPROXY_STATUS_LINE_H
#define MMPROXY_STATUS_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/notify.h"

/* How often it may change. */
#define STATUS_LINE_INTERVAL_MS 5000

/* Of all listeners and workers. */
struct status_counts {
	uint64_t connections; /* open now */
	uint64_t flows;
	uint64_t up; /* bytes since the start */
	uint64_t down;
};

/* What was said last. Zero is a line that never was. */
struct status_line {
	struct status_counts counts;
	int64_t said_ms; /* 0: never */
	char text[NOTIFY_STATUS_MAX];
};

/* Whether status_line_update() would say something at this time, so that counting is worth it. */
bool status_line_is_due(const struct status_line *line, int64_t now_ms);

/* Tell the manager if the line is another one now. state goes before it ("stopping: "), or "". */
void status_line_update(struct status_line *line, struct notify *notify, const char *state,
			const struct status_counts *counts, int64_t now_ms);

#endif
