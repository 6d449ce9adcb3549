/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes that somebody wrote down as text: plain hexadecimal, strings with escapes, and the dumps of
 * xxd, hexdump -C, od -t x1, Wireshark and tcpdump. No allocation, no I/O. Any thread.
 */
#ifndef MMPROXY_HEX_TEXT_H
#define MMPROXY_HEX_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum hex_text_form {
	HEX_TEXT_NONE,	  /* none of the following */
	HEX_TEXT_DUMP,	  /* lines with an offset, and maybe the bytes as ASCII behind them */
	HEX_TEXT_PLAIN,	  /* pairs of digits, apart or not; "0x" or "\x" may be before them */
	HEX_TEXT_ESCAPED, /* text with escapes such as \r, \x0d, \015 and \u000d, in quotes or not
			   */
};

/* A place in the text; start with hex_text_open(), which borrows the text. */
struct hex_text {
	enum hex_text_form form;
	const char *at;
	const char *end;
};

/*
 * Find out which form the text has as a whole. room: the length of the buffer that
 * hex_text_next() will get; a dump of more is none. bytes is that buffer, and is written to.
 */
enum hex_text_form hex_text_open(struct hex_text *text, const char *chars, size_t len,
				 uint8_t *bytes, size_t room);

/*
 * The next run of bytes: all there are, but a dump has several where its offsets start at 0 again,
 * as for each packet of tcpdump. Returns 1 with *len of them, 0 at the end of the text, -1 for what
 * does not belong to the form or does not fit into room; after hex_text_open() that never happens.
 */
int hex_text_next(struct hex_text *text, uint8_t *bytes, size_t room, size_t *len)
    __attribute__((warn_unused_result));

#endif
