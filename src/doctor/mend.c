/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands that mend the way back. */
#include "doctor/mend.h"

#include <stdio.h>
#include <string.h>

#include "routing/return_text.h"

static bool is_ipv6(const struct case_leg *leg)
{
	return addr_family(&leg->target) == AF_INET6;
}

/* Whether --setup-routing would do it: it refuses a table that somebody else uses. */
static bool can_set_up(const struct case_host *host, const struct case_leg *leg)
{
	return host->can_set_up && !host->foreign_table[is_ipv6(leg)];
}

/* The rule for the answers of the target. */
static struct return_item rule_of(const struct case_host *host, const struct case_leg *leg)
{
	struct return_item rule = {
	    .kind = RETURN_RULE, .family = addr_family(&leg->target), .table = host->table};

	if (!addr_is_loopback(&leg->target)) {
		rule.mark = leg->back.mark;
		return rule;
	}
	rule.from = leg->target;
	rule.from_bits = is_ipv6(leg) ? 128 : 32;
	addr_set_port(&rule.from, 0);
	rule.port = addr_port(&leg->target);
	if (rule.port != 0)
		rule.ipproto = leg->protocol == CONF_PROTOCOL_UDP ? IPPROTO_UDP : IPPROTO_TCP;
	return rule;
}

/* "ip rule add ..." with another preference than the one of mmproxy's own rules. */
static void write_rule(const struct return_item *rule, uint32_t preference,
		       char buf[static MEND_MAX])
{
	char text[RETURN_TEXT_MAX];
	const char *end = strstr(return_text_item(rule, "add", text), " pref ");
	int before = end != NULL ? (int)(end - text) : 0;

	if (end != NULL)
		end = strchr(end + strlen(" pref "), ' ');
	if (end == NULL)
		snprintf(buf, MEND_MAX, "%s", text);
	else
		snprintf(buf, MEND_MAX, "%.*s pref %u%s", before, text, preference, end);
}

const char *mend_rule(const struct case_host *host, const struct case_leg *leg,
		      char buf[static MEND_MAX])
{
	const struct return_item route = {
	    .kind = RETURN_ROUTE, .family = addr_family(&leg->target), .table = host->table};
	const struct return_item rule = rule_of(host, leg);
	char first[RETURN_TEXT_MAX];
	char second[RETURN_TEXT_MAX];

	if (addr_is_loopback(&leg->target) ? can_set_up(host, leg) : host->can_mark) {
		snprintf(buf, MEND_MAX, "%s", host->set_up);
		return buf;
	}
	(void)return_text_item(&rule, "add", first);
	if (host->local_table[is_ipv6(leg)])
		snprintf(buf, MEND_MAX, "%s", first);
	else
		snprintf(buf, MEND_MAX, "%s && %s", first,
			 return_text_item(&route, "replace", second));
	return buf;
}

const char *mend_route(const struct case_leg *leg, char buf[static MEND_MAX])
{
	snprintf(buf, MEND_MAX, "%s route replace local %s dev lo table %u",
		 is_ipv6(leg) ? "ip -6" : "ip", is_ipv6(leg) ? "::/0" : "0.0.0.0/0",
		 leg->back.table);
	return buf;
}

const char *mend_shadow(const struct case_host *host, const struct case_leg *leg,
			char buf[static MEND_MAX])
{
	struct return_item rule = rule_of(host, leg);

	/* Nothing can come before the first of all. */
	buf[0] = '\0';
	if (leg->back.shadow_preference == 0)
		return buf;
	rule.table = leg->back.table;
	if (leg->back.shadow_preference > RETURN_PLAN_PREFERENCE && can_set_up(host, leg))
		snprintf(buf, MEND_MAX, "%s", host->set_up);
	else
		write_rule(&rule,
			   leg->back.shadow_preference > RETURN_PLAN_PREFERENCE
			       ? RETURN_PLAN_PREFERENCE
			       : leg->back.shadow_preference - 1,
			   buf);
	return buf;
}
