/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy rules of one family in their order (ip-rule(8)), and the tables that take every
 * address for local. A value of one moment; any thread.
 */
#ifndef MMPROXY_RULE_LIST_H
#define MMPROXY_RULE_LIST_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/network.h"
#include "doctor/route_question.h"

/* More than these are not looked at. */
#define RULE_LIST_MAX	     1024
#define RULE_LIST_TABLES_MAX 64

struct rule {
	uint32_t preference;
	bool to_table; /* false: it refuses, or jumps to another rule */
	bool refuses;  /* "blackhole", "unreachable" or "prohibit" */
	uint32_t table;
	bool inverted;	     /* "not" */
	struct network from; /* AF_UNSPEC: any */
	struct network to;
	char iif[IFNAMSIZ]; /* "": any */
	char oif[IFNAMSIZ];
	uint32_t mark;
	uint32_t mask;	   /* 0: any mark */
	uint8_t ipproto;   /* 0: any */
	uint16_t sport[2]; /* first and last; 0: any */
	uint16_t dport[2];
	bool has_more; /* a condition that is not known here: taken for one that does not hold */
};

struct rule_list {
	struct rule *rules;
	size_t count;
	/* Tables with a route "local default". */
	uint32_t local_tables[RULE_LIST_TABLES_MAX];
	size_t local_tables_count;
	uint32_t asked_table;
	bool foreign; /* the table that was asked about has a route that is not mmproxy's */
};

/*
 * Read them over a socket of netlink_open(NETLINK_ROUTE), and whether anybody else uses a table.
 * Returns 0, or an errno value; rule_list_fini() is right in any case.
 */
int rule_list_read(struct rule_list *list, int fd, int family, uint32_t table, int64_t deadline_ms)
    __attribute__((warn_unused_result));
void rule_list_fini(struct rule_list *list);

/* Whether the rule is for such a packet. */
bool rule_matches(const struct rule *rule, const struct route_flow *flow);

/* Whether the table takes every address for local. */
bool rule_list_is_local(const struct rule_list *list, uint32_t table);

/* The first rule from an index on that is for such a packet; count: there is none. */
size_t rule_list_next(const struct rule_list *list, size_t from, const struct route_flow *flow);

/* "123: from 127.0.0.1 iif lo ipproto tcp sport 8000 lookup 123", as ip(8) has it. */
#define RULE_TEXT_MAX 256
const char *rule_format(const struct rule *rule, char buf[static RULE_TEXT_MAX]);

#endif
