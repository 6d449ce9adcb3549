/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy rules of one family, and the tables that take every address for local. */
#include "doctor/rule_list.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/netlink.h"
#include "routing/return_plan.h"

struct reading {
	struct rule_list *list;
	int family;
	uint32_t table; /* that nobody else should use */
	int error;
};

/* ---- reading ---- */

static uint32_t get_u32(const struct nlmsghdr *answer, uint16_t type, uint32_t otherwise)
{
	const void *value =
	    netlink_get(answer, sizeof(struct fib_rule_hdr), type, sizeof(uint32_t));

	if (value != NULL)
		memcpy(&otherwise, value, sizeof(uint32_t));
	return otherwise;
}

static void get_network(const struct nlmsghdr *answer, uint16_t type, unsigned prefix,
			struct network *network)
{
	const struct fib_rule_hdr *header = NLMSG_DATA(answer);
	bool ipv4 = header->family == AF_INET;
	const void *bytes = netlink_get(answer, sizeof(*header), type, ipv4 ? 4 : 16);

	if (bytes == NULL)
		return;
	if (ipv4)
		addr_from_ipv4(&network->addr, bytes, 0);
	else
		addr_from_ipv6(&network->addr, bytes, 0);
	network->prefix = prefix;
}

static void get_name(const struct nlmsghdr *answer, uint16_t type, char name[static IFNAMSIZ])
{
	const char *value = netlink_get(answer, sizeof(struct fib_rule_hdr), type, 1);

	if (value != NULL)
		snprintf(name, IFNAMSIZ, "%s", value);
}

static void get_ports(const struct nlmsghdr *answer, uint16_t type, uint16_t ports[static 2])
{
	const void *value = netlink_get(answer, sizeof(struct fib_rule_hdr), type,
					sizeof(struct fib_rule_port_range));
	struct fib_rule_port_range range;

	if (value == NULL)
		return;
	memcpy(&range, value, sizeof(range));
	ports[0] = range.start;
	ports[1] = range.end;
}

static bool has(const struct nlmsghdr *answer, uint16_t type)
{
	return netlink_get(answer, sizeof(struct fib_rule_hdr), type, 1) != NULL;
}

static void read_rule(const struct nlmsghdr *answer, struct rule *rule)
{
	const struct fib_rule_hdr *header = NLMSG_DATA(answer);
	const uint8_t *value;

	memset(rule, 0, sizeof(*rule));
	rule->preference = get_u32(answer, FRA_PRIORITY, 0);
	rule->to_table = header->action == FR_ACT_TO_TBL;
	rule->refuses = header->action == FR_ACT_BLACKHOLE ||
			header->action == FR_ACT_UNREACHABLE || header->action == FR_ACT_PROHIBIT;
	rule->table = get_u32(answer, FRA_TABLE, header->table);
	rule->inverted = (header->flags & FIB_RULE_INVERT) != 0;
	get_network(answer, FRA_SRC, header->src_len, &rule->from);
	get_network(answer, FRA_DST, header->dst_len, &rule->to);
	get_name(answer, FRA_IIFNAME, rule->iif);
	get_name(answer, FRA_OIFNAME, rule->oif);
	rule->mark = get_u32(answer, FRA_FWMARK, 0);
	rule->mask = get_u32(answer, FRA_FWMASK, rule->mark != 0 ? UINT32_MAX : 0);
	value = netlink_get(answer, sizeof(*header), FRA_IP_PROTO, 1);
	if (value != NULL)
		rule->ipproto = *value;
	get_ports(answer, FRA_SPORT_RANGE, rule->sport);
	get_ports(answer, FRA_DPORT_RANGE, rule->dport);
	value = netlink_get(answer, sizeof(*header), FRA_L3MDEV, 1);
	/* A range of users, if it is not that of all. */
	rule->has_more = header->tos != 0 || has(answer, FRA_TUN_ID) ||
			 (value != NULL && *value != 0) || has(answer, FRA_UID_RANGE);
}

