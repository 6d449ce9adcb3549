/* SPDX-License-Identifier: BSD-2-Clause */
/* Version 2 of the PROXY header, binary (section 2.2). For proxy_header and proxy_datagram. */
#ifndef MMPROXY_PROXY_V2_H
#define MMPROXY_PROXY_V2_H

#include "proxyproto/proxy_header.h"

#define PROXY_V2_SIGNATURE     "\r\n\r\n\0\r\nQUIT\n"
#define PROXY_V2_SIGNATURE_LEN (sizeof(PROXY_V2_SIGNATURE) - 1)

/* What the bytes came by. A stream that a header calls datagrams is a mismatch; the other way round
 * is common among senders, and harmless. */
enum proxy_carrier { PROXY_CARRIER_STREAM, PROXY_CARRIER_DGRAM };

/*
 * As proxy_header_parse(). The fixed bytes are judged one by one, the block behind them once it is
 * whole: the TLVs of INET, INET6 and UNIX are walked and a CRC32c among them is verified. LOCAL,
 * and UNSPEC in family or transport, skip the block unread.
 */
enum proxy_status proxy_v2_parse(const uint8_t *bytes, size_t len, size_t header_max,
				 enum proxy_carrier carrier, struct proxy_header *header,
				 enum proxy_error *error) __attribute__((warn_unused_result));

#endif
