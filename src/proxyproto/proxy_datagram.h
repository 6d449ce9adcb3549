/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PROXY protocol header at the beginning of a datagram, version 2. Version 1 knows no
 * datagrams.
 *
 * No allocation, no I/O, no state. Any thread.
 */
#ifndef MMPROXY_PROXY_DATAGRAM_H
#define MMPROXY_PROXY_DATAGRAM_H

#include <stdbool.h>

#include "proxyproto/proxy_header.h"

/*
 * As proxy_header_parse(), but a datagram is all there is: one that ends within its header is an
 * error. Returns PROXY_OK or PROXY_ERROR, never NEED_MORE.
 */
enum proxy_status proxy_datagram_parse(const uint8_t *bytes, size_t len, size_t header_max,
				       struct proxy_header *header, enum proxy_error *error)
    __attribute__((warn_unused_result));

/*
 * Whether the datagram begins with the whole signature of a version 2 header: what tells a header
 * from payload where either may come.
 */
bool proxy_datagram_is_signed(const uint8_t *bytes, size_t len);

#endif
