/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of IPv4 and IPv6 networks: sorted ranges, looked up by binary search. */
#ifndef MMPROXY_NETSET_H
#define MMPROXY_NETSET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/* Built by netset_add() and netset_seal(); after that it is read-only, for any thread. */
struct netset;

/* An empty set, owned by the caller; NULL when memory is out. */
struct netset *netset_new(void) __attribute__((warn_unused_result));
void netset_free(struct netset *set);

/*
 * Add "192.0.2.0/24", "2001:db8::/32", or a bare address (a /32 or /128). Bits behind the prefix
 * are cleared, and a network of IPv4-mapped addresses becomes the IPv4 network it stands for.
 * Returns 0, or -1 with EINVAL for text of another form, ENOMEM.
 */
int netset_add(struct netset *set, const char *cidr) __attribute__((warn_unused_result));

/* Sort the ranges and join those that touch. Call once, after the last netset_add(). */
void netset_seal(struct netset *set);

/*
 * Whether the set holds the address (its port does not matter). An IPv4-mapped address is looked up
 * as IPv4, so "::/0" holds no IPv4 address; no address is in no set. Only after netset_seal().
 */
bool netset_contains(const struct netset *set, const struct addr *addr);

/* Whether both hold the same addresses, however those were written. Only after netset_seal(). */
bool netset_equal(const struct netset *a, const struct netset *b);

/* Nothing was added. */
bool netset_is_empty(const struct netset *set);

/*
 * The networks as they were added, in that order, as "192.0.2.0/24" with the bits behind the prefix
 * cleared and the prefix always there: netset_text(set, 0 ... count - 1). The text belongs to the
 * set.
 */
size_t netset_count(const struct netset *set);
const char *netset_text(const struct netset *set, size_t index);

#endif
