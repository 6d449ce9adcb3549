/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening addresses that get in each other's way. */
#include "conf/conf_overlap.h"

#include <stdlib.h>
#include <string.h>

/* One listening address, for sorting. */
struct bound {
	enum conf_protocol protocol;
	const struct addr *addr;
	const struct conf_place *place;
	struct conf_span *span; /* of "listen"; NULL: of another key */
	size_t order;
};

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
	if (first->span != NULL && second->span != NULL) {
		if (second->span->overlaps == first->span)
			return;
		second->span->overlaps = first->span;
	}
	conf_where(first->place, where);
	addr_format(second->addr, second_text);
	if (addr_equal(first->addr, second->addr))
		conf_errors_add(errors, second->place, "%s is listened on already (%s)",
				second_text, where);
	else
		conf_errors_add(errors, second->place,
				"%s overlaps %s, which is listened on already (%s)", second_text,
				addr_format(first->addr, first_text), where);
}

static void add_bound(struct bound *bounds, size_t *count, struct bound bound)
{
	bound.order = *count;
	bounds[(*count)++] = bound;
}

/* The address of a key outside "listen", unless it is absent. */
static void add_single(struct bound *bounds, size_t *count, const struct addr *addr,
		       const struct conf_origin *origin, enum conf_scope scope)
{
	struct bound bound = {.protocol = CONF_PROTOCOL_TCP, .addr = addr};

	if (conf_draft_state(origin, scope, "listen", &bound.place) == CONF_STATE_GIVEN &&
	    addr_is_set(addr))
		add_bound(bounds, count, bound);
}

/* Every listening address, sorted; NULL when memory is out. */
static struct bound *sort_bounds(const struct conf_draft *draft, size_t *count)
{
	const struct conf *conf = draft->conf;
	struct bound *bounds;
	size_t total = 0;

	*count = 0;
	/* One more for each listener's health, and one for the admin endpoint. */
	for (size_t i = 0; i < conf->listeners_count; i++)
		total += conf->listeners[i].listen_count + 1;
	bounds = calloc(total + 1, sizeof(*bounds));
	if (bounds == NULL)
		return NULL;
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		for (size_t j = 0; j < listener->listen_count; j++) {
			struct conf_span *span = span_of(&draft->listeners[i], j);

			add_bound(bounds, count,
				  (struct bound){.protocol = listener->protocol,
						 .addr = &listener->listen[j],
						 .place = &span->place,
						 .span = span});
		}
		add_single(bounds, count, &listener->health_listen, &draft->listeners[i],
			   CONF_SCOPE_HEALTH);
	}
	add_single(bounds, count, &conf->admin_addr, &draft->top, CONF_SCOPE_ADMIN);
	qsort(bounds, *count, sizeof(*bounds), compare_bounds);
	return bounds;
}

void conf_overlap_check(const struct conf_draft *draft, struct conf_errors *errors)
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
