/* SPDX-License-Identifier: BSD-2-Clause */
/* What came in the place of a valid header, for the log. Any thread. */
#ifndef MMPROXY_BAD_HEADER_H
#define MMPROXY_BAD_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "proxyproto/proxy_header.h"

/* Bytes that a line shows at most. */
#define BAD_HEADER_SHOWN 32

struct bad_header {
	enum proxy_error error; /* PROXY_ERROR_NONE: nothing is wrong */
	const uint8_t *bytes;	/* as much as has come, borrowed; not a whole header */
	size_t len;
};

/*
 * Add error to a line and, for bytes that are no header at all, got (the first of them) and
 * looks_like (the protocol that they are of, if that is known). Nothing for PROXY_ERROR_NONE.
 */
void bad_header_log(const struct bad_header *bad, struct log_line *line);

#endif
