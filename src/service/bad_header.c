/* SPDX-License-Identifier: BSD-2-Clause */
/* What came in the place of a valid header, for the log. */
#include "service/bad_header.h"

#include <stdbool.h>

#include "proxyproto/proxy_lookalike.h"

/* Whether the bytes do not even begin as a header does. */
static bool is_something_else(enum proxy_error error)
{
	return error == PROXY_ERROR_SIGNATURE || error == PROXY_ERROR_SPP_MAGIC;
}

void bad_header_log(const struct bad_header *bad, struct log_line *line)
{
	const char *word;

	if (bad->error == PROXY_ERROR_NONE)
		return;
	log_line_str(line, "error", proxy_error_name(bad->error));
	if (!is_something_else(bad->error))
		return;
	log_line_bytes(line, "got", bad->bytes,
		       bad->len < BAD_HEADER_SHOWN ? bad->len : BAD_HEADER_SHOWN);
	word = proxy_lookalike_word(bad->bytes, bad->len);
	if (word != NULL)
		log_line_str(line, "looks_like", word);
}
