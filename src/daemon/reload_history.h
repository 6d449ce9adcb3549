/* SPDX-License-Identifier: BSD-2-Clause */
/* What reloads have come to since the start. Main thread. */
#ifndef MMPROXY_RELOAD_HISTORY_H
#define MMPROXY_RELOAD_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* The first mistake of a file, as far as it fits. */
#define RELOAD_HISTORY_ERROR_MAX 512

/* Embedded; all zero is one without a reload. */
struct reload_history {
	uint64_t succeeded;
	uint64_t failed;
	time_t last; /* 0: there was none */
	bool last_failed;
	char error[RELOAD_HISTORY_ERROR_MAX]; /* of the last one, if that failed */
};

/* A reload is over: error is its first one, or NULL when it did what was wanted. */
void reload_history_note(struct reload_history *history, const char *error);

#endif
