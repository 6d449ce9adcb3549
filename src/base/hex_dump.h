/* SPDX-License-Identifier: BSD-2-Clause */
/* The dumps of xxd, hexdump -C, od -t x1, Wireshark and tcpdump. For hex_text alone. */
#ifndef MMPROXY_HEX_DUMP_H
#define MMPROXY_HEX_DUMP_H

#include <stdbool.h>

#include "base/hex_digits.h"

/* A place in a text of dumps, at the beginning of a line. */
struct hex_dump {
	const char *at;
	const char *end;
};

/* Go to the first line with an offset and bytes; false when there is none. */
bool hex_dump_find(struct hex_dump *dump);

/*
 * Put the bytes of one dump into the sink, and go to where the next one starts: its offset is 0
 * again. Returns 0, or -1 for lines that do not belong to a dump, or do not fit.
 */
int hex_dump_read(struct hex_dump *dump, struct hex_sink *sink) __attribute__((warn_unused_result));

#endif
