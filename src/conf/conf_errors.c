/* SPDX-License-Identifier: BSD-2-Clause */
/* The mistakes of a configuration, in the order of its files. */
#include "conf/conf_errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a value shown; behind it fit the last escape ("\x1b"), "..." and the closing quote. */
#define SHOWN_CUT (CONF_SHOWN_MAX - 10)

struct error {
	unsigned order;
	size_t sequence; /* qsort() is not stable */
	char *text;
};

struct conf_errors {
	struct error *list;
	size_t count;
	size_t room;
	const char *lost; /* why there are more mistakes than list holds; NULL: there are not */
};

static void write_key(FILE *out, const struct conf_place *place)
{
	switch (place->block) {
	case CONF_BLOCK_TOP:
		break;
	case CONF_BLOCK_DEFAULTS:
		fprintf(out, "defaults%s", place->name != NULL ? "." : ": ");
		break;
	default:
		fprintf(out, "listeners[%d]%s", place->block, place->name != NULL ? "." : ": ");
		break;
	}
	if (place->name == NULL)
		return;
	if (place->scope != CONF_SCOPE_TOP && place->scope != CONF_SCOPE_LISTENER)
		fprintf(out, "%s.", conf_scope_name(place->scope));
	fputs(place->name, out);
	if (place->element >= 0)
		fprintf(out, "[%d]", place->element);
	fputs(": ", out);
}

static void write_place(FILE *out, const struct conf_place *place)
{
	if (place->file == NULL) {
		fprintf(out, "mmproxy: -%s: ", place->name);
		return;
	}
	fprintf(out, "%s:", place->file);
	if (place->line != 0)
		fprintf(out, "%u:", place->line);
	fputc(' ', out);
	write_key(out, place);
}

static bool is_known(const struct conf_errors *errors, const char *text)
{
	for (size_t i = 0; i < errors->count; i++) {
		if (strcmp(errors->list[i].text, text) == 0)
			return true;
	}
	return false;
}

/* Append text, which is now the list's. */
static void take(struct conf_errors *errors, unsigned order, char *text)
{
	if (text == NULL) {
		errors->lost = "mmproxy: out of memory";
		return;
	}
	if (is_known(errors, text)) {
		free(text);
		return;
	}
	if (errors->count == errors->room) {
		size_t room = errors->room == 0 ? 16 : 2 * errors->room;
		struct error *list = reallocarray(errors->list, room, sizeof(*list));

		if (list == NULL) {
			errors->lost = "mmproxy: out of memory";
			free(text);
			return;
		}
		errors->list = list;
		errors->room = room;
	}
	errors->list[errors->count] =
	    (struct error){.order = order, .sequence = errors->count, .text = text};
	errors->count++;
}

static int compare(const void *a, const void *b)
{
	const struct error *left = a;
	const struct error *right = b;

	if (left->order != right->order)
		return left->order < right->order ? -1 : 1;
	return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

static void add(struct conf_errors *errors, const struct conf_place *place, const char *path,
		unsigned line, const char *format, va_list args)
{
	char *text = NULL;
	size_t len;
	FILE *out;

	/* A long file of nothing else is not worth putting each of them into words. */
	if (errors->count == CONF_ERRORS_MAX) {
		errors->lost = "mmproxy: more mistakes are not shown";
		return;
	}
	out = open_memstream(&text, &len);
	if (out == NULL) {
		take(errors, place->order, NULL);
		return;
	}
	if (path == NULL || place->file == NULL)
		write_place(out, place);
	if (path != NULL)
		fprintf(out, "%s:%u: ", path, line);
	vfprintf(out, format, args);
	if (fclose(out) != 0) {
		free(text);
		text = NULL;
	}
	take(errors, place->order, text);
}

void conf_errors_add(struct conf_errors *errors, const struct conf_place *place, const char *format,
		     ...)
{
	va_list args;

	va_start(args, format);
	add(errors, place, NULL, 0, format, args);
	va_end(args);
}

void conf_errors_add_inside(struct conf_errors *errors, const struct conf_place *place,
			    const char *path, unsigned line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(errors, place, path, line, format, args);
	va_end(args);
}

void conf_errors_sort(struct conf_errors *errors)
{
	if (errors->count != 0)
		qsort(errors->list, errors->count, sizeof(*errors->list), compare);
}

const char *conf_quote(const char *value, char buf[static CONF_SHOWN_MAX])
{
	size_t len = 0;

	buf[len++] = '"';
	for (; *value != '\0' && len < SHOWN_CUT; value++) {
		unsigned char byte = (unsigned char)*value;

		if (byte == '"' || byte == '\\')
			buf[len++] = '\\';
		if (byte < 0x20 || byte == 0x7f)
			len += (size_t)snprintf(buf + len, 5, "\\x%02x", byte);
		else
			buf[len++] = *value;
	}
	snprintf(buf + len, CONF_SHOWN_MAX - len, "%s\"", *value != '\0' ? "..." : "");
	return buf;
}

const char *conf_where(const struct conf_place *place, char buf[static CONF_WHERE_MAX])
{
	if (place->file == NULL)
		snprintf(buf, CONF_WHERE_MAX, "-%s", place->name);
	else
		snprintf(buf, CONF_WHERE_MAX, "%s:%u", place->file, place->line);
	return buf;
}

struct conf_errors *conf_errors_new(void)
{
	return calloc(1, sizeof(struct conf_errors));
}

void conf_errors_free(struct conf_errors *errors)
{
	if (errors == NULL)
		return;
	for (size_t i = 0; i < errors->count; i++)
		free(errors->list[i].text);
	free(errors->list);
	free(errors);
}

size_t conf_errors_count(const struct conf_errors *errors)
{
	return errors->count + (errors->lost != NULL);
}

const char *conf_errors_text(const struct conf_errors *errors, size_t index)
{
	return index < errors->count ? errors->list[index].text : errors->lost;
}
