/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes written down as text: which form it is, pairs of digits, and escapes. */
#include "base/hex_text.h"

#include <stdbool.h>
#include <string.h>

#include "base/hex_digits.h"
#include "base/hex_dump.h"

/* What stands between pairs of digits in plain text, C and Python lists included. */
#define SEPARATORS " \t\r\n:,;-{}[]"

/* ---- plain ---- */

static bool starts_with(const struct hex_text *text, const char *two)
{
	return text->end - text->at > 2 && memcmp(text->at, two, 2) == 0;
}

static int read_plain(struct hex_text *text, struct hex_sink *sink)
{
	while (text->at < text->end) {
		bool escaped = starts_with(text, "\\x");
		bool prefixed = starts_with(text, "0x") || starts_with(text, "0X");
		size_t count;

		/* A colon and a blank are behind an offset, in a dump whose offsets do not go on.
		 */
		if (starts_with(text, ": "))
			return -1;
		if (*text->at != '\0' && strchr(SEPARATORS, *text->at) != NULL) {
			text->at++;
			continue;
		}
		if (escaped || prefixed)
			text->at += 2;
		count = hex_count(text->at, text->end);
		/* What follows an escape's two digits is a character. */
		if (escaped && count != 2)
			return -1;
		if (prefixed && count == 1) {
			if (hex_put(sink, (unsigned)hex_value(*text->at)) < 0)
				return -1;
		} else if (count == 0 || count % 2 != 0 ||
			   hex_put_pairs(sink, text->at, count) < 0) {
			return -1;
		}
		text->at += count;
	}
	return 0;
}

/* ---- escaped ---- */

/* So many hexadecimal digits, no fewer. */
static int put_code(struct hex_text *text, struct hex_sink *sink, size_t count)
{
	unsigned value = 0;

	if (hex_count(text->at, text->end) < count)
		return -1;
	for (size_t i = 0; i < count; i++)
		value = value << 4 | (unsigned)hex_value(*text->at++);
	return value <= UINT8_MAX ? hex_put(sink, value) : -1;
}

/* Up to three octal digits, the first of which is there. */
static int put_octal(struct hex_text *text, struct hex_sink *sink)
{
	unsigned value = 0;

	for (size_t i = 0; i < 3 && text->at < text->end && *text->at >= '0' && *text->at <= '7';
	     i++)
		value = value << 3 | (unsigned)(*text->at++ - '0');
	return value <= UINT8_MAX ? hex_put(sink, value) : -1;
}

/* What follows a backslash. */
static int put_escape(struct hex_text *text, struct hex_sink *sink)
{
	static const char names[] = "abtnvfre\\\"'";
	static const char values[] = "\a\b\t\n\v\f\r\033\\\"'";
	const char *name;
	char c;

	if (text->at == text->end)
		return -1;
	if (*text->at >= '0' && *text->at <= '7')
		return put_octal(text, sink);
	c = *text->at++;
	if (c == 'x')
		return put_code(text, sink, 2);
	if (c == 'u')
		return put_code(text, sink, 4);
	/* A line that goes on with the next one. */
	if (c == '\n')
		return 0;
	name = c != '\0' ? strchr(names, c) : NULL;
	return name != NULL ? hex_put(sink, (uint8_t)values[name - names]) : -1;
}

/* Step over what is before a string, such as b in Python and $ in a shell; false: no string. */
static bool skip_to_quote(struct hex_text *text)
{
	const char *at = text->at;

	while (at < text->end && (hex_is_blank(*at) || *at == '\n'))
		at++;
	if (at < text->end && (*at == 'b' || *at == '$'))
		at++;
	if (at == text->end || (*at != '"' && *at != '\''))
		return false;
	text->at = at;
	return true;
}

/* Strings in quotes, one behind the other; what stands between them is not theirs. */
static int read_strings(struct hex_text *text, struct hex_sink *sink)
{
	char quote = '\0';

	while (text->at < text->end) {
		char c = *text->at++;

		if (quote == '\0') {
			if (c == '"' || c == '\'')
				quote = c;
			else if (strchr(" \t\r\nb$\\+,;()", c) == NULL || c == '\0')
				return -1;
		} else if (c == quote) {
			quote = '\0';
		} else if (c == '\\') {
			if (put_escape(text, sink) < 0)
				return -1;
		} else if (c < ' ' || c > '~' || hex_put(sink, (unsigned)c) < 0) {
			return -1;
		}
	}
	return quote == '\0' ? 0 : -1;
}

static int read_escaped(struct hex_text *text, struct hex_sink *sink)
{
	if (memchr(text->at, '\\', (size_t)(text->end - text->at)) == NULL)
		return -1;
	if (skip_to_quote(text))
		return read_strings(text, sink);
	while (text->at < text->end) {
		char c = *text->at++;

		/* The ends of lines are the editor's; the header's own are escapes. */
		if (c == '\n')
			continue;
		if (c == '\\') {
			if (put_escape(text, sink) < 0)
				return -1;
		} else if (c < ' ' || c > '~' || hex_put(sink, (unsigned)c) < 0) {
			return -1;
		}
	}
	return 0;
}

static bool has_more(const struct hex_text *text)
{
	struct hex_dump dump = {text->at, text->end};

	return text->form == HEX_TEXT_DUMP ? hex_dump_find(&dump) : text->at < text->end;
}

int hex_text_next(struct hex_text *text, uint8_t *bytes, size_t room, size_t *len)
{
	struct hex_dump dump = {text->at, text->end};
	struct hex_sink sink = {.room = room};
	int status = -1;

	sink.bytes = bytes;
	if (!has_more(text))
		return 0;
	switch (text->form) {
	case HEX_TEXT_DUMP:
		status = hex_dump_read(&dump, &sink);
		text->at = dump.at;
		break;
	case HEX_TEXT_PLAIN:
		status = read_plain(text, &sink);
		break;
	case HEX_TEXT_ESCAPED:
		status = read_escaped(text, &sink);
		break;
	case HEX_TEXT_NONE:
		break;
	}
	if (status < 0 || sink.len == 0)
		return -1;
	*len = sink.len;
	return 1;
}

enum hex_text_form hex_text_open(struct hex_text *text, const char *chars, size_t len,
				 uint8_t *bytes, size_t room)
{
	static const enum hex_text_form forms[] = {HEX_TEXT_DUMP, HEX_TEXT_PLAIN, HEX_TEXT_ESCAPED};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct hex_text start = {.form = forms[i], .at = chars, .end = chars + len};
		size_t runs = 0;
		size_t run_len;
		int more;

		*text = start;
		while ((more = hex_text_next(text, bytes, room, &run_len)) == 1)
			runs++;
		*text = start;
		if (more == 0 && runs > 0)
			return text->form;
	}
	text->form = HEX_TEXT_NONE;
	return HEX_TEXT_NONE;
}
