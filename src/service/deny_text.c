/* SPDX-License-Identifier: BSD-2-Clause */
/* The deny list as text, for the next process. */
#include "service/deny_text.h"

#include <inttypes.h>
#include <string.h>

/* Longer than any line that is written. */
#define LINE_LEN 128

int deny_text_write(struct deny_list *list, FILE *out, int64_t now_ms)
{
	for (size_t i = 0; i < deny_list_count(list); i++) {
		struct deny_list_row row;
		char text[NETWORK_STRLEN];

		deny_list_row(list, i, now_ms, &row);
		if (fprintf(out, "%s %" PRId64 "\n", network_format(&row.network, text),
			    row.seconds) < 0)
			return -1;
	}
	return fflush(out) == 0 ? 0 : -1;
}

/* Read digits alone, up to DENY_LIST_SECONDS_MAX; -1 for anything else. */
static int64_t parse_seconds(const char *text)
{
	int64_t seconds = 0;

	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		seconds = 10 * seconds + (*text - '0');
		if (seconds > DENY_LIST_SECONDS_MAX)
			return -1;
	}
	return seconds;
}

/* Take one line, without its newline. */
static bool take_line(struct deny_list *list, char *line, int64_t now_ms)
{
	char answer[DENY_LIST_ANSWER_LEN];
	char *space = strchr(line, ' ');
	enum deny_list_result result;
	struct network network;
	int64_t seconds;

	if (space == NULL)
		return false;
	*space = '\0';
	seconds = parse_seconds(space + 1);
	if (seconds < 0 || network_parse(&network, line) < 0)
		return false;
	result = deny_list_add(list, &network, seconds, now_ms, answer);
	return result == DENY_LIST_DONE || result == DENY_LIST_REPLACED;
}

size_t deny_text_read(struct deny_list *list, FILE *in, int64_t now_ms)
{
	char line[LINE_LEN];
	size_t left_out = 0;
	bool inside = false; /* a line of which the beginning was too long already */

	while (fgets(line, sizeof(line), in) != NULL) {
		char *newline = strchr(line, '\n');

		/* What has no newline may be half a line. */
		if (newline != NULL)
			*newline = '\0';
		if (!inside && (newline == NULL || !take_line(list, line, now_ms)))
			left_out++;
		inside = newline == NULL;
	}
	return left_out;
}
