/* SPDX-License-Identifier: BSD-2-Clause */
/* The input of "mmproxy --decode": a file or standard input, as a whole and with a bound. */
#ifndef MMPROXY_DECODE_INPUT_H
#define MMPROXY_DECODE_INPUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Read all of a file, or of standard input where file is NULL or "-", into bytes. Waits for whoever
 * writes to a pipe or a terminal, but only briefly for a FIFO that nobody has opened for writing.
 * Returns 0, or -1 having written one line to standard error: it cannot be read, or has more than
 * room bytes.
 */
int decode_input_read(const char *file, uint8_t *bytes, size_t room, size_t *len)
    __attribute__((warn_unused_result));

#endif
