/* SPDX-License-Identifier: BSD-2-Clause */
/* The IPv6 addresses of a header, for every version of it: IPv4-mapped ones are IPv4. */
#ifndef MMPROXY_PROXY_ADDR_H
#define MMPROXY_PROXY_ADDR_H

#include <string.h>

#include "base/addr.h"
#include "proxyproto/proxy_header.h"

/* ip is 16 bytes in network order; the mapped form is that of RFC 4291, section 2.5.5.2. */
static inline void proxy_addr_from_ipv6(struct addr *addr, const uint8_t *ip, uint16_t port)
{
	static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};

	if (memcmp(ip, mapped, sizeof(mapped)) == 0)
		addr_from_ipv4(addr, ip + sizeof(mapped), port);
	else
		addr_from_ipv6(addr, ip, port);
}

/* What a header from this source is: INET or INET6. */
static inline enum proxy_family proxy_addr_family(const struct addr *src)
{
	return addr_family(src) == AF_INET ? PROXY_FAMILY_INET : PROXY_FAMILY_INET6;
}

#endif
