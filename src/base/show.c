/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes from anywhere, written for people. */
#include "base/show.h"

#include <stdint.h>

static void show_char(FILE *out, uint8_t c)
{
	switch (c) {
	case '\r':
		fputs("\\r", out);
		break;
	case '\n':
		fputs("\\n", out);
		break;
	case '\t':
		fputs("\\t", out);
		break;
	case '"':
	case '\\':
		fprintf(out, "\\%c", c);
		break;
	default:
		if (c >= ' ' && c <= '~')
			fputc(c, out);
		else
			fprintf(out, "\\x%02x", c);
		break;
	}
}

static void show_rest(FILE *out, size_t len)
{
	if (len > SHOW_MAX)
		fprintf(out, " and %zu more", len - SHOW_MAX);
}

void show_text(FILE *out, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	fputc('"', out);
	for (size_t i = 0; i < len && i < SHOW_MAX; i++)
		show_char(out, at[i]);
	fputc('"', out);
	show_rest(out, len);
}

void show_hex(FILE *out, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len && i < SHOW_MAX; i++)
		fprintf(out, "%s%02x", i > 0 ? " " : "", at[i]);
	show_rest(out, len);
}

void show_len(FILE *out, size_t len)
{
	fprintf(out, "%zu byte%s", len, len == 1 ? "" : "s");
}
