/* SPDX-License-Identifier: BSD-2-Clause */
/* The TLVs of a v2 header in words. Any thread. */
#ifndef MMPROXY_PROXY_DESCRIBE_TLV_H
#define MMPROXY_PROXY_DESCRIBE_TLV_H

#include <stdio.h>

#include "proxyproto/proxy_header.h"

/*
 * Write each TLV of the header at the beginning of bytes: its name, its value as text and in
 * hexadecimal, and what it means. The vector may be malformed, as proxy_v2_parse_without_tlvs()
 * leaves it; its end is then said to be.
 */
void proxy_describe_tlvs(FILE *out, const uint8_t *bytes, const struct proxy_header *header);

#endif
