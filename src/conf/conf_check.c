/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks across keys and across listeners. */
#include "conf/conf_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_access.h"
#include "conf/conf_families.h"
#include "conf/conf_loop.h"
#include "conf/conf_overlap.h"
#include "conf/conf_protocol.h"
#include "config.h"
#include "fastpath/fastpath.h"

/* "listener" and twenty digits */
#define DEFAULT_NAME_MAX 32

/* The kernel's own tables: RT_TABLE_DEFAULT, RT_TABLE_MAIN, RT_TABLE_LOCAL in rtnetlink.h. */
#define KERNEL_TABLE_FIRST 253
#define KERNEL_TABLE_LAST  255

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

/* Refuse a target that is mmproxy itself; other is the name of the target beside it. */
static void check_loop(const struct conf_draft *draft, size_t index, struct addr *target,
		       const char *name, const char *other, struct route_lookup *routes,
		       struct conf_errors *errors)
{
	const struct conf_listener *listener = &draft->conf->listeners[index];
	struct route_question question = {.destination = *target, .mark = listener->mark};
	const struct conf_origin *origin = &draft->listeners[index];
	const struct conf_place *place;
	const struct addr *listen;
	char target_text[ADDR_STRLEN];
	char listen_text[ADDR_STRLEN];
	enum conf_state state = conf_draft_state(origin, CONF_SCOPE_TARGETS, name, &place);

	if (!addr_is_set(target) || state == CONF_STATE_REFUSED)
		return;
	/* Where routes cannot be asked for, a target is not refused on suspicion. */
	listen = conf_loop_find(draft->conf, listener->protocol, &question, false, routes);
	if (listen == NULL)
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

/* Dynamic destinations are as many as clients ask for: none of them stands for the server. */
static void check_health(const struct conf_listener *listener, const struct conf_origin *origin,
			 struct conf_errors *errors)
{
	const struct conf_place *place;

	if (conf_draft_state(origin, CONF_SCOPE_HEALTH, "listen", &place) == CONF_STATE_GIVEN &&
	    listener->dynamic_destination && !addr_is_set(&listener->target_ipv4) &&
	    !addr_is_set(&listener->target_ipv6) &&
	    conf_draft_state(origin, CONF_SCOPE_TARGETS, "ipv4", NULL) != CONF_STATE_REFUSED &&
	    conf_draft_state(origin, CONF_SCOPE_TARGETS, "ipv6", NULL) != CONF_STATE_REFUSED)
		conf_errors_add(errors, place,
				"it needs a target, whose health it tells: beside "
				"dynamic_destination = true the listener may have targets too");
}

/* What the kernel is to carry has to be built in, and begins with a header that can be compared. */
static void check_udp_relay(const struct conf_listener *listener, const struct conf_origin *origin,
			    struct conf_errors *errors)
{
	const struct conf_place *place;

	if (listener->protocol != CONF_PROTOCOL_UDP ||
	    listener->udp_relay != CONF_UDP_RELAY_KERNEL ||
	    conf_draft_state(origin, CONF_SCOPE_LISTENER, "udp_relay", &place) != CONF_STATE_GIVEN)
		return;
	if (!fastpath_is_built())
		conf_errors_add(errors, place,
				"\"kernel\" needs libbpf, which this mmproxy was built without");
	else if (listener->udp_header == CONF_UDP_FIRST)
		conf_errors_add(errors, place,
				"\"kernel\" needs a header in every datagram, so udp_header has to "
				"be \"each\" or \"spp\", not \"first\"");
}

static void check_routing(const struct conf_draft *draft, struct conf_errors *errors)
{
	const struct conf_place *place;
	uint32_t table = draft->conf->routing_table;

#ifndef HAVE_NL_ROUTE
	if (draft->conf->routing_manage &&
	    conf_draft_state(&draft->top, CONF_SCOPE_ROUTING, "manage", &place) == CONF_STATE_GIVEN)
		conf_errors_add(errors, place,
				"true needs libnl-route, which this mmproxy was built without");
#endif
	if (conf_draft_state(&draft->top, CONF_SCOPE_ROUTING, "table", &place) ==
		CONF_STATE_GIVEN &&
	    table >= KERNEL_TABLE_FIRST && table <= KERNEL_TABLE_LAST)
		conf_errors_add(errors, place,
				"%u is one of the kernel's own tables (253, 254, 255): use another",
				table);
}

/* Keep where a key stands that only the host can judge, later. */
static void note_place(const struct conf_draft *draft, enum conf_scope scope, const char *name,
		       char **noted, struct conf_errors *errors)
{
	const struct conf_place *place;
	char where[CONF_WHERE_MAX];

	if (draft->from_flags ||
	    conf_draft_state(&draft->top, scope, name, &place) != CONF_STATE_GIVEN)
		return;
	*noted = strdup(conf_where(place, where));
	if (*noted == NULL)
		conf_errors_add(errors, place, "memory is out");
}

static void check_sandbox(const struct conf_draft *draft, struct conf_errors *errors)
{
#ifndef HAVE_SECCOMP
	const struct conf_place *place;

	if (draft->conf->sandbox &&
	    conf_draft_state(&draft->top, CONF_SCOPE_TOP, "sandbox", &place) == CONF_STATE_GIVEN)
		conf_errors_add(errors, place,
				"true needs libseccomp, which this mmproxy was built without");
#else
	(void)draft;
	(void)errors;
#endif
}

/* What "defaults" has for listeners of the other protocol opens no socket here. */
static void drop_health(const struct conf_draft *draft)
{
	for (size_t i = 0; i < draft->conf->listeners_count; i++) {
		struct conf_listener *listener = &draft->conf->listeners[i];

		if (listener->protocol != CONF_PROTOCOL_TCP)
			memset(&listener->health_listen, 0, sizeof(listener->health_listen));
	}
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

static void check_listeners(const struct conf_draft *draft, struct conf_errors *errors)
{
	struct route_lookup *routes = route_lookup_new();

	for (size_t i = 0; i < draft->conf->listeners_count; i++) {
		struct conf_listener *listener = &draft->conf->listeners[i];

		if (draft->listeners[i].refused)
			continue;
		check_needed(listener, &draft->listeners[i], errors);
		if (listener->protocol == CONF_PROTOCOL_TCP)
			check_health(listener, &draft->listeners[i], errors);
		check_udp_relay(listener, &draft->listeners[i], errors);
		check_loop(draft, i, &listener->target_ipv4, "ipv4", "ipv6", routes, errors);
		check_loop(draft, i, &listener->target_ipv6, "ipv6", "ipv4", routes, errors);
		conf_access_check(draft, i, errors);
	}
	route_lookup_free(routes);
}

void conf_check(struct conf_draft *draft, struct conf_errors *errors)
{
	struct conf *conf = draft->conf;

	note_place(draft, CONF_SCOPE_TOP, "user", &conf->user_place, errors);
	note_place(draft, CONF_SCOPE_TOP, "group", &conf->group_place, errors);
	note_place(draft, CONF_SCOPE_LOG, "target", &conf->log_target_place, errors);
	check_routing(draft, errors);
	check_sandbox(draft, errors);
	/* Which is a mistake, and reported already. */
	if (conf->listeners_count == 0)
		return;
	name_listeners(draft, errors);
	check_names(draft, errors);
	drop_health(draft);
	conf_overlap_check(draft, errors);
	conf_protocol_check(draft, errors);
	conf_families_check(draft, errors);
	check_listeners(draft, errors);
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
