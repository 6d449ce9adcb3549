/* SPDX-License-Identifier: BSD-2-Clause */
/* What a configuration needs so that backends' answers come back to this host. */
#include "routing/return_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of loopback, for dynamic destinations. */
#define LOOPBACK_IPV4	   "127.0.0.0"
#define LOOPBACK_IPV4_BITS 8
#define LOOPBACK_IPV6	   "::1"
#define LOOPBACK_IPV6_BITS 128

/* What is being made, and of what. */
struct draft {
	struct return_plan *plan;
	const struct conf *conf;
	const struct return_host *host;
	uint32_t mark;
};

/* One listener with one family of its. */
struct leg {
	const struct conf_listener *listener;
	int family;
	uint8_t ipproto;
};

/* ---- lists ---- */

/* Returns the array with room for one more, or NULL, and then the former one stays. */
static void *grow(void *array, size_t count, size_t size)
{
	/* Powers of two are where the room ends. */
	if (count != 0 && (count & (count - 1)) != 0)
		return array;
	return reallocarray(array, count == 0 ? 1 : 2 * count, size);
}

static int add_item(struct return_plan *plan, const struct return_item *item)
{
	struct return_item *items;

	if (return_plan_has_item(plan, item))
		return 0;
	items = grow(plan->items, plan->items_count, sizeof(*items));
	if (items == NULL)
		return -1;
	plan->items = items;
	items[plan->items_count++] = *item;
	return 0;
}

static int add_marking(struct return_plan *plan, const struct return_marking *marking)
{
	struct return_marking *markings;

	if (return_plan_has_marking(plan, marking))
		return 0;
	markings = grow(plan->markings, plan->markings_count, sizeof(*markings));
	if (markings == NULL)
		return -1;
	plan->markings = markings;
	markings[plan->markings_count++] = *marking;
	return 0;
}

static int add_remark(struct return_plan *plan, const struct return_remark *remark)
{
	struct return_remark *remarks = grow(plan->remarks, plan->remarks_count, sizeof(*remarks));

	if (remarks == NULL)
		return -1;
	plan->remarks = remarks;
	remarks[plan->remarks_count++] = *remark;
	return 0;
}

/* ---- routes and rules ---- */

static int add_route(struct draft *draft, int family)
{
	const struct return_item route = {
	    .kind = RETURN_ROUTE, .family = family, .table = draft->conf->routing_table};

	return add_item(draft->plan, &route);
}

/* A rule, behind the route that it leads to. */
static int add_rule(struct draft *draft, struct return_item *rule)
{
	rule->kind = RETURN_RULE;
	rule->table = draft->conf->routing_table;
	if (!draft->host->rule_ports) {
		rule->ipproto = 0;
		rule->port = 0;
	}
	if (add_route(draft, rule->family) < 0)
		return -1;
	return add_item(draft->plan, rule);
}

static int add_loopback_target(struct draft *draft, const struct leg *leg,
			       const struct addr *target)
{
	struct return_item rule = {.family = leg->family,
				   .from = *target,
				   .from_bits = leg->family == AF_INET ? 32 : 128,
				   .ipproto = leg->ipproto,
				   .port = addr_port(target)};

	addr_set_port(&rule.from, 0);
	if (add_rule(draft, &rule) < 0)
		return -1;
	if (leg->ipproto != IPPROTO_UDP)
		return 0;
	/* That nobody listens there is said with ICMP, which has no port. */
	rule.ipproto = leg->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	rule.port = 0;
	return add_rule(draft, &rule);
}

/* What leaves these addresses of loopback, from any port. */
static int add_loopback_network(struct draft *draft, const struct leg *leg,
				const struct addr *network, unsigned bits)
{
	struct return_item rule = {
	    .family = leg->family, .from = *network, .from_bits = (uint8_t)bits};

	return add_rule(draft, &rule);
}

