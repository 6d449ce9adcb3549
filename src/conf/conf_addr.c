/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as a configuration may name them. */
#include "conf/conf_addr.h"

#include <stdlib.h>
#include <string.h>

#define PORT_MAX 65535

/* "[" + an IPv6 address with an IPv4 tail + "]:65535-65535" */
#define RANGE_STRLEN 64

int conf_addr_parse_range(const char *text, struct addr *first, uint16_t *last)
{
	char single[RANGE_STRLEN];
	const char *dash = strrchr(text, '-');
	size_t len = dash != NULL ? (size_t)(dash - text) : strlen(text);
	size_t digits;
	unsigned long port;

	if (len >= sizeof(single))
		return -1;
	memcpy(single, text, len);
	single[len] = '\0';
	if (addr_parse(first, single) < 0)
		return -1;
	*last = addr_port(first);
	if (dash == NULL)
		return 0;
	digits = strspn(dash + 1, "0123456789");
	if (digits == 0 || digits > strlen("65535") || dash[1 + digits] != '\0')
		return -1;
	port = strtoul(dash + 1, NULL, 10);
	if (port > PORT_MAX)
		return -1;
	*last = (uint16_t)port;
	return 0;
}

const char *conf_addr_misuse(const struct addr *addr, bool wildcard_ok)
{
	struct addr unmapped = *addr;

	addr_unmap(&unmapped);
	if (addr_family(&unmapped) != addr_family(addr))
		return "is an IPv4-mapped address: write it as an IPv4 address";
	if (addr_is_wildcard(addr)) {
		if (!wildcard_ok)
			return "is a wildcard: a target is the address of one server";
	} else if (addr_is_martian_source(addr)) {
		return "is a multicast, broadcast or 0.0.0.0/8 address, which no server has";
	}
	if (addr_is_link_local(addr))
		return "is a link-local address, which means nothing without an interface, and "
		       "none can be named here: use another address";
	if (addr_port(addr) == 0)
		return "has port 0: a port is 1 to 65535";
	return NULL;
}