static void on_rule(const struct nlmsghdr *answer, void *arg)
{
	struct reading *reading = arg;
	struct rule_list *list = reading->list;
	const struct fib_rule_hdr *header = NLMSG_DATA(answer);
	struct rule *rules;

	if (list->count == RULE_LIST_MAX || answer->nlmsg_type != RTM_NEWRULE ||
	    answer->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) || header->family != reading->family)
		return;
	/* Powers of two are where the room ends. */
	if ((list->count & (list->count - 1)) == 0) {
		rules = reallocarray(list->rules, list->count == 0 ? 1 : 2 * list->count,
				     sizeof(*rules));
		if (rules == NULL) {
			reading->error = ENOMEM;
			return;
		}
		list->rules = rules;
	}
	read_rule(answer, &list->rules[list->count++]);
}

static uint32_t get_table(const struct nlmsghdr *answer)
{
	const struct rtmsg *route = NLMSG_DATA(answer);
	const void *value = netlink_get(answer, sizeof(*route), RTA_TABLE, sizeof(uint32_t));
	uint32_t table = route->rtm_table;

	if (value != NULL)
		memcpy(&table, value, sizeof(table));
	return table;
}

static bool is_route(const struct nlmsghdr *answer, const struct reading *reading)
{
	const struct rtmsg *route = NLMSG_DATA(answer);

	return answer->nlmsg_type == RTM_NEWROUTE &&
	       answer->nlmsg_len >= NLMSG_LENGTH(sizeof(*route)) &&
	       route->rtm_family == reading->family && (route->rtm_flags & RTM_F_CLONED) == 0;
}

static void on_local_route(const struct nlmsghdr *answer, void *arg)
{
	struct reading *reading = arg;
	struct rule_list *list = reading->list;
	const struct rtmsg *route = NLMSG_DATA(answer);

	if (!is_route(answer, reading) || route->rtm_type != RTN_LOCAL || route->rtm_dst_len != 0 ||
	    rule_list_is_local(list, get_table(answer)) ||
	    list->local_tables_count == RULE_LIST_TABLES_MAX)
		return;
	list->local_tables[list->local_tables_count++] = get_table(answer);
}

static void on_route_of_table(const struct nlmsghdr *answer, void *arg)
{
	struct reading *reading = arg;
	const struct rtmsg *route = NLMSG_DATA(answer);

	if (is_route(answer, reading) && get_table(answer) == reading->table &&
	    route->rtm_protocol != RETURN_PLAN_PROTOCOL)
		reading->list->foreign = true;
}

/* Routes of one type (0: all), or of one table (0: all). */
static int read_routes(struct reading *reading, int fd, unsigned char type, uint32_t table,
		       netlink_answer_cb *on_route, int64_t deadline_ms)
{
	const struct rtmsg body = {.rtm_family = (unsigned char)reading->family, .rtm_type = type};
	struct netlink_question question;
	int error;

	netlink_begin(&question, RTM_GETROUTE, NLM_F_DUMP, &body, sizeof(body));
	if (table != 0)
		netlink_put(&question, RTA_TABLE, &table, sizeof(table));
	error = netlink_ask(fd, &question, on_route, reading, deadline_ms);
	/* A table that nobody has put anything into is none. */
	return table != 0 && error == ENOENT ? 0 : error;
}

/* A kernel that knows how (4.20) tells only of the routes that are asked for. */
static void be_strict(int fd, int strict)
{
#ifdef NETLINK_GET_STRICT_CHK
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof(strict));
#else
	(void)fd;
	(void)strict;
#endif
}

int rule_list_read(struct rule_list *list, int fd, int family, uint32_t table, int64_t deadline_ms)
{
	const struct fib_rule_hdr body = {.family = (uint8_t)family};
	struct reading reading = {.list = list, .family = family, .table = table};
	struct netlink_question question;
	int error;

	memset(list, 0, sizeof(*list));
	list->asked_table = table;
	netlink_begin(&question, RTM_GETRULE, NLM_F_DUMP, &body, sizeof(body));
	error = netlink_ask(fd, &question, on_rule, &reading, deadline_ms);
	if (error == 0)
		error = reading.error;
	be_strict(fd, 1);
	if (error == 0)
		error = read_routes(&reading, fd, RTN_LOCAL, 0, on_local_route, deadline_ms);
	if (error == 0)
		error = read_routes(&reading, fd, 0, table, on_route_of_table, deadline_ms);
	be_strict(fd, 0);
	return error;
}

