/* SPDX-License-Identifier: BSD-2-Clause */
/* Version 2 of the PROXY header, binary (section 2.2). For the other rooms of
 * this folder. */
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

/*
 * The same without a look at the TLVs, wherever the bytes came from: for saying what a header holds
 * whose TLVs or checksum are wrong. Nobody may act on such a header.
 */
enum proxy_status proxy_v2_parse_without_tlvs(const uint8_t *bytes, size_t len, size_t header_max,
					      struct proxy_header *header, enum proxy_error *error)
    __attribute__((warn_unused_result));

/* How long a header is by its fixed bytes; 0 when they are not all there, or wrong. */
size_t proxy_v2_header_len(const uint8_t *bytes, size_t len);

/* What the fixed bytes of a header name, such as "INET6" and "STREAM"; "unknown" for other values,
 * which LOCAL may have. */
const char *proxy_v2_family_name(const uint8_t *bytes);
const char *proxy_v2_transport_name(const uint8_t *bytes);

#endif
