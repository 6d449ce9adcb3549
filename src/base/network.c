/* SPDX-License-Identifier: BSD-2-Clause */
/* A network of IPv4 or IPv6 addresses as a value. */
#include "base/network.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IPV4_BITS 32
#define IPV6_BITS 128

/* ::ffff:0:0/96, RFC 4291 section 2.5.5.2 */
#define MAPPED_PREFIX 96

static unsigned bits_of(int family)
{
	return family == AF_INET ? IPV4_BITS : IPV6_BITS;
}

static int parse_prefix(const char *text, unsigned max, unsigned *prefix)
{
	size_t digits = strspn(text, "0123456789");
	unsigned value;

	if (digits == 0 || digits > 3 || text[digits] != '\0' || (digits > 1 && text[0] == '0'))
		return -1;
	value = (unsigned)strtoul(text, NULL, 10);
	if (value > max)
		return -1;
	*prefix = value;
	return 0;
}

/* Clear the bits behind the prefix. */
static void clear_host(uint8_t *bytes, unsigned bits, unsigned prefix)
{
	for (unsigned i = 0; i < bits / 8; i++) {
		unsigned kept = prefix > 8 * i ? prefix - 8 * i : 0;

		if (kept < 8)
			bytes[i] = (uint8_t)(bytes[i] & ~(0xFFU >> kept));
	}
}

static uint8_t *bytes_of(struct addr *addr)
{
	return addr_family(addr) == AF_INET ? (uint8_t *)&addr->in.sin_addr
					    : (uint8_t *)&addr->in6.sin6_addr;
}

int network_parse(struct network *network, const char *text)
{
	char host[ADDR_STRLEN];
	const char *slash = strchr(text, '/');
	size_t host_len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct addr addr;
	unsigned prefix;

	if (host_len >= sizeof(host))
		return -1;
	memcpy(host, text, host_len);
	host[host_len] = '\0';
	if (addr_parse_ip(&addr, host) < 0)
		return -1;
	prefix = bits_of(addr_family(&addr));
	if (slash != NULL && parse_prefix(slash + 1, prefix, &prefix) < 0)
		return -1;
	if (addr_family(&addr) == AF_INET6 && prefix >= MAPPED_PREFIX) {
		addr_unmap(&addr);
		if (addr_family(&addr) == AF_INET)
			prefix -= MAPPED_PREFIX;
	}
	network_around(network, &addr, prefix);
	return 0;
}

const char *network_format(const struct network *network, char buf[static NETWORK_STRLEN])
{
	char host[ADDR_STRLEN];

	snprintf(buf, NETWORK_STRLEN, "%s/%u", addr_format_ip(&network->addr, host),
		 network->prefix);
	return buf;
}

const char *network_show(const struct network *network, char buf[static NETWORK_STRLEN])
{
	if (network->prefix == network_prefix_max(network))
		return addr_format_ip(&network->addr, buf);
	return network_format(network, buf);
}

unsigned network_prefix_max(const struct network *network)
{
	return bits_of(addr_family(&network->addr));
}

void network_around(struct network *network, const struct addr *addr, unsigned prefix)
{
	network->addr = *addr;
	network->prefix = prefix;
	addr_set_port(&network->addr, 0);
	clear_host(bytes_of(&network->addr), bits_of(addr_family(addr)), prefix);
}

bool network_equal(const struct network *a, const struct network *b)
{
	return a->prefix == b->prefix && addr_equal_ip(&a->addr, &b->addr);
}

bool network_contains(const struct network *network, const struct addr *addr)
{
	struct addr ip = *addr;
	struct network around;

	addr_unmap(&ip);
	if (addr_family(&ip) != addr_family(&network->addr))
		return false;
	network_around(&around, &ip, network->prefix);
	return addr_equal_ip(&around.addr, &network->addr);
}
