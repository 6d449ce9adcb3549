/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What "mmproxy --decode" says about bytes: which PROXY header they are and what mmproxy makes of
 * it, or where and why they are none. It asks the parsers of the daemon and parses nothing itself.
 */
#ifndef MMPROXY_DECODE_H
#define MMPROXY_DECODE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Input is as long as this at most: the longest header, 65,551 bytes, in the widest of dumps (with
 * xxd -g 1 it is 4.3 times as long) with some payload. */
#define DECODE_INPUT_MAX ((size_t)512 * 1024)

/*
 * Write what the input is. It is taken as raw bytes if they begin with a header or are no text of
 * bytes (base/hex_text.h), else as that text. Returns 0 for a header that a listener takes, 1 for
 * anything else, -1 with nothing written when memory is out. input is not NULL, whatever len is.
 */
int decode_bytes(FILE *out, const uint8_t *input, size_t len) __attribute__((warn_unused_result));

/*
 * The same for a file, or standard input where file is NULL or "-", and standard output. Returns -1
 * having written one line to standard error when it cannot be read.
 */
int decode_file(const char *file) __attribute__((warn_unused_result));

#endif
