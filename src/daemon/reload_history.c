/* SPDX-License-Identifier: BSD-2-Clause */
/* What reloads have come to since the start. */
#include "daemon/reload_history.h"

#include <stdio.h>

void reload_history_note(struct reload_history *history, const char *error)
{
	history->last = time(NULL);
	history->last_failed = error != NULL;
	if (error != NULL)
		history->failed++;
	else
		history->succeeded++;
	snprintf(history->error, sizeof(history->error), "%s", error != NULL ? error : "");
}