void rule_list_fini(struct rule_list *list)
{
	free(list->rules);
	memset(list, 0, sizeof(*list));
}

/* ---- asking ---- */

static bool matches_network(const struct network *network, const struct addr *addr)
{
	if (!addr_is_set(&network->addr))
		return true;
	return addr_is_set(addr) && network_contains(network, addr);
}

static bool matches_port(const uint16_t ports[static 2], const struct addr *addr)
{
	uint16_t port = addr_is_set(addr) ? addr_port(addr) : 0;

	return ports[1] == 0 || (port >= ports[0] && port <= ports[1]);
}

static bool matches_iif(const char *iif, int index)
{
	if (iif[0] == '\0')
		return true;
	/* What a program of this host sends seems to come in by loopback. */
	return index == 0 ? strcmp(iif, "lo") == 0 : if_nametoindex(iif) == (unsigned)index;
}

bool rule_matches(const struct rule *rule, const struct route_flow *flow)
{
	bool matches =
	    matches_iif(rule->iif, flow->iif) && rule->oif[0] == '\0' &&
	    (flow->mark & rule->mask) == rule->mark && matches_network(&rule->from, &flow->from) &&
	    matches_network(&rule->to, &flow->to) &&
	    (rule->ipproto == 0 || rule->ipproto == flow->ipproto) &&
	    matches_port(rule->sport, &flow->from) && matches_port(rule->dport, &flow->to);

	return !rule->has_more && matches != rule->inverted;
}

bool rule_list_is_local(const struct rule_list *list, uint32_t table)
{
	for (size_t i = 0; i < list->local_tables_count; i++)
		if (list->local_tables[i] == table)
			return true;
	return false;
}

size_t rule_list_next(const struct rule_list *list, size_t from, const struct route_flow *flow)
{
	size_t i = from;

	while (i < list->count && !rule_matches(&list->rules[i], flow))
		i++;
	return i;
}

static void add_network(FILE *out, const char *word, const struct network *network)
{
	char text[NETWORK_STRLEN];

	if (addr_is_set(&network->addr))
		fprintf(out, " %s %s", word, network_show(network, text));
	else if (strcmp(word, "from") == 0)
		fputs(" from all", out);
}

static void add_ports(FILE *out, const char *word, const uint16_t ports[static 2])
{
	if (ports[1] == 0)
		return;
	fprintf(out, " %s %u", word, ports[0]);
	if (ports[1] != ports[0])
		fprintf(out, "-%u", ports[1]);
}

static void write_rule(FILE *out, const struct rule *rule)
{
	fprintf(out, "%u:%s", rule->preference, rule->inverted ? " not" : "");
	add_network(out, "from", &rule->from);
	add_network(out, "to", &rule->to);
	if (rule->mask != 0)
		fprintf(out, " fwmark %u", rule->mark);
	if (rule->mask != 0 && rule->mask != UINT32_MAX)
		fprintf(out, "/%#x", rule->mask);
	if (rule->iif[0] != '\0')
		fprintf(out, " iif %s", rule->iif);
	if (rule->oif[0] != '\0')
		fprintf(out, " oif %s", rule->oif);
	if (rule->ipproto != 0)
		fprintf(out, " ipproto %u", rule->ipproto);
	add_ports(out, "sport", rule->sport);
	add_ports(out, "dport", rule->dport);
	if (rule->to_table)
		fprintf(out, " lookup %u", rule->table);
	else
		fputs(rule->refuses ? " (refuses)" : " (jumps)", out);
}

const char *rule_format(const struct rule *rule, char buf[static RULE_TEXT_MAX])
{
	FILE *out = fmemopen(buf, RULE_TEXT_MAX, "w");

	snprintf(buf, RULE_TEXT_MAX, "%u", rule->preference);
	if (out == NULL)
		return buf;
	write_rule(out, rule);
	fclose(out);
	buf[RULE_TEXT_MAX - 1] = '\0';
	return buf;
}
