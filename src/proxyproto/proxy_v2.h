/* SPDX-License-Identifier: BSD-2-Clause */
/* Version 2 of the PROXY header, binary (section 2.2). For proxy_header alone. */
#ifndef MMPROXY_PROXY_V2_H
#define MMPROXY_PROXY_V2_H

#include "proxyproto/proxy_header.h"

/*
 * As proxy_header_parse(). The fixed bytes are judged one by one, the block behind them once it is
 * whole: the TLVs of INET, INET6 and UNIX are walked and a CRC32c among them is verified. LOCAL,
 * and UNSPEC in family or transport, skip the block unread.
 */
enum proxy_status proxy_v2_parse(const uint8_t *bytes, size_t len, size_t header_max,
				 struct proxy_header *header, enum proxy_error *error)
    __attribute__((warn_unused_result));

#endif
