/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples in the text format of Prometheus. */
#include "daemon/exposition.h"

#include <inttypes.h>
#include <string.h>

/* Bytes of a label's value, each of which may become two. */
#define VALUE_MAX 256

static void put(struct exposition *exposition, const char *text)
{
	if (evbuffer_add(exposition->out, text, strlen(text)) < 0)
		exposition->failed = true;
}

/* A backslash before quotes and itself, and "\n" for a newline. */
static void put_value(struct exposition *exposition, const char *value)
{
	char escaped[2 * VALUE_MAX];
	size_t len = 0;

	for (; *value != '\0' && len + 2 <= sizeof(escaped); value++) {
		if (*value == '"' || *value == '\\' || *value == '\n')
			escaped[len++] = '\\';
		escaped[len++] = (char)(*value == '\n' ? 'n' : *value);
	}
	if (evbuffer_add(exposition->out, escaped, len) < 0)
		exposition->failed = true;
}

static void put_label(struct exposition *exposition, struct exposition_label label)
{
	put(exposition, label.name);
	put(exposition, "=\"");
	put_value(exposition, label.value);
	put(exposition, "\"");
}

void exposition_head(struct exposition *exposition, const char *name, const char *type,
		     const char *help)
{
	if (evbuffer_add_printf(exposition->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
				type) < 0)
		exposition->failed = true;
}

void exposition_series(struct exposition *exposition, const char *name,
		       struct exposition_label first, struct exposition_label second)
{
	put(exposition, name);
	if (first.name == NULL && second.name == NULL)
		return;
	put(exposition, "{");
	if (first.name != NULL)
		put_label(exposition, first);
	if (first.name != NULL && second.name != NULL)
		put(exposition, ",");
	if (second.name != NULL)
		put_label(exposition, second);
	put(exposition, "}");
}

void exposition_u64(struct exposition *exposition, uint64_t value)
{
	if (evbuffer_add_printf(exposition->out, " %" PRIu64 "\n", value) < 0)
		exposition->failed = true;
}

void exposition_seconds(struct exposition *exposition, uint64_t us)
{
	if (evbuffer_add_printf(exposition->out, " %" PRIu64 ".%06" PRIu64 "\n", us / 1000000,
				us % 1000000) < 0)
		exposition->failed = true;
}
