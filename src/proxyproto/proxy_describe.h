/* SPDX-License-Identifier: BSD-2-Clause */
/* A PROXY header, or what is wrong with it, in words: one fact a line. Any thread. */
#ifndef MMPROXY_PROXY_DESCRIBE_H
#define MMPROXY_PROXY_DESCRIBE_H

#include <stdio.h>

#include "proxyproto/proxy_fault.h"
#include "proxyproto/proxy_header.h"

/* Write what the header at the beginning of bytes says, as a parser understood it. */
void proxy_describe(FILE *out, const uint8_t *bytes, const struct proxy_header *header);

/* Write which address the backend will see for this header. */
void proxy_describe_effect(FILE *out, const struct proxy_header *header);

/* Write where these bytes are wrong, what is there, and what could be. */
void proxy_describe_fault(FILE *out, const uint8_t *bytes, size_t len,
			  const struct proxy_fault *fault);

#endif
