/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC32c: eight table lookups for eight bytes, or the CPU's instruction. */
#include "proxyproto/crc32c.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#define HAVE_SSE42 1
#define SSE42	   __attribute__((target("sse4.2")))
#endif

/* Bytes a step. */
#define SLICES 8

/*
 * SLICE_k lists the remainders of the eight single-bit bytes 0x01, 0x02, ... 0x80 with k zero bytes
 * behind them: 0x82F63B78, the reflected polynomial 0x1EDC6F41, is that of 0x80 with none, and each
 * next one is the one before shifted by a bit and reduced.
 */
/* clang-format off */
#define SLICE_0 \
	0xF26B8303U, 0xE13B70F7U, 0xC79A971FU, 0x8AD958CFU, \
	0x105EC76FU, 0x20BD8EDEU, 0x417B1DBCU, 0x82F63B78U
#define SLICE_1 \
	0x13A29877U, 0x274530EEU, 0x4E8A61DCU, 0x9D14C3B8U, \
	0x3FC5F181U, 0x7F8BE302U, 0xFF17C604U, 0xFBC3FAF9U
#define SLICE_2 \
	0xA541927EU, 0x4F6F520DU, 0x9EDEA41AU, 0x38513EC5U, \
	0x70A27D8AU, 0xE144FB14U, 0xC76580D9U, 0x8B277743U
#define SLICE_3 \
	0xDD45AAB8U, 0xBF672381U, 0x7B2231F3U, 0xF64463E6U, \
	0xE964B13DU, 0xD725148BU, 0xABA65FE7U, 0x52A0C93FU
#define SLICE_4 \
	0x38116FACU, 0x7022DF58U, 0xE045BEB0U, 0xC5670B91U, \
	0x8F2261D3U, 0x1BA8B557U, 0x37516AAEU, 0x6EA2D55CU
#define SLICE_5 \
	0xEF306B19U, 0xDB8CA0C3U, 0xB2F53777U, 0x6006181FU, \
	0xC00C303EU, 0x85F4168DU, 0x0E045BEBU, 0x1C08B7D6U
#define SLICE_6 \
	0x68032CC8U, 0xD0065990U, 0xA5E0C5D1U, 0x4E2DFD53U, \
	0x9C5BFAA6U, 0x3D5B83BDU, 0x7AB7077AU, 0xF56E0EF4U
#define SLICE_7 \
	0x493C7D27U, 0x9278FA4EU, 0x211D826DU, 0x423B04DAU, \
	0x847609B4U, 0x0D006599U, 0x1A00CB32U, 0x34019664U
/* clang-format on */

/* Remainders are linear: that of a byte is the sum of those of its bits. */
#define SUM(n, b0, b1, b2, b3, b4, b5, b6, b7)                                   \
	(((n)&0x01 ? (b0) : 0) ^ ((n)&0x02 ? (b1) : 0) ^ ((n)&0x04 ? (b2) : 0) ^ \
	 ((n)&0x08 ? (b3) : 0) ^ ((n)&0x10 ? (b4) : 0) ^ ((n)&0x20 ? (b5) : 0) ^ \
	 ((n)&0x40 ? (b6) : 0) ^ ((n)&0x80 ? (b7) : 0))
#define SUM_OF(n, ...)	SUM(n, __VA_ARGS__)
#define ENTRY(k, n)	SUM_OF(n, SLICE_##k)
#define ENTRIES_4(k, n) ENTRY(k, n), ENTRY(k, (n) + 1), ENTRY(k, (n) + 2), ENTRY(k, (n) + 3)
#define ENTRIES_16(k, n) \
	ENTRIES_4(k, n), ENTRIES_4(k, (n) + 4), ENTRIES_4(k, (n) + 8), ENTRIES_4(k, (n) + 12)
#define ENTRIES_64(k, n) \
	ENTRIES_16(k, n), ENTRIES_16(k, (n) + 16), ENTRIES_16(k, (n) + 32), ENTRIES_16(k, (n) + 48)
