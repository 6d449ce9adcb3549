/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes from anywhere as text in quotes: what is written is printable ASCII, so that it can neither
 * break a line nor end a string. Any thread.
 */
#ifndef MMPROXY_ESCAPE_H
#define MMPROXY_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that one byte may become. */
#define ESCAPE_MAX 5

/*
 * Write a byte as it stands between quotes: itself, with a backslash before it, or \xHH. In JSON
 * that backslash is doubled, so that an object stays valid and shows what the other form shows.
 * Returns how many bytes were written.
 */
size_t escape_byte(unsigned char byte, bool json, char out[static ESCAPE_MAX]);

#endif
