/* SPDX-License-Identifier: BSD-2-Clause */
/* Dumps: lines of an offset, bytes in hexadecimal, and maybe the same bytes as ASCII. */
#include "base/hex_dump.h"

#include <string.h>

/* The shortest offset of the dumps known: Wireshark's, and tcpdump's behind its "0x". */
#define OFFSET_DIGITS_MIN 4

/* od's offsets, octal unless told otherwise, are the ones of this length. */
#define OFFSET_DIGITS_OD 7

/* Longer ones are beyond any buffer; the bound keeps the sum from wrapping. */
#define OFFSET_DIGITS_MAX 8

/* One line of a dump. */
struct line {
	const char *at;
	const char *end;
	bool colon;    /* behind the offset */
	size_t digits; /* of the offset */
	size_t offset;
};

/* Take the next line off the dump; line->at is behind its leading blanks. */
static void take_line(struct hex_dump *dump, struct line *line)
{
	const char *end = memchr(dump->at, '\n', (size_t)(dump->end - dump->at));

	memset(line, 0, sizeof(*line));
	line->at = dump->at;
	line->end = end != NULL ? end : dump->end;
	dump->at = end != NULL ? end + 1 : dump->end;
	while (line->end > line->at && hex_is_blank(line->end[-1]))
		line->end--;
	while (line->at < line->end && hex_is_blank(*line->at))
		line->at++;
}

/* Read the offset that starts a line of a dump; false: it is another line. */
static bool read_offset(struct line *line, unsigned base)
{
	bool prefixed = line->end - line->at > 2 && line->at[0] == '0' && line->at[1] == 'x';
	const char *at = line->at + (prefixed ? 2 : 0);

	line->digits = hex_count(at, line->end);
	if (line->digits < OFFSET_DIGITS_MIN || line->digits > OFFSET_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < line->digits; i++) {
		unsigned digit = (unsigned)hex_value(at[i]);

		if (digit >= base)
			return false;
		line->offset = line->offset * base + digit;
	}
	at += line->digits;
	line->colon = at < line->end && *at == ':';
	if (line->colon)
		at++;
	else if (prefixed || (at < line->end && !hex_is_blank(*at)))
		return false;
	while (at < line->end && hex_is_blank(*at))
		at++;
	line->at = at;
	return true;
}

/*
 * Read the bytes of a line up to its ASCII column. Two blanks are before that one where offsets end
 * in a colon; else three, or it stands between "|" or ">" and two blanks part the halves of a line.
 * Groups of more than one byte are in the order of the bytes with a colon only.
 */
static int read_line(const struct line *line, struct hex_sink *sink)
{
	size_t gap_max = line->colon ? 1 : 2;
	const char *at = line->at;

	while (at < line->end) {
		size_t count = hex_count(at, line->end);
		size_t gap = 0;

		if (count == 0)
			return !line->colon && (*at == '|' || *at == '>') ? 0 : -1;
		if (count % 2 != 0 || (!line->colon && count != 2) ||
		    hex_put_pairs(sink, at, count) < 0)
			return -1;
		for (at += count; at < line->end && hex_is_blank(*at); at++)
			gap++;
		if (gap > gap_max)
			return 0;
		if (gap == 0 && at < line->end)
			return -1;
	}
	return 0;
}

/* "*" stands for lines like the one before, up to the next offset. */
static int repeat_line(struct hex_sink *sink, size_t from, size_t len)
{
	size_t row = sink->len - from;

	if (row == 0 || len > sink->room)
		return -1;
	while (sink->len < len)
		if (hex_put(sink, sink->bytes[sink->len - row]) < 0)
			return -1;
	return 0;
}

/* Find the first line of the dump; without a colon it has to be 0, as any number could come first.
 */
static bool find_first_line(struct hex_dump *dump, struct line *line)
{
	while (dump->at < dump->end) {
		const char *start = dump->at;

		take_line(dump, line);
		if (line->at == line->end || !read_offset(line, 16))
			continue;
		if (line->at == line->end || (!line->colon && line->offset != 0))
			continue;
		dump->at = start;
		return true;
	}
	return false;
}

bool hex_dump_find(struct hex_dump *dump)
{
	struct line line;

	return find_first_line(dump, &line);
}

int hex_dump_read(struct hex_dump *dump, struct hex_sink *sink)
{
	bool repeated = false;
	size_t row_at = 0;
	struct line first;
	unsigned base;

	if (!find_first_line(dump, &first))
		return -1;
	base = !first.colon && first.digits == OFFSET_DIGITS_OD ? 8 : 16;
	while (dump->at < dump->end) {
		const char *start = dump->at;
		struct line line;

		take_line(dump, &line);
		if (line.at == line.end)
			continue;
		if (line.end - line.at == 1 && *line.at == '*') {
			repeated = true;
			continue;
		}
		if (!read_offset(&line, base) || line.colon != first.colon) {
			/* tcpdump says in lines of its own what a packet is. */
			if (!first.colon)
				return -1;
			continue;
		}
		if (line.offset == 0 && sink->len > 0) {
			dump->at = start;
			return 0;
		}
		if (repeated && line.offset >= first.offset &&
		    repeat_line(sink, row_at, line.offset - first.offset) < 0)
			return -1;
		repeated = false;
		if (line.offset - first.offset != sink->len)
			return -1;
		row_at = line.at < line.end ? sink->len : row_at;
		if (read_line(&line, sink) < 0)
			return -1;
	}
	return 0;
}
