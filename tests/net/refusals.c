/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon's log says of connections and datagrams that it refused. */
#include "refusals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "harness.h"

unsigned refusals_logged(const char *reason)
{
	char *text = harness_read(harness_path(DAEMON_LOG_NAME));
	unsigned sum = 0;
	char *rest = NULL;
	char word[64];
	size_t len = (size_t)snprintf(word, sizeof(word), " reason=%s", reason);

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		const char *left_out = strstr(line, "suppressed=");
		const char *found = strstr(line, word);

		if (found == NULL || (found[len] != ' ' && found[len] != '\0'))
			continue;
		if (left_out != NULL)
			sum += (unsigned)strtoul(left_out + strlen("suppressed="), NULL, 10);
		else
			sum++;
	}
	free(text);
	return sum;
}
