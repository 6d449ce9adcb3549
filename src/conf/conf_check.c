/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks across keys and across listeners. */
#include "conf/conf_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "listener" and twenty digits */
#define DEFAULT_NAME_MAX 32

/* The kernel's own tables: RT_TABLE_DEFAULT, RT_TABLE_MAIN, RT_TABLE_LOCAL in rtnetlink.h. */
#define KERNEL_TABLE_FIRST 253
#define KERNEL_TABLE_LAST  255

/* One listening address, for sorting. */
struct bound {
	enum conf_protocol protocol;
	const struct addr *addr;
	struct conf_span *span;
	size_t order;
};

static void name_listeners(struct conf_draft *draft, struct conf_errors *errors)
{
	struct conf *conf = draft->conf;

	for (size_t i = 0; i < conf->listeners_count; i++) {
		struct conf_listener *listener = &conf->listeners[i];
		char name[DEFAULT_NAME_MAX];

		if (listener->name != NULL)
			continue;
		snprintf(name, sizeof(name), "listener%zu", i + 1);
		listener->name = strdup(draft->from_flags ? "default" : name);
		if (listener->name == NULL)
			conf_errors_add(errors, &draft->listeners[i].block, "memory is out");
	}
}

/* Where the listener has its name: its own or, if it has none, its block's first line. */
static const struct conf_place *name_place(const struct conf_origin *origin)
{
	const struct conf_place *place;

	if (conf_draft_state(origin, CONF_SCOPE_LISTENER, "name", &place) == CONF_STATE_ABSENT)
		return &origin->block;
	return place;
}

static void check_names(const struct conf_draft *draft, struct conf_errors *errors)
{
	const struct conf *conf = draft->conf;
	char where[CONF_WHERE_MAX];

	for (size_t i = 1; i < conf->listeners_count; i++) {
		for (size_t j = 0; j < i; j++) {
			const char *name = conf->listeners[i].name;
			const char *other = conf->listeners[j].name;

			if (name == NULL || other == NULL || strcmp(name, other) != 0)
				continue;
			conf_errors_add(errors, name_place(&draft->listeners[i]),
					"the name \"%s\" is also that of listeners[%zu] (%s): "
					"names must differ",
					name, j,
					conf_where(name_place(&draft->listeners[j]), where));
			break;
		}
	}
}

static struct conf_span *span_of(const struct conf_origin *origin, size_t index)
{
	size_t low = 0;
	size_t high = origin->listen_count - 1;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index < origin->listen[middle].end)
			high = middle;
		else
			low = middle + 1;
	}
	return &origin->listen[low];
}

/* By protocol, family and port, then by address: the wildcard, being all zero, comes first among
 * its like. */
static int compare_bounds(const void *a, const void *b)
{
	const struct bound *left = a;
	const struct bound *right = b;
	int family = addr_family(left->addr);
	int difference = (int)left->protocol - (int)right->protocol;

	if (difference == 0)
		difference = family - addr_family(right->addr);
	if (difference == 0)
		difference = addr_port(left->addr) - addr_port(right->addr);
	if (difference == 0 && family == AF_INET)
		difference = memcmp(&left->addr->in.sin_addr, &right->addr->in.sin_addr,
				    sizeof(left->addr->in.sin_addr));
	if (difference == 0 && family == AF_INET6)
		difference = memcmp(&left->addr->in6.sin6_addr, &right->addr->in6.sin6_addr,
				    sizeof(left->addr->in6.sin6_addr));
	if (difference == 0)
		difference = left->order < right->order ? -1 : left->order > right->order;
	return difference;
}

