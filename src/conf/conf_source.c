/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of a configuration file and of the files it includes. */
#include "conf/conf_source.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_text.h"

static const char directive[] = "@include";

/* From this line of the whole text on, lines are those of the file from file_line on. */
struct stretch {
	unsigned line;
	char *file;
	unsigned file_line;
};

struct conf_source {
	char *text;
	size_t text_len;
	struct stretch *stretches;
	size_t stretches_count;
};

/* The reading of one source; each included file has its own scan. */
struct reader {
	struct conf_source *source;
	struct conf_errors *errors;
	FILE *out;
	size_t read_len; /* bytes of all files so far */
	unsigned line;	 /* of the whole text, being written */
	bool failed;
};

struct scan {
	struct reader *reader;
	const char *path;
	unsigned line;
	unsigned depth;
	const char *at;
	const char *end;
};

static int read_into(struct reader *reader, const char *path, unsigned depth,
		     const struct conf_place *includer);

static void fail(struct reader *reader, const struct conf_place *place, const char *message)
{
	conf_errors_add(reader->errors, place, "%s", message);
	reader->failed = true;
}

static struct conf_place place_here(const struct scan *scan)
{
	return (struct conf_place){.file = scan->path,
				   .line = scan->line,
				   .order = scan->reader->line,
				   .block = CONF_BLOCK_TOP,
				   .element = -1};
}

/* The lines that are written from now on are those of path from line on. */
static int begin_stretch(struct reader *reader, const char *path, unsigned line)
{
	struct conf_source *source = reader->source;
	size_t count = source->stretches_count;
	struct stretch *grown =
	    reallocarray(source->stretches, count + 1, sizeof(*source->stretches));
	char *file = strdup(path);

	if (grown != NULL)
		source->stretches = grown;
	if (grown == NULL || file == NULL) {
		free(file);
		return -1;
	}
	grown[count] = (struct stretch){.line = reader->line, .file = file, .file_line = line};
	source->stretches_count++;
	return 0;
}

static void copy(struct scan *scan, const char *until)
{
	for (; scan->at < until; scan->at++) {
		if (*scan->at == '\n') {
			scan->line++;
			scan->reader->line++;
		}
		fputc(*scan->at, scan->reader->out);
	}
}

/* At the start of a line: replace "@include "PATH"" by the file. Returns -1 when memory is out. */
static int include(struct scan *scan)
{
	const char *at = scan->at + strspn(scan->at, " \t");
	struct conf_place place = place_here(scan);
	const char *name;
	const char *quote;
	char *quoted;
	char *path;
	int result = -1;

	if (strncmp(at, directive, strlen(directive)) != 0)
		return 0;
	at += strlen(directive);
	name = at + strspn(at, " \t");
	quote = name[0] == '"' ? name + 1 + strcspn(name + 1, "\"\n") : name;
	if (quote == name || *quote != '"') {
		fail(scan->reader, &place, "@include needs a path in double quotes");
		scan->at = at;
		return 0;
	}
	scan->at = quote + 1;
	quoted = strndup(name + 1, (size_t)(quote - name - 1));
	path = quoted != NULL ? conf_source_resolve(scan->path, quoted) : NULL;
	if (path != NULL)
		result = read_into(scan->reader, path, scan->depth + 1, &place);
	free(quoted);
	free(path);
	if (result < 0)
		return -1;
	fputc('\n', scan->reader->out);
	scan->reader->line++;
	return begin_stretch(scan->reader, scan->path, scan->line);
}

/* Copy a number, with an "L" where libconfig 1.5 would cut it to 32 bits. */
static void copy_number(struct scan *scan)
{
	const char *start = scan->at;
	const char *end = start;
	bool hex = start[0] == '0' && (start[1] == 'x' || start[1] == 'X');
	const char *digits = hex ? start + 2 : start;

	while (isalnum((unsigned char)*end) || *end == '.')
		end++;
	copy(scan, end);
	if (strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") ==
		(size_t)(end - digits) &&
	    strtoull(digits, NULL, hex ? 16 : 10) > INT32_MAX)
		fputc('L', scan->reader->out);
}

static const char *string_end(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++) {
		if (*at == '\\' && at + 1 < end)
			at++;
	}
	return at < end ? at + 1 : end;
}

/* libconfig takes a comment without an end for one that ends with the file. */
static const char *comment_end(struct scan *scan)
{
	const char *close = strstr(scan->at + 2, "*/");
	struct conf_place place = place_here(scan);

	if (close != NULL)
		return close + 2;
	fail(scan->reader, &place, "the comment that begins here has no end");
	return scan->end;
}