#define ENTRIES_256(k) ENTRIES_64(k, 0), ENTRIES_64(k, 64), ENTRIES_64(k, 128), ENTRIES_64(k, 192)

/* Row k: the remainder of each byte with k zero bytes behind it. */
static const uint32_t slices[SLICES][UINT8_MAX + 1] = {
    {ENTRIES_256(0)}, {ENTRIES_256(1)}, {ENTRIES_256(2)}, {ENTRIES_256(3)},
    {ENTRIES_256(4)}, {ENTRIES_256(5)}, {ENTRIES_256(6)}, {ENTRIES_256(7)},
};

static const uint8_t zeros[4];

/* These continue a remainder, which is a checksum with its bits inverted. */
static uint32_t update_portable(uint32_t crc, const uint8_t *at, size_t len)
{
	for (; len >= SLICES; len -= SLICES, at += SLICES) {
		crc = slices[7][(crc ^ at[0]) & 0xFF] ^ slices[6][(crc >> 8 ^ at[1]) & 0xFF] ^
		      slices[5][(crc >> 16 ^ at[2]) & 0xFF] ^ slices[4][crc >> 24 ^ at[3]] ^
		      slices[3][at[4]] ^ slices[2][at[5]] ^ slices[1][at[6]] ^ slices[0][at[7]];
	}
	for (; len > 0; len--, at++)
		crc = crc >> 8 ^ slices[0][(crc ^ *at) & 0xFF];
	return crc;
}

#ifdef HAVE_SSE42
SSE42 static inline uint32_t update_sse42(uint32_t crc, const uint8_t *at, size_t len)
{
	uint64_t sum = crc;
	uint64_t eight;
	uint32_t four;
	uint16_t two;

	for (; len >= sizeof(eight); len -= sizeof(eight), at += sizeof(eight)) {
		memcpy(&eight, at, sizeof(eight));
		sum = _mm_crc32_u64(sum, eight);
	}
	crc = (uint32_t)sum;
	if (len >= sizeof(four)) {
		memcpy(&four, at, sizeof(four));
		crc = _mm_crc32_u32(crc, four);
		len -= sizeof(four);
		at += sizeof(four);
	}
	if (len >= sizeof(two)) {
		memcpy(&two, at, sizeof(two));
		crc = _mm_crc32_u16(crc, two);
		len -= sizeof(two);
		at += sizeof(two);
	}
	if (len > 0)
		crc = _mm_crc32_u8(crc, *at);
	return crc;
}

SSE42 static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *bytes, size_t len)
{
	return ~update_sse42(~crc, bytes, len);
}

SSE42 static uint32_t crc32c_zeroed_sse42(uint32_t crc, const uint8_t *bytes, size_t len,
					  size_t zeroed)
{
	size_t behind = zeroed + sizeof(zeros);

	crc = update_sse42(~crc, bytes, zeroed);
	crc = _mm_crc32_u32(crc, 0);
	return ~update_sse42(crc, bytes + behind, len - behind);
}
#endif

uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t len)
{
	return ~update_portable(~crc, bytes, len);
}

uint32_t crc32c_zeroed_portable(uint32_t crc, const void *bytes, size_t len, size_t zeroed)
{
	size_t behind = zeroed + sizeof(zeros);
	const uint8_t *at = bytes;

	crc = update_portable(~crc, at, zeroed);
	crc = update_portable(crc, zeros, sizeof(zeros));
	return ~update_portable(crc, at + behind, len - behind);
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
#ifdef HAVE_SSE42
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(crc, bytes, len);
#endif
	return crc32c_portable(crc, bytes, len);
}

uint32_t crc32c_zeroed(uint32_t crc, const void *bytes, size_t len, size_t zeroed)
{
#ifdef HAVE_SSE42
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_zeroed_sse42(crc, bytes, len, zeroed);
#endif
	return crc32c_zeroed_portable(crc, bytes, len, zeroed);
}