static int add_marked(struct draft *draft, const struct leg *leg, const char *to, uint16_t port)
{
	struct return_item rule = {.family = leg->family, .mark = draft->mark};
	struct return_marking marking = {.family = leg->family,
					 .ipproto = leg->ipproto,
					 .port = port,
					 .listener_mark = leg->listener->mark,
					 .mark = draft->mark,
					 .table = draft->conf->routing_table};

	snprintf(marking.to, sizeof(marking.to), "%s", to);
	if (add_rule(draft, &rule) < 0)
		return -1;
	return add_marking(draft->plan, &marking);
}

/* ---- targets ---- */

static int add_target(struct draft *draft, const struct leg *leg, const struct addr *target)
{
	struct return_remark remark = {.listener = leg->listener->name, .target = *target};
	char text[ADDR_STRLEN];

	if (!addr_is_set(target))
		return 0;
	if (addr_is_loopback(target))
		return add_loopback_target(draft, leg, target);
	draft->plan->asked_about_places = true;
	switch (draft->host->place(draft->host->arg, target, leg->listener->mark)) {
	case RETURN_PLACE_HERE:
	case RETURN_PLACE_GUEST:
		return add_marked(draft, leg, addr_format_ip(target, text), addr_port(target));
	case RETURN_PLACE_OTHER:
		remark.has_route = true;
		break;
	case RETURN_PLACE_NONE:
		break;
	}
	return add_remark(draft->plan, &remark);
}

/* A network as netset_text() writes it. */
struct network {
	struct addr addr;
	unsigned bits;
};

static int read_network(struct network *network, const char *text)
{
	const char *slash = strchr(text, '/');
	char ip[ADDR_STRLEN];

	if (slash == NULL || (size_t)(slash - text) >= sizeof(ip))
		return -1;
	memcpy(ip, text, (size_t)(slash - text));
	ip[slash - text] = '\0';
	network->bits = (unsigned)strtoul(slash + 1, NULL, 10);
	return addr_parse_ip(&network->addr, ip);
}

