/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes from anywhere as text in quotes. */
#include "base/escape.h"

size_t escape_byte(unsigned char byte, bool json, char out[static ESCAPE_MAX])
{
	static const char hex[] = "0123456789abcdef";
	size_t len = 0;

	if (byte >= ' ' && byte <= '~') {
		if (byte == '"' || byte == '\\')
			out[len++] = '\\';
		out[len++] = (char)byte;
		return len;
	}
	out[len++] = '\\';
	if (json)
		out[len++] = '\\';
	out[len++] = 'x';
	out[len++] = hex[byte >> 4];
	out[len++] = hex[byte & 0xf];
	return len;
}
