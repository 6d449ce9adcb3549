/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of networks. */
#include "conf/conf_subnets.h"

#include "base/netset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n\v\f"

/* UTF-8's byte order mark, which editors of other systems leave at the start of a file. */
static const char byte_order_mark[] = "\xef\xbb\xbf";

/* Cut the comment and the blanks off a line of len bytes; NULL when it holds a NUL byte. */
static char *strip(char *line, size_t len, bool first)
{
	size_t mark_len = strlen(byte_order_mark);
	char *text = line;
	size_t end;

	if (strlen(line) != len)
		return NULL;
	if (first && strncmp(text, byte_order_mark, mark_len) == 0)
		text += mark_len;
	text[strcspn(text, "#")] = '\0';
	text += strspn(text, BLANKS);
	end = strlen(text);
	while (end > 0 && strchr(BLANKS, text[end - 1]) != NULL)
		end--;
	text[end] = '\0';
	return text;
}

/* Add every line; returns how many were refused, or -1 with errno when reading or memory failed. */
static long read_lines(FILE *file, const char *path, struct netset *set,
		       const struct conf_place *place, struct conf_errors *errors)
{
	char shown[CONF_SHOWN_MAX];
	unsigned number = 0;
	long refused = 0;
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	while (errno = 0, (len = getline(&line, &room, file)) >= 0) {
		char *text = strip(line, (size_t)len, ++number == 1);

		if (text == NULL) {
			conf_errors_add_inside(errors, place, path, number, "a NUL byte");
			refused++;
		} else if (text[0] != '\0' && netset_add(set, text) < 0) {
			if (errno == ENOMEM)
				break;
			conf_errors_add_inside(errors, place, path, number,
					       "%s is not a network such as \"192.0.2.0/24\" or "
					       "\"2001:db8::/32\", or an address",
					       conf_quote(text, shown));
			refused++;
		}
	}
	free(line);
	/* getline() leaves errno alone at the end of the file. */
	return errno != 0 ? -1 : refused;
}

int conf_subnets_read(const struct conf_key *key, const char *path, void *base,
		      const struct conf_place *place, struct conf_errors *errors)
{
	struct netset **field = (struct netset **)((char *)base + key->offset);
	FILE *file = fopen(path, "re");
	struct netset *set = NULL;
	char shown[CONF_SHOWN_MAX];
	long refused = -1;

	if (file != NULL)
		set = netset_new();
	if (set != NULL)
		refused = read_lines(file, path, set, place, errors);
	if (refused < 0) {
		conf_errors_add(errors, place, "%s cannot be read: %s", conf_quote(path, shown),
				strerror(errno));
	} else if (refused == 0 && key->needs_content && netset_is_empty(set)) {
		conf_errors_add(errors, place,
				"%s names no network: one or more are needed, one a line",
				conf_quote(path, shown));
		refused = 1;
	}
	if (file != NULL)
		fclose(file);
	if (refused != 0 || netset_is_empty(set)) {
		netset_free(set);
		set = NULL;
	}
	netset_free(*field);
	*field = set;
	return refused == 0 ? 0 : -1;
}
