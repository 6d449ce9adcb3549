/* SPDX-License-Identifier: BSD-2-Clause */
/* Endless reproducible bytes, different for every stream, to send and to compare with what arrives.
 */
#ifndef MMPROXY_TEST_STREAM_H
#define MMPROXY_TEST_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At least this many bytes are contiguous from any place. */
#define STREAM_RUN 65536

/* The bytes of a stream from this offset on, STREAM_RUN of them. */
const uint8_t *stream_at(uint32_t stream, uint64_t offset);

/* Whether these are a stream's bytes at an offset; any len. */
bool stream_matches(uint32_t stream, uint64_t offset, const uint8_t *bytes, size_t len);

/* A pseudo-random number generator of a fixed seed (xorshift, never 0). */
uint32_t stream_random(uint32_t *state);

#endif
