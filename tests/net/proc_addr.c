/* SPDX-License-Identifier: BSD-2-Clause */
/* Socket addresses as the tables of /proc/net print them. */
#include "proc_addr.h"

#include <stdio.h>

/* Addresses are words of 32 bits in the host's order, printed as %08X. */
bool proc_addr_read(struct addr *addr, const char *text)
{
	uint32_t words[4];
	unsigned count = 0;
	unsigned port;

	while (count < 4 && *text != ':') {
		if (sscanf(text, "%8x", &words[count]) != 1)
			return false;
		text += 8;
		count++;
	}
	if (sscanf(text, ":%4x", &port) != 1)
		return false;
	if (count == 1)
		addr_from_ipv4(addr, words, (uint16_t)port);
	else
		addr_from_ipv6(addr, words, (uint16_t)port);
	addr_unmap(addr);
	return true;
}
