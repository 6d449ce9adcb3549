/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the answers of a target to a client would go, by the kernel's own look-up, and which rule
 * or route is why. Any thread.
 */
#ifndef MMPROXY_WAY_BACK_H
#define MMPROXY_WAY_BACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "doctor/rule_list.h"

enum way_back_end {
	WAY_BACK_UNKNOWN, /* the kernel could not be asked */
	WAY_BACK_HERE,	  /* they come back */
	WAY_BACK_RULE_MISSING,
	WAY_BACK_ROUTE_MISSING,	 /* "rule" leads to "table", which does not take all for local */
	WAY_BACK_RULE_SHADOWED,	 /* "rule" would be right, and "shadow" comes before it */
	WAY_BACK_FILTERED,	 /* the reverse path filter */
	WAY_BACK_INVALID_SOURCE, /* the target's address cannot be a source there */
};

struct way_back {
	enum way_back_end end;
	bool unrouted; /* without a mark they have no route at all */
	uint32_t mark; /* with which answers come back; 0: they need none */
	uint32_t table;
	uint32_t shadow_preference;
	char rule[RULE_TEXT_MAX];
	char shadow[RULE_TEXT_MAX];
};

struct way_back_question {
	struct addr target; /* whose answers they are */
	struct addr client; /* with port */
	uint8_t ipproto;
	int iif; /* the interface that they come in by; 0: the target is on this host */
	/* Marks that answers may get, the likeliest first; without any, rules by address count. */
	const uint32_t *marks;
	size_t marks_count;
	uint32_t table; /* the configuration's */
};

/* Ask over a socket of netlink_open(NETLINK_ROUTE), with the rules of the family. */
void way_back_find(struct way_back *back, int fd, const struct rule_list *rules,
		   const struct way_back_question *question, int64_t deadline_ms);

/*
 * Collect in marks, up to max, the marks by which rules lead to tables that take all for local,
 * besides those that are there. Returns how many there are then.
 */
size_t way_back_collect_marks(const struct rule_list *rules, uint32_t *marks, size_t count,
			      size_t max);

#endif
