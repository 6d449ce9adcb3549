/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log says of return routes. */
#include "routing/routing_say.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "routing/return_text.h"

void routing_say_no_memory(void)
{
	log_msg(LOG_LEVEL_ERROR, "routing: memory is out");
}

void routing_say_not_permitted(void)
{
	log_msg(LOG_LEVEL_ERROR,
		"routing: not permitted to set up return routes: grant CAP_NET_ADMIN (in a "
		"container: --cap-add NET_ADMIN), or set routing.manage = false and have them set "
		"up from outside: \"mmproxy --setup-routing --dry-run\" prints the commands");
}

void routing_say_failed(const char *verb, const struct return_item *item, int error)
{
	char text[RETURN_TEXT_MAX];

	if (error == EPERM)
		routing_say_not_permitted();
	else
		log_msg(LOG_LEVEL_ERROR, "routing: cannot do \"%s\": %s",
			return_text_item(item, verb, text), strerror(error));
}

void routing_say_unreadable(int error)
{
	log_msg(LOG_LEVEL_ERROR, "routing: cannot read the kernel's routes and rules: %s",
		strerror(error));
}

void routing_say_nft(const char *what, const char *error)
{
	if (strstr(error, strerror(EPERM)) != NULL)
		routing_say_not_permitted();
	else
		log_msg(LOG_LEVEL_ERROR,
			"routing: cannot %s the nft table inet " RETURN_TEXT_NFT_TABLE ": %s", what,
			error);
}

void routing_say_foreign_route(const struct return_sync *sync)
{
	const char *ip = sync->foreign_family == AF_INET ? "ip" : "ip -6";

	log_msg(LOG_LEVEL_ERROR,
		"routing: table %u has a route that is not mmproxy's: %s (%s route show table %u); "
		"set routing.table to a table that nobody uses, or, if nobody needs that route, "
		"%s route flush table %u",
		sync->foreign_table, sync->foreign, ip, sync->foreign_table, ip,
		sync->foreign_table);
}

void routing_say_foreign_nft(uint32_t table)
{
	log_msg(LOG_LEVEL_ERROR,
		"routing: the nft table inet " RETURN_TEXT_NFT_TABLE
		" has something in it that mmproxy has not set up for routing table %u (nft list "
		"table inet " RETURN_TEXT_NFT_TABLE "); if nobody needs it, nft delete table "
		"inet " RETURN_TEXT_NFT_TABLE,
		table);
}

void routing_say_wide_rules(void)
{
	log_msg(LOG_LEVEL_WARN,
		"routing: this kernel has no rules that name protocol and port (Linux 4.17 has): "
		"all that is sent from the targets' loopback addresses looks into the table");
}

void routing_say_remarks(const struct return_plan *plan)
{
	for (size_t i = 0; i < plan->remarks_count; i++) {
		const struct return_remark *remark = &plan->remarks[i];
		char ip[ADDR_STRLEN];

		addr_format_ip(&remark->target, ip);
		if (remark->has_route)
			log_msg(LOG_LEVEL_WARN,
				"listener %s: %s is on another host: its routes must lead the "
				"answers to clients back to this host, where nothing was set up "
				"for it",
				remark->listener, ip);
		else
			log_msg(LOG_LEVEL_WARN,
				"listener %s: there is no route to %s now, so that no return "
				"route was set up for it",
				remark->listener, ip);
	}
}

void routing_say_plan(const struct return_plan *plan, uint32_t table)
{
	size_t rules = 0;

	for (size_t i = 0; i < plan->items_count; i++)
		rules += plan->items[i].kind == RETURN_RULE;
	log_msg(LOG_LEVEL_INFO, "return routes are set up: rules that lead to table %u: %zu", table,
		rules);
}