static void copy_token(struct scan *scan)
{
	const char *at = scan->at;

	if (isalpha((unsigned char)*at)) {
		while (isalnum((unsigned char)*at) || *at == '-' || *at == '_')
			at++;
		copy(scan, at);
	} else if (*at == '"') {
		copy(scan, string_end(at, scan->end));
	} else if (*at == '#' || (at[0] == '/' && at[1] == '/')) {
		copy(scan, at + strcspn(at, "\n"));
	} else if (at[0] == '/' && at[1] == '*') {
		copy(scan, comment_end(scan));
	} else if (isdigit((unsigned char)*at)) {
		copy_number(scan);
	} else {
		copy(scan, at + 1);
	}
}

static int scan_text(struct scan *scan)
{
	bool line_start = true;

	while (scan->at < scan->end) {
		if (line_start) {
			const char *before = scan->at;

			if (include(scan) < 0)
				return -1;
			line_start = false;
			if (scan->at != before)
				continue;
		}
		line_start = *scan->at == '\n';
		copy_token(scan);
	}
	return 0;
}

/* Read a file into the text; includer: where it is named, or NULL. -1: memory is out. */
static int read_into(struct reader *reader, const char *path, unsigned depth,
		     const struct conf_place *includer)
{
	struct scan scan = {.reader = reader, .path = path, .line = 1, .depth = depth};
	struct conf_place place = {.file = path, .block = CONF_BLOCK_TOP, .element = -1};
	const char *why;
	char *text;
	size_t len;
	int result;

	if (depth > CONF_INCLUDE_DEPTH) {
		fail(reader, includer, "@include is nested too deeply, or in a circle");
		return 0;
	}
	why = conf_text_read(path, &text, &len);
	if (why == NULL && len > CONF_TEXT_FILE_MAX - reader->read_len)
		why = "with it the configuration is longer than 16 MiB";
	if (why != NULL) {
		free(text);
		reader->failed = true;
		if (includer == NULL)
			conf_errors_add(reader->errors, &place, "cannot read: %s", why);
		else
			conf_errors_add(reader->errors, includer,
					"@include: \"%s\" cannot be read: %s", path, why);
		return 0;
	}
	reader->read_len += len;
	scan.at = text;
	scan.end = text + len;
	result = begin_stretch(reader, path, 1);
	if (result == 0 && strlen(text) != len) {
		place = place_here(&scan);
		for (const char *at = text; *at != '\0'; at++)
			place.line += *at == '\n';
		fail(reader, &place, "a NUL byte: this is not a text file");
	} else if (result == 0) {
		scan.at += conf_text_mark_len(text);
		result = scan_text(&scan);
	}
	free(text);
	return result;
}

struct conf_source *conf_source_read(const char *path, struct conf_errors *errors)
{
	struct conf_source *source = calloc(1, sizeof(*source));
	struct conf_place place = {.file = path, .block = CONF_BLOCK_TOP, .element = -1};
	struct reader reader = {.source = source, .errors = errors, .line = 1};
	int result;

	if (source != NULL)
		reader.out = open_memstream(&source->text, &source->text_len);
	if (reader.out == NULL) {
		result = -1;
	} else {
		result = read_into(&reader, path, 1, NULL);
		/* Without memory the text is cut, or there is none at all. */
		if (ferror(reader.out))
			result = -1;
		if (fclose(reader.out) != 0 || source->text == NULL)
			result = -1;
	}
	if (result < 0)
		fail(&reader, &place, "cannot read: memory is out");
	if (reader.failed) {
		conf_source_free(source);
		return NULL;
	}
	return source;
}

void conf_source_free(struct conf_source *source)
{
	if (source == NULL)
		return;
	for (size_t i = 0; i < source->stretches_count; i++)
		free(source->stretches[i].file);
	free(source->stretches);
	free(source->text);
	free(source);
}

const char *conf_source_text(const struct conf_source *source)
{
	return source->text;
}

void conf_source_locate(const struct conf_source *source, unsigned line, struct conf_place *place)
{
	const struct stretch *stretch = &source->stretches[0];

	for (size_t i = 1; i < source->stretches_count && source->stretches[i].line <= line; i++)
		stretch = &source->stretches[i];
	place->file = stretch->file;
	place->line = line - stretch->line + stretch->file_line;
	place->order = line;
}

char *conf_source_resolve(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	size_t dir_len = path[0] == '/' || slash == NULL ? 0 : (size_t)(slash - file) + 1;
	size_t size = dir_len + strlen(path) + 1;
	char *resolved = malloc(size);

	if (resolved != NULL)
		snprintf(resolved, size, "%.*s%s", (int)dir_len, file, path);
	return resolved;
}
