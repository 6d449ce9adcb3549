/* SPDX-License-Identifier: BSD-2-Clause */
/* Hexadecimal digits, and the bytes that they make: what the readers of text share. */
#ifndef MMPROXY_HEX_DIGITS_H
#define MMPROXY_HEX_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes being gathered in a buffer of the caller's. */
struct hex_sink {
	uint8_t *bytes;
	size_t len;
	size_t room;
};

/* Returns 0, or -1 when there is no room. */
__attribute__((warn_unused_result)) static inline int hex_put(struct hex_sink *sink, unsigned byte)
{
	if (sink->len == sink->room)
		return -1;
	sink->bytes[sink->len++] = (uint8_t)byte;
	return 0;
}

/* 0 to 15, or -1 for another character. */
static inline int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* How many digits there are before something else. */
static inline size_t hex_count(const char *at, const char *end)
{
	const char *start = at;

	while (at < end && hex_value(*at) >= 0)
		at++;
	return (size_t)(at - start);
}

/* Put the bytes of so many digits, an even number. Returns as hex_put(). */
__attribute__((warn_unused_result)) static inline int hex_put_pairs(struct hex_sink *sink,
								    const char *at, size_t count)
{
	for (size_t i = 0; i < count; i += 2) {
		unsigned high = (unsigned)hex_value(at[i]);
		unsigned low = (unsigned)hex_value(at[i + 1]);

		if (hex_put(sink, high << 4 | low) < 0)
			return -1;
	}
	return 0;
}

/* What may stand between digits of one line. */
static inline bool hex_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

#endif
