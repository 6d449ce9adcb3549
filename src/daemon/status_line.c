/* SPDX-License-Identifier: BSD-2-Clause */
/* What is open and how fast bytes go, in one line. */
#include "daemon/status_line.h"

#include <stdio.h>
#include <string.h>

#define RATE_STRLEN 32

static const char *format_rate(uint64_t bytes, int64_t elapsed_ms, char buf[static RATE_STRLEN])
{
	static const char *const units[] = {"B/s", "KiB/s", "MiB/s", "GiB/s"};
	double rate = elapsed_ms > 0 ? (double)bytes * 1000 / (double)elapsed_ms : 0;
	size_t unit = 0;

	for (; rate >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		rate /= 1024;
	snprintf(buf, RATE_STRLEN, "%.*f %s", unit > 0 && rate < 10 ? 1 : 0, rate, units[unit]);
	return buf;
}

bool status_line_is_due(const struct status_line *line, int64_t now_ms)
{
	return line->said_ms == 0 || now_ms - line->said_ms >= STATUS_LINE_INTERVAL_MS;
}

void status_line_update(struct status_line *line, struct notify *notify, const char *state,
			const struct status_counts *counts, int64_t now_ms)
{
	int64_t elapsed_ms = line->said_ms != 0 ? now_ms - line->said_ms : 0;
	char up[RATE_STRLEN];
	char down[RATE_STRLEN];
	char text[NOTIFY_STATUS_MAX];

	if (!status_line_is_due(line, now_ms))
		return;
	snprintf(text, sizeof(text), "%s%llu connections, %llu flows, %s up, %s down", state,
		 (unsigned long long)counts->connections, (unsigned long long)counts->flows,
		 format_rate(counts->up - line->counts.up, elapsed_ms, up),
		 format_rate(counts->down - line->counts.down, elapsed_ms, down));
	line->counts = *counts;
	line->said_ms = now_ms;
	if (strcmp(text, line->text) == 0)
		return;
	memcpy(line->text, text, sizeof(line->text));
	notify_status(notify, text);
}
