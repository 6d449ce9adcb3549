/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of networks. */
#include "conf/conf_subnets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/netset.h"
#include "conf/conf_field.h"
#include "conf/conf_text.h"
#include "conf/conf_value.h"

#define BLANKS " \t\r\v\f"

/* Cut the comment and the blanks off a line; returns where the rest begins. */
static char *strip(char *line)
{
	size_t end;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, BLANKS);
	end = strlen(line);
	while (end > 0 && strchr(BLANKS, line[end - 1]) != NULL)
		end--;
	line[end] = '\0';
	return line;
}

/* Add every line of a text of len bytes; returns how many were refused, or -1: memory is out. */
static long read_lines(char *text, size_t len, const char *path, struct netset *set,
		       const struct conf_place *place, struct conf_errors *errors)
{
	char *end = text + len;
	char *line = text + conf_text_mark_len(text);
	char shown[CONF_SHOWN_MAX];
	long refused = 0;
	char *next;

	for (unsigned number = 1; line < end; number++, line = next) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		char *line_end = newline != NULL ? newline : end;
		char *network;

		next = line_end + 1;
		*line_end = '\0';
		if (strlen(line) != (size_t)(line_end - line)) {
			conf_errors_add_inside(errors, place, path, number, "a NUL byte");
			refused++;
			continue;
		}
		network = strip(line);
		if (network[0] == '\0' || netset_add(set, network) == 0)
			continue;
		if (errno == ENOMEM)
			return -1;
		conf_errors_add_inside(errors, place, path, number,
				       "%s is not a network such as \"192.0.2.0/24\" or "
				       "\"2001:db8::/32\", or an address",
				       conf_quote(network, shown));
		refused++;
	}
	return refused;
}

static int refuse_file(const struct conf_place *place, const char *path, const char *why,
		       struct conf_errors *errors)
{
	char shown[CONF_SHOWN_MAX];

	conf_errors_add(errors, place, "%s cannot be read: %s", conf_quote(path, shown), why);
	return -1;
}

/* Read the file into a new set, NULL when it holds nothing; -1 with what is wrong in errors. */
static int read_set(const struct conf_key *key, const char *path, struct netset *set,
		    const struct conf_place *place, struct conf_errors *errors)
{
	char shown[CONF_SHOWN_MAX];
	long refused;
	size_t len;
	char *text;
	const char *why = conf_text_read(path, &text, &len);

	if (why != NULL)
		return refuse_file(place, path, why, errors);
	refused = read_lines(text, len, path, set, place, errors);
	free(text);
	if (refused < 0)
		return refuse_file(place, path, strerror(ENOMEM), errors);
	if (refused == 0 && key->needs_content && netset_is_empty(set)) {
		conf_errors_add(errors, place,
				"%s names no network: one or more are needed, one a line",
				conf_quote(path, shown));
		return -1;
	}
	return refused == 0 ? 0 : -1;
}

/*
 * The path as it is from any directory, a new string, or NULL when memory is out. Links stay: what
 * they point to may change.
 */
static char *make_absolute(const char *path)
{
	char *directory;
	char *absolute = NULL;

	if (path[0] == '/')
		return strdup(path);
	directory = getcwd(NULL, 0);
	/* Where the directory is gone, the path is as good as any. */
	if (directory == NULL)
		return errno == ENOMEM ? NULL : strdup(path);
	if (asprintf(&absolute, "%s/%s", directory, path) < 0)
		absolute = NULL;
	free(directory);
	return absolute;
}

int conf_subnets_read(const struct conf_key *key, const char *path, void *base,
		      const struct conf_place *place, struct conf_errors *errors)
{
	struct netset **set_field = (struct netset **)(void *)((char *)base + key->offset);
	char **path_field = (char **)(void *)((char *)base + key->path);
	struct netset *set = netset_new();
	char *absolute = make_absolute(path);
	int result = -1;

	conf_field_clear(key, base);
	if (set == NULL || absolute == NULL)
		(void)refuse_file(place, path, strerror(ENOMEM), errors);
	else
		result = read_set(key, path, set, place, errors);
	if (result < 0) {
		netset_free(set);
		free(absolute);
		return -1;
	}
	*path_field = absolute;
	if (netset_is_empty(set)) {
		netset_free(set);
		set = NULL;
	}
	*set_field = set;
	return 0;
}
