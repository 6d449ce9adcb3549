/* SPDX-License-Identifier: BSD-2-Clause */
/* A network of IPv4 or IPv6 addresses as a value. */
#ifndef MMPROXY_NETWORK_H
#define MMPROXY_NETWORK_H

#include <stdbool.h>

#include "base/addr.h"

/* Bits behind the prefix are zero, and so is the port. */
struct network {
	struct addr addr; /* the first one */
	unsigned prefix;  /* up to 32 or 128 */
};

/* ADDR_STRLEN and "/128" */
#define NETWORK_STRLEN (ADDR_STRLEN + 4)

/*
 * Read "192.0.2.0/24", "2001:db8::/32", or a bare address (a /32 or /128). Bits behind the prefix
 * are cleared, and a network of IPv4-mapped addresses becomes the IPv4 network it stands for.
 * Returns 0, or -1 (and *network untouched) for text of another form.
 */
int network_parse(struct network *network, const char *text) __attribute__((warn_unused_result));

/* Write "192.0.2.0/24", with the prefix always there; returns buf. */
const char *network_format(const struct network *network, char buf[static NETWORK_STRLEN]);

/* The same as people write it: one address without its prefix. */
const char *network_show(const struct network *network, char buf[static NETWORK_STRLEN]);

/* Bits of an address of the network's family: 32 or 128. */
unsigned network_prefix_max(const struct network *network);

/* The network of this prefix, not longer than the address, that an address lies in. */
void network_around(struct network *network, const struct addr *addr, unsigned prefix);

bool network_equal(const struct network *a, const struct network *b);

/*
 * Whether the address lies in the network; its port does not matter. An IPv4-mapped address counts
 * as IPv4, so "::/0" holds no IPv4 address.
 */
bool network_contains(const struct network *network, const struct addr *addr);

#endif