static void report_overlap(const struct bound *a, const struct bound *b, struct conf_errors *errors)
{
	const struct bound *first = a->order < b->order ? a : b;
	const struct bound *second = a->order < b->order ? b : a;
	char first_text[ADDR_STRLEN];
	char second_text[ADDR_STRLEN];
	char where[CONF_WHERE_MAX];

	/* Two ranges of a thousand ports overlap once, not a thousand times. */
	if (second->span->overlaps == first->span)
		return;
	second->span->overlaps = first->span;
	conf_where(&first->span->place, where);
	addr_format(second->addr, second_text);
	if (addr_equal(first->addr, second->addr))
		conf_errors_add(errors, &second->span->place, "%s is listened on already (%s)",
				second_text, where);
	else
		conf_errors_add(errors, &second->span->place,
				"%s overlaps %s, which is listened on already (%s)", second_text,
				addr_format(first->addr, first_text), where);
}

/* Every listening address, sorted; NULL when memory is out. */
static struct bound *sort_bounds(const struct conf_draft *draft, size_t *count)
{
	const struct conf *conf = draft->conf;
	struct bound *bounds;
	size_t total = 0;

	*count = 0;
	for (size_t i = 0; i < conf->listeners_count; i++)
		total += conf->listeners[i].listen_count;
	bounds = calloc(total + 1, sizeof(*bounds));
	if (bounds == NULL)
		return NULL;
	for (size_t i = 0; i < conf->listeners_count; i++) {
		for (size_t j = 0; j < conf->listeners[i].listen_count; j++) {
			bounds[*count] = (struct bound){.protocol = conf->listeners[i].protocol,
							.addr = &conf->listeners[i].listen[j],
							.span = span_of(&draft->listeners[i], j),
							.order = *count};
			(*count)++;
		}
	}
	qsort(bounds, *count, sizeof(*bounds), compare_bounds);
	return bounds;
}

static void check_overlaps(const struct conf_draft *draft, struct conf_errors *errors)
{
	struct bound *leader;
	struct bound *bounds;
	size_t count;

	bounds = sort_bounds(draft, &count);
	if (bounds == NULL) {
		conf_errors_add(errors, &draft->listeners[0].block, "memory is out");
		return;
	}
	leader = bounds;
	for (size_t i = 1; i < count; i++) {
		/* The first of a family and port is the wildcard, if there is one. */
		if (leader->protocol != bounds[i].protocol ||
		    addr_family(leader->addr) != addr_family(bounds[i].addr) ||
		    addr_port(leader->addr) != addr_port(bounds[i].addr))
			leader = &bounds[i];
		else if (addr_equal(bounds[i - 1].addr, bounds[i].addr))
			report_overlap(&bounds[i - 1], &bounds[i], errors);
		else if (addr_is_wildcard(leader->addr))
			report_overlap(leader, &bounds[i], errors);
	}
	free(bounds);
}

/* Whether what is sent to target would arrive at listen, as far as can be told here. */
static bool reaches(const struct conf *conf, enum conf_protocol protocol, const struct addr *target,
		    const struct addr *listen)
{
	if (addr_port(target) != addr_port(listen))
		return false;
	if (addr_equal_ip(target, listen))
		return true;
	if (!addr_is_wildcard(listen) || !addr_is_loopback(target))
		return false;
	if (addr_family(target) == addr_family(listen))
		return true;
	/* [::] listens for IPv4 too where nothing else does. */
	return addr_family(listen) == AF_INET6 &&
	       !conf_listens_on_ipv4_port(conf, protocol, addr_port(target));
}

static const struct addr *find_loop(const struct conf *conf, enum conf_protocol protocol,
				    const struct addr *target)
{
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		if (listener->protocol != protocol)
			continue;
		for (size_t j = 0; j < listener->listen_count; j++) {
			if (reaches(conf, protocol, target, &listener->listen[j]))
				return &listener->listen[j];
		}
	}
	return NULL;
}

