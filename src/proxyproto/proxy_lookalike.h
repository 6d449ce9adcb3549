/* SPDX-License-Identifier: BSD-2-Clause */
/* What bytes look like that are no PROXY header. Any thread. */
#ifndef MMPROXY_PROXY_LOOKALIKE_H
#define MMPROXY_PROXY_LOOKALIKE_H

#include <stddef.h>
#include <stdint.h>

/* "a TLS ClientHello", by how the bytes begin; NULL for nothing known. */
const char *proxy_lookalike(const uint8_t *bytes, size_t len);

/* The protocol alone, as a word for logs: "tls"; NULL for nothing known. */
const char *proxy_lookalike_word(const uint8_t *bytes, size_t len);

/*
 * Where the signature of a header, of version 1 or 2, is first in the bytes, beyond their
 * beginning; 0 when it is not there.
 */
size_t proxy_lookalike_header_at(const uint8_t *bytes, size_t len);

#endif
