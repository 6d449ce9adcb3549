/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of 16 bits in network order, wherever they stand. */
#ifndef MMPROXY_BE16_H
#define MMPROXY_BE16_H

#include <stdint.h>

static inline uint16_t be16_read(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline void be16_write(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

#endif
