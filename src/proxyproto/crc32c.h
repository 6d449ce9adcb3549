/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC32c, the Castagnoli polynomial's checksum (RFC 4960, appendix B). Any thread. */
#ifndef MMPROXY_CRC32C_H
#define MMPROXY_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of bytes behind those whose checksum is crc (0 for none), so that a sum can be taken
 * piece by piece. Uses the CPU's own instruction where there is one (SSE 4.2).
 */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

/*
 * The same with the four bytes at zeroed taken as zero: they lie in bytes, wholly. For a sum that
 * is stored amid what it covers.
 */
uint32_t crc32c_zeroed(uint32_t crc, const void *bytes, size_t len, size_t zeroed);

/* The two of them on any CPU. */
uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t len);
uint32_t crc32c_zeroed_portable(uint32_t crc, const void *bytes, size_t len, size_t zeroed);

#endif