/* Refuse a target that is mmproxy itself; other is the name of the target beside it. */
static void check_loop(const struct conf_draft *draft, size_t index, struct addr *target,
		       const char *name, const char *other, struct conf_errors *errors)
{
	enum conf_protocol protocol = draft->conf->listeners[index].protocol;
	const struct conf_origin *origin = &draft->listeners[index];
	const struct conf_place *place;
	const struct addr *listen;
	char target_text[ADDR_STRLEN];
	char listen_text[ADDR_STRLEN];
	enum conf_state state = conf_draft_state(origin, CONF_SCOPE_TARGETS, name, &place);

	listen = addr_is_set(target) ? find_loop(draft->conf, protocol, target) : NULL;
	if (listen == NULL || state == CONF_STATE_REFUSED)
		return;
	if (state == CONF_STATE_ABSENT &&
	    conf_draft_state(origin, CONF_SCOPE_TARGETS, other, NULL) == CONF_STATE_GIVEN) {
		/* A default of the flags form that nobody asked for must not refuse what works. */
		memset(target, 0, sizeof(*target));
		return;
	}
	conf_errors_add(errors, place, "%s is mmproxy itself, which listens on %s: a loop",
			addr_format(target, target_text), addr_format(listen, listen_text));
}

/* A place in the block for a key that is missing there. */
static struct conf_place missing_place(const struct conf_origin *origin, const char *name)
{
	struct conf_place place = origin->block;

	place.scope = CONF_SCOPE_LISTENER;
	place.name = name;
	return place;
}

static void check_needed(const struct conf_listener *listener, const struct conf_origin *origin,
			 struct conf_errors *errors)
{
	enum conf_state ipv4 = conf_draft_state(origin, CONF_SCOPE_TARGETS, "ipv4", NULL);
	enum conf_state ipv6 = conf_draft_state(origin, CONF_SCOPE_TARGETS, "ipv6", NULL);
	enum conf_state dynamic =
	    conf_draft_state(origin, CONF_SCOPE_LISTENER, "dynamic_destination", NULL);
	char accepts[CONF_ACCEPTS_MAX];
	struct conf_place place;

	if (conf_draft_state(origin, CONF_SCOPE_LISTENER, "listen", NULL) == CONF_STATE_ABSENT) {
		place = missing_place(origin, "listen");
		conf_errors_add(
		    errors, &place, "missing: it is %s",
		    conf_key_accepts(conf_key_find(CONF_SCOPE_LISTENER, "listen"), accepts));
	}
	if (!addr_is_set(&listener->target_ipv4) && !addr_is_set(&listener->target_ipv6) &&
	    !listener->dynamic_destination && ipv4 != CONF_STATE_REFUSED &&
	    ipv6 != CONF_STATE_REFUSED && dynamic != CONF_STATE_REFUSED) {
		place = missing_place(origin, "targets");
		conf_errors_add(errors, &place,
				"missing: the listener needs targets = { ipv4 = \"ADDRESS:PORT\"; "
				"ipv6 = \"[ADDRESS]:PORT\"; }, one or both, or "
				"dynamic_destination = true");
	}
}

/* Whether a list of destinations in "defaults" is of use to some listener. */
static bool is_list_used(const struct conf_draft *draft)
{
	for (size_t i = 0; i < draft->conf->listeners_count; i++) {
		const struct conf_place *place;

		if (draft->conf->listeners[i].dynamic_destination &&
		    conf_draft_state(&draft->listeners[i], CONF_SCOPE_LISTENER,
				     "allowed_destinations", &place) != CONF_STATE_ABSENT &&
		    place->block == CONF_BLOCK_DEFAULTS)
			return true;
	}
	return false;
}

static void check_destinations(const struct conf_draft *draft, size_t index,
			       struct conf_errors *errors)
{
	struct conf_listener *listener = &draft->conf->listeners[index];
	const struct conf_origin *origin = &draft->listeners[index];
	const struct conf_place *dynamic_place;
	const struct conf_place *list_place;
	enum conf_state dynamic =
	    conf_draft_state(origin, CONF_SCOPE_LISTENER, "dynamic_destination", &dynamic_place);
	enum conf_state list =
	    conf_draft_state(origin, CONF_SCOPE_LISTENER, "allowed_destinations", &list_place);

