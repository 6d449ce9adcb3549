/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Simple Proxy Protocol of Cloudflare Spectrum: a fixed header before each datagram, both ways.
 *
 * Source: Cloudflare's Spectrum reference, "Simple Proxy Protocol": the magic number 0x56EC, client
 * address, proxy address (16 bytes each, IPv4 as ::ffff:a.b.c.d), client port, proxy port, all in
 * network order. No allocation, no I/O, no state. Any thread.
 */
#ifndef MMPROXY_PROXY_SPP_H
#define MMPROXY_PROXY_SPP_H

#include "proxyproto/proxy_header.h"

#define PROXY_SPP_LEN 38

/*
 * Parse the header at the beginning of a datagram, client as src and proxy as dst. A datagram that
 * is shorter than a header is an error. Returns PROXY_OK or PROXY_ERROR, never NEED_MORE.
 */
enum proxy_status proxy_spp_parse(const uint8_t *bytes, size_t len, struct proxy_header *header,
				  enum proxy_error *error) __attribute__((warn_unused_result));

/* Write the header that carries these two addresses. */
void proxy_spp_write(uint8_t bytes[static PROXY_SPP_LEN], const struct addr *client,
		     const struct addr *proxy);

#endif
