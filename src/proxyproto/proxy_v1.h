/* SPDX-License-Identifier: BSD-2-Clause */
/* Version 1 of the PROXY header, a line of text (section 2.1). For proxy_header alone. */
#ifndef MMPROXY_PROXY_V1_H
#define MMPROXY_PROXY_V1_H

#include "proxyproto/proxy_header.h"

/* Of "PROXY "; the signature of version 2 starts with another one. */
#define PROXY_V1_FIRST_BYTE 'P'

/* As proxy_header_parse(). The line is read strictly from left to right, never past its CRLF. */
enum proxy_status proxy_v1_parse(const uint8_t *bytes, size_t len, struct proxy_header *header,
				 enum proxy_error *error) __attribute__((warn_unused_result));

#endif