	if (dynamic == CONF_STATE_REFUSED || list == CONF_STATE_REFUSED || draft->from_flags)
		return;
	if (listener->dynamic_destination) {
		if (listener->allowed_destinations == NULL)
			conf_errors_add(errors, dynamic_place,
					"true needs a list of allowed_destinations that is not "
					"empty: whoever writes the header could reach any server "
					"otherwise");
		return;
	}
	if (listener->allowed_destinations == NULL)
		return;
	/* A list for those listeners that want it may stand in "defaults". */
	if (list_place->block != CONF_BLOCK_DEFAULTS || !is_list_used(draft))
		conf_errors_add(errors, list_place,
				"it has no effect without dynamic_destination = true");
	netset_free(listener->allowed_destinations);
	listener->allowed_destinations = NULL;
}

/* A header that starts a flow is worth a list of those who may write one. */
static void check_udp_header(const struct conf_listener *listener, const struct conf_origin *origin,
			     struct conf_errors *errors)
{
	const struct conf_place *place;
	enum conf_state state = conf_draft_state(origin, CONF_SCOPE_LISTENER, "udp_header", &place);

	if (listener->protocol != CONF_PROTOCOL_UDP || listener->udp_header != CONF_UDP_FIRST ||
	    listener->allowed_subnets != NULL || state != CONF_STATE_GIVEN ||
	    conf_draft_state(origin, CONF_SCOPE_LISTENER, "allowed_subnets", NULL) ==
		CONF_STATE_REFUSED ||
	    conf_draft_state(origin, CONF_SCOPE_LISTENER, "allowed_subnets_file", NULL) ==
		CONF_STATE_REFUSED)
		return;
	conf_errors_add(errors, place,
			"\"first\" needs allowed_subnets: one datagram with a header is enough to "
			"speak for a client, so the load balancers must be named");
}

static void check_routing(const struct conf_draft *draft, struct conf_errors *errors)
{
	const struct conf_place *place;
	uint32_t table = draft->conf->routing_table;

	if (conf_draft_state(&draft->top, CONF_SCOPE_ROUTING, "table", &place) ==
		CONF_STATE_GIVEN &&
	    table >= KERNEL_TABLE_FIRST && table <= KERNEL_TABLE_LAST)
		conf_errors_add(errors, place,
				"%u is one of the kernel's own tables (253, 254, 255): use another",
				table);
}

static void seal_sets(struct conf_listener *listener)
{
	struct netset *sets[] = {listener->allowed_subnets, listener->headerless_subnets,
				 listener->denied_clients, listener->allowed_clients,
				 listener->allowed_destinations};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (sets[i] != NULL)
			netset_seal(sets[i]);
	}
}

void conf_check(struct conf_draft *draft, struct conf_errors *errors)
{
	struct conf *conf = draft->conf;

	check_routing(draft, errors);
	/* Which is a mistake, and reported already. */
	if (conf->listeners_count == 0)
		return;
	name_listeners(draft, errors);
	check_names(draft, errors);
	check_overlaps(draft, errors);
	for (size_t i = 0; i < conf->listeners_count; i++) {
		struct conf_listener *listener = &conf->listeners[i];
		const struct conf_origin *origin = &draft->listeners[i];

		if (origin->refused)
			continue;
		check_needed(listener, origin, errors);
		check_loop(draft, i, &listener->target_ipv4, "ipv4", "ipv6", errors);
		check_loop(draft, i, &listener->target_ipv6, "ipv6", "ipv4", errors);
		check_udp_header(listener, origin, errors);
		check_destinations(draft, i, errors);
	}
	for (size_t i = 0; i < conf->listeners_count; i++) {
		struct conf_listener *listener = &conf->listeners[i];

		/* No list means every destination, which only the flags form may say. */
		if (!draft->from_flags && listener->allowed_destinations == NULL) {
			listener->allowed_destinations = netset_new();
			if (listener->allowed_destinations == NULL)
				conf_errors_add(errors, &draft->listeners[i].block,
						"memory is out");
		}
		seal_sets(listener);
	}
}
