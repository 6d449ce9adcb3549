/* SPDX-License-Identifier: BSD-2-Clause */
/* Plans as commands of ip(8) and nft(8). */
#include "routing/return_text.h"

#include <stdio.h>
#include <string.h>

/* Room for " ipproto ipv6-icmp sport 65535", " from ADDRESS/128". */
#define PART_MAX 96

static const char *protocol_name(uint8_t ipproto)
{
	switch (ipproto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	default:
		return "ipv6-icmp";
	}
}

static const char *write_from(const struct return_item *rule, char buf[static PART_MAX])
{
	char ip[ADDR_STRLEN];
	unsigned all = rule->family == AF_INET ? 32 : 128;

	addr_format_ip(&rule->from, ip);
	if (rule->from_bits == all)
		snprintf(buf, PART_MAX, " from %s iif lo", ip);
	else
		snprintf(buf, PART_MAX, " from %s/%u iif lo", ip, rule->from_bits);
	return buf;
}

static const char *write_protocol(const struct return_item *rule, char buf[static PART_MAX])
{
	char port[16] = "";

	buf[0] = '\0';
	if (rule->port != 0)
		snprintf(port, sizeof(port), " sport %u", rule->port);
	if (rule->ipproto != 0)
		snprintf(buf, PART_MAX, " ipproto %s%s", protocol_name(rule->ipproto), port);
	return buf;
}

static const char *write_mark(const struct return_item *rule, char buf[static PART_MAX])
{
	snprintf(buf, PART_MAX, " fwmark %u", rule->mark);
	return buf;
}

const char *return_text_item(const struct return_item *item, const char *verb,
			     char buf[static RETURN_TEXT_MAX])
{
	const char *ip = item->family == AF_INET ? "ip" : "ip -6";
	char from[PART_MAX] = "";
	char protocol[PART_MAX];

	if (item->kind == RETURN_ROUTE) {
		snprintf(buf, RETURN_TEXT_MAX, "%s route %s local %s dev lo table %u proto %d", ip,
			 verb, item->family == AF_INET ? "0.0.0.0/0" : "::/0", item->table,
			 RETURN_PLAN_PROTOCOL);
		return buf;
	}
	snprintf(buf, RETURN_TEXT_MAX, "%s rule %s pref %d%s%s table %u protocol %d", ip, verb,
		 RETURN_PLAN_PREFERENCE,
		 addr_is_set(&item->from) ? write_from(item, from) : write_mark(item, from),
		 write_protocol(item, protocol), item->table, RETURN_PLAN_PROTOCOL);
	return buf;
}

const char *return_text_comment(uint32_t table, char buf[static RETURN_TEXT_COMMENT_MAX])
{
	snprintf(buf, RETURN_TEXT_COMMENT_MAX, "mmproxy, routing table %u", table);
	return buf;
}

/* ---- nftables ---- */

/* Whom the kernel knows, such as this host itself, needs no way back. */
static void write_marking(const struct return_marking *marking, FILE *out)
{
	char comment[RETURN_TEXT_COMMENT_MAX];
	const char *protocol = protocol_name(marking->ipproto);

	fprintf(out, "    fib saddr type != local meta nfproto %s",
		marking->family == AF_INET ? "ipv4" : "ipv6");
	if (marking->listener_mark != 0)
		fprintf(out, " meta mark %u", marking->listener_mark);
	if (marking->to[0] != '\0')
		fprintf(out, " %s daddr %s", marking->family == AF_INET ? "ip" : "ip6",
			marking->to);
	if (marking->port != 0)
		fprintf(out, " %s dport %u", protocol, marking->port);
	else
		fprintf(out, " meta l4proto %s", protocol);
	fprintf(out, " ct mark set %u comment \"%s\"\n", marking->mark,
		return_text_comment(marking->table, comment));
}

/* Whether an earlier marking has the same mark. */
static bool is_repeated(const struct return_plan *plan, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (plan->markings[i].mark == plan->markings[index].mark)
			return true;
	return false;
}

static void write_back(const struct return_plan *plan, const char *chain, const char *type,
		       FILE *out)
{
	char comment[RETURN_TEXT_COMMENT_MAX];

	fprintf(out, "  chain %s {\n    type %s priority mangle;\n", chain, type);
	for (size_t i = 0; i < plan->markings_count; i++) {
		const struct return_marking *marking = &plan->markings[i];

		if (!is_repeated(plan, i))
			fprintf(out,
				"    ct direction reply ct mark %u meta mark set %u comment "
				"\"%s\"\n",
				marking->mark, marking->mark,
				return_text_comment(marking->table, comment));
	}
	fputs("  }\n", out);
}

void return_text_nft(const struct return_plan *plan, FILE *out)
{
	fputs("table inet " RETURN_TEXT_NFT_TABLE " {\n"
	      "  chain forth {\n    type filter hook output priority mangle;\n",
	      out);
	for (size_t i = 0; i < plan->markings_count; i++)
		write_marking(&plan->markings[i], out);
	fputs("  }\n", out);
	write_back(plan, "back_from_elsewhere", "filter hook prerouting", out);
	/* Only a chain of the type "route" has a packet of this host's own routed again. */
	write_back(plan, "back_from_this_host", "route hook output", out);
	fputs("}\n", out);
}

void return_text_commands(const struct return_plan *plan, FILE *out)
{
	char text[RETURN_TEXT_MAX];

	for (size_t i = 0; i < plan->items_count; i++)
		fprintf(out, "%s\n", return_text_item(&plan->items[i], "add", text));
	if (plan->markings_count == 0)
		return;
	fputs("nft '\n", out);
	return_text_nft(plan, out);
	fputs("'\n", out);
}