/* Whether the first bits of both are the same. */
static bool share_bits(const struct addr *a, const struct addr *b, unsigned bits)
{
	uint8_t x[ADDR_IP_LEN];
	uint8_t y[ADDR_IP_LEN];

	/* IPv4 is written as the last four bytes. */
	if (addr_family(a) == AF_INET)
		bits += 96;
	addr_write_ip(a, x);
	addr_write_ip(b, y);
	if (memcmp(x, y, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || (x[bits / 8] ^ y[bits / 8]) >> (8 - bits % 8) == 0;
}

static void get_loopback(struct network *loopback, int family)
{
	bool ipv4 = family == AF_INET;

	loopback->bits = ipv4 ? LOOPBACK_IPV4_BITS : LOOPBACK_IPV6_BITS;
	if (addr_parse_ip(&loopback->addr, ipv4 ? LOOPBACK_IPV4 : LOOPBACK_IPV6) < 0)
		memset(loopback, 0, sizeof(*loopback));
}

/* The destinations of one network, or of all where it is NULL. */
static int add_destinations(struct draft *draft, const struct leg *leg, const char *text)
{
	struct network loopback;
	struct network network = {.bits = 0};

	get_loopback(&loopback, leg->family);
	if (text == NULL)
		network.addr = loopback.addr;
	else if (read_network(&network, text) < 0 || addr_family(&network.addr) != leg->family)
		return 0;
	if (network.bits >= loopback.bits) {
		if (!share_bits(&network.addr, &loopback.addr, loopback.bits))
			return add_marked(draft, leg, text, 0);
		return add_loopback_network(draft, leg, &network.addr, network.bits);
	}
	if (share_bits(&network.addr, &loopback.addr, network.bits) &&
	    add_loopback_network(draft, leg, &loopback.addr, loopback.bits) < 0)
		return -1;
	return add_marked(draft, leg, network.bits > 0 ? text : "", 0);
}

static int add_dynamic(struct draft *draft, const struct leg *leg)
{
	const struct netset *allowed = leg->listener->allowed_destinations;

	if (allowed == NULL)
		return add_destinations(draft, leg, NULL);
	for (size_t i = 0; i < netset_count(allowed); i++)
		if (add_destinations(draft, leg, netset_text(allowed, i)) < 0)
			return -1;
	return 0;
}

static int add_leg(struct draft *draft, const struct conf_listener *listener, int family)
{
	const struct leg leg = {
	    .listener = listener,
	    .family = family,
	    .ipproto = listener->protocol == CONF_PROTOCOL_UDP ? IPPROTO_UDP : IPPROTO_TCP,
	};

	if (family == AF_INET6 && !draft->host->ipv6)
		return 0;
	if (add_target(draft, &leg,
		       family == AF_INET ? &listener->target_ipv4 : &listener->target_ipv6) < 0)
		return -1;
	return listener->dynamic_destination ? add_dynamic(draft, &leg) : 0;
}

uint32_t return_plan_mark(const struct conf *conf)
{
	uint32_t mark = conf->routing_table + 1;

	for (size_t i = 0; i < conf->listeners_count; i++) {
		if (mark != 0 && conf->listeners[i].mark != mark)
			continue;
		mark++;
		/* Those before may have the next one. */
		i = SIZE_MAX;
	}
	return mark;
}

int return_plan_init(struct return_plan *plan, const struct conf *conf,
		     const struct return_host *host)
{
	struct draft draft = {
	    .plan = plan, .conf = conf, .host = host, .mark = return_plan_mark(conf)};

	memset(plan, 0, sizeof(*plan));
	for (size_t i = 0; i < conf->listeners_count; i++) {
		if (add_leg(&draft, &conf->listeners[i], AF_INET) < 0 ||
		    add_leg(&draft, &conf->listeners[i], AF_INET6) < 0) {
			return_plan_fini(plan);
			return -1;
		}
	}
	return 0;
}

void return_plan_fini(struct return_plan *plan)
{
	free(plan->items);
	free(plan->markings);
	free(plan->remarks);
	memset(plan, 0, sizeof(*plan));
}

/* ---- comparing ---- */

bool return_item_equal(const struct return_item *a, const struct return_item *b)
{
	return a->kind == b->kind && a->family == b->family && a->table == b->table &&
	       addr_equal_ip(&a->from, &b->from) && a->from_bits == b->from_bits &&
	       a->ipproto == b->ipproto && a->port == b->port && a->mark == b->mark;
}

bool return_marking_equal(const struct return_marking *a, const struct return_marking *b)
{
	return a->family == b->family && a->ipproto == b->ipproto && a->port == b->port &&
	       a->listener_mark == b->listener_mark && a->mark == b->mark && a->table == b->table &&
	       strcmp(a->to, b->to) == 0;
}

bool return_plan_has_item(const struct return_plan *plan, const struct return_item *item)
{
	for (size_t i = 0; i < plan->items_count; i++)
		if (return_item_equal(&plan->items[i], item))
			return true;
	return false;
}

bool return_plan_has_marking(const struct return_plan *plan, const struct return_marking *marking)
{
	for (size_t i = 0; i < plan->markings_count; i++)
		if (return_marking_equal(&plan->markings[i], marking))
			return true;
	return false;
}

int return_plan_add(struct return_plan *plan, const struct return_plan *other)
{
	for (size_t i = 0; i < other->items_count; i++)
		if (add_item(plan, &other->items[i]) < 0)
			return -1;
	for (size_t i = 0; i < other->markings_count; i++)
		if (add_marking(plan, &other->markings[i]) < 0)
			return -1;
	plan->asked_about_places |= other->asked_about_places;
	return 0;
}

bool return_plan_equal(const struct return_plan *a, const struct return_plan *b)
{
	/* Neither has anything twice. */
	if (a->items_count != b->items_count || a->markings_count != b->markings_count)
		return false;
	for (size_t i = 0; i < a->items_count; i++)
		if (!return_plan_has_item(b, &a->items[i]))
			return false;
	for (size_t i = 0; i < a->markings_count; i++)
		if (!return_plan_has_marking(b, &a->markings[i]))
			return false;
	return true;
}
