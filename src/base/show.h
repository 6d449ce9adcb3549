/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes from anywhere, written for people: whatever they are, what is written is printable ASCII,
 * so that it can neither break a line nor speak to a terminal. Any thread.
 */
#ifndef MMPROXY_SHOW_H
#define MMPROXY_SHOW_H

#include <stddef.h>
#include <stdio.h>

/* Bytes shown at most by each of these; what is left out is counted behind them. */
#define SHOW_MAX 256

/* As a string in quotes: \r, \n, \t, \", \\ and \xHH (two digits) stand for what is not printable.
 */
void show_text(FILE *out, const void *bytes, size_t len);

/* As "0d 0a 00". */
void show_hex(FILE *out, const void *bytes, size_t len);

/* "1 byte", "2 bytes". */
void show_len(FILE *out, size_t len);

#endif
