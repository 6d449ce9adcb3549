/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of IPv4 and IPv6 networks: sorted ranges, looked up by binary search. */
#include "base/netset.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/network.h"

#define IPV4_LEN 4
#define IPV6_LEN 16

#define GROW_MIN 8

/*
 * The ranges of one family, in one block of memory: first and last address of each, in network
 * order so that memcmp() orders them. Sealed: ascending, and no two overlap or touch.
 */
struct ranges {
	uint8_t *bytes;
	size_t count;
	size_t room;
};

struct netset {
	struct ranges ipv4;
	struct ranges ipv6;
	size_t *text_offsets; /* into texts: it moves while it grows, offsets do not */
	size_t text_count;
	size_t text_room;
	char *texts;
	size_t texts_len;
	size_t texts_room;
};

/* Make room for need elements in all. */
static int grow(void **block, size_t *room, size_t need, size_t size)
{
	size_t wanted = *room < GROW_MIN ? GROW_MIN : *room;
	void *grown;

	if (need <= *room)
		return 0;
	while (wanted < need)
		wanted *= 2;
	grown = reallocarray(*block, wanted, size);
	if (grown == NULL)
		return -1;
	*block = grown;
	*room = wanted;
	return 0;
}

static int add_text(struct netset *set, const char *text)
{
	size_t len = strlen(text) + 1;
	void *block = set->texts;

	if (grow(&block, &set->texts_room, set->texts_len + len, 1) < 0)
		return -1;
	set->texts = block;
	block = set->text_offsets;
	if (grow(&block, &set->text_room, set->text_count + 1, sizeof(*set->text_offsets)) < 0)
		return -1;
	set->text_offsets = block;
	memcpy(set->texts + set->texts_len, text, len);
	set->text_offsets[set->text_count++] = set->texts_len;
	set->texts_len += len;
	return 0;
}

/* Write the first and last address of a network whose address is len bytes long. */
static void spread(const uint8_t *first, unsigned prefix, size_t len, uint8_t *range)
{
	for (size_t i = 0; i < len; i++) {
		unsigned bits = prefix > 8 * i ? prefix - 8 * (unsigned)i : 0;
		unsigned host = bits >= 8 ? 0 : 0xFFU >> bits;

		range[i] = first[i];
		range[len + i] = (uint8_t)(first[i] | host);
	}
}

static int compare_ipv4(const void *a, const void *b)
{
	return memcmp(a, b, (size_t)2 * IPV4_LEN);
}

static int compare_ipv6(const void *a, const void *b)
{
	return memcmp(a, b, (size_t)2 * IPV6_LEN);
}

/* Whether next starts inside the range that ends at last, or right behind it. */
static bool joins(const uint8_t *last, const uint8_t *next, size_t len)
{
	uint8_t behind[IPV6_LEN];
	size_t i = len;

	if (memcmp(next, last, len) <= 0)
		return true;
	/* last is below next, so it is not the highest address and adding one cannot overflow. */
	memcpy(behind, last, len);
	do {
		i--;
		behind[i]++;
	} while (behind[i] == 0);
	return memcmp(next, behind, len) == 0;
}

static void seal(struct ranges *ranges, size_t len, int (*compare)(const void *, const void *))
{
	size_t size = 2 * len;
	size_t kept = 0;

	if (ranges->count == 0)
		return;
	qsort(ranges->bytes, ranges->count, size, compare);
	for (size_t i = 1; i < ranges->count; i++) {
		uint8_t *current = ranges->bytes + kept * size;
		const uint8_t *next = ranges->bytes + i * size;

		if (!joins(current + len, next, len)) {
			kept++;
			memmove(ranges->bytes + kept * size, next, size);
		} else if (memcmp(next + len, current + len, len) > 0) {
			memcpy(current + len, next + len, len);
		}
	}
	ranges->count = kept + 1;
}

static bool find(const struct ranges *ranges, const void *ip, size_t len)
{
	size_t low = 0;
	size_t high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const uint8_t *range = ranges->bytes + middle * 2 * len;

		if (memcmp(ip, range, len) < 0)
			high = middle;
		else if (memcmp(ip, range + len, len) > 0)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

struct netset *netset_new(void)
{
	return calloc(1, sizeof(struct netset));
}

void netset_free(struct netset *set)
{
	if (set == NULL)
		return;
	free(set->ipv4.bytes);
	free(set->ipv6.bytes);
	free(set->text_offsets);
	free(set->texts);
	free(set);
}

int netset_add(struct netset *set, const char *cidr)
{
	uint8_t range[2 * IPV6_LEN];
	char text[NETWORK_STRLEN];
	struct network network;
	struct ranges *ranges;
	const void *ip;
	void *block;
	size_t len;

	if (network_parse(&network, cidr) < 0) {
		errno = EINVAL;
		return -1;
	}
	if (addr_family(&network.addr) == AF_INET) {
		ranges = &set->ipv4;
		ip = &network.addr.in.sin_addr;
		len = IPV4_LEN;
	} else {
		ranges = &set->ipv6;
		ip = &network.addr.in6.sin6_addr;
		len = IPV6_LEN;
	}
	spread(ip, network.prefix, len, range);

	block = ranges->bytes;
	if (grow(&block, &ranges->room, ranges->count + 1, 2 * len) < 0)
		return -1;
	ranges->bytes = block;
	if (add_text(set, network_format(&network, text)) < 0)
		return -1;
	memcpy(ranges->bytes + ranges->count * 2 * len, range, 2 * len);
	ranges->count++;
	return 0;
}

void netset_seal(struct netset *set)
{
	seal(&set->ipv4, IPV4_LEN, compare_ipv4);
	seal(&set->ipv6, IPV6_LEN, compare_ipv6);
}

bool netset_contains(const struct netset *set, const struct addr *addr)
{
	struct addr ip = *addr;

	addr_unmap(&ip);
	switch (addr_family(&ip)) {
	case AF_INET:
		return find(&set->ipv4, &ip.in.sin_addr, IPV4_LEN);
	case AF_INET6:
		return find(&set->ipv6, &ip.in6.sin6_addr, IPV6_LEN);
	default:
		return false;
	}
}

static bool is_equal(const struct ranges *a, const struct ranges *b, size_t len)
{
	return a->count == b->count &&
	       (a->count == 0 || memcmp(a->bytes, b->bytes, a->count * 2 * len) == 0);
}

bool netset_equal(const struct netset *a, const struct netset *b)
{
	return is_equal(&a->ipv4, &b->ipv4, IPV4_LEN) && is_equal(&a->ipv6, &b->ipv6, IPV6_LEN);
}

bool netset_is_empty(const struct netset *set)
{
	return set->text_count == 0;
}

size_t netset_count(const struct netset *set)
{
	return set->text_count;
}

const char *netset_text(const struct netset *set, size_t index)
{
	return set->texts + set->text_offsets[index];
}
