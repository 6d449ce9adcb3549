/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of who may and where to, and what they need to mean anything. */
#include "conf/conf_access.h"

#include <string.h>

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

/* Whether somebody said, well or badly, which peers may connect. */
static bool are_peers_named(const struct conf_origin *origin)
{
	return conf_draft_state(origin, CONF_SCOPE_LISTENER, "allowed_subnets", NULL) !=
		   CONF_STATE_ABSENT ||
	       conf_draft_state(origin, CONF_SCOPE_LISTENER, "allowed_subnets_file", NULL) !=
		   CONF_STATE_ABSENT;
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

static bool has_network(const struct netset *set, const char *network)
{
	for (size_t i = 0; set != NULL && i < netset_count(set); i++) {
		if (strcmp(netset_text(set, i), network) == 0)
			return true;
	}
	return false;
}

/*
 * Whether anybody else than this host's own programs and headerless_subnets can connect, as far as
 * the listener's addresses tell. A TPROXY rule brings strangers to a loopback address too.
 */
static bool is_open(const struct conf_listener *listener)
{
	for (size_t i = 0; i < listener->listen_count; i++) {
		const struct addr *listen = &listener->listen[i];
		bool takes_ipv4 = addr_family(listen) == AF_INET || addr_is_wildcard(listen);
		bool takes_ipv6 = addr_family(listen) == AF_INET6;

		if (addr_is_loopback(listen) && !listener->listen_transparent)
			continue;
		if ((takes_ipv4 && !has_network(listener->headerless_subnets, "0.0.0.0/0")) ||
		    (takes_ipv6 && !has_network(listener->headerless_subnets, "::/0")))
			return true;
	}
	return false;
}

/* Who may write any header may write one that passes the list: LOCAL, or a client that is in it. */
static void check_clients(const struct conf_listener *listener, const struct conf_origin *origin,
			  struct conf_errors *errors)
{
	static const char *const names[] = {"allowed_clients", "allowed_clients_file"};

	if (are_peers_named(origin) || !is_open(listener))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct conf_place *place;

		if (conf_draft_state(origin, CONF_SCOPE_LISTENER, names[i], &place) ==
		    CONF_STATE_GIVEN)
			conf_errors_add(errors, place,
					"it needs allowed_subnets: whoever may send a header can "
					"send one that passes, so the load balancers must be named "
					"(\"0.0.0.0/0\" and \"::/0\" if something else keeps "
					"others out)");
	}
}

void conf_access_check(const struct conf_draft *draft, size_t index, struct conf_errors *errors)
{
	const struct conf_listener *listener = &draft->conf->listeners[index];
	const struct conf_origin *origin = &draft->listeners[index];

	check_udp_header(listener, origin, errors);
	check_clients(listener, origin, errors);
	check_destinations(draft, index, errors);
}
