/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a connection of mmproxy's would come back to mmproxy. */
#include "conf/conf_loop.h"

/* Whether the wildcard listens for addresses of the family at all. */
static bool covers(const struct conf *conf, enum conf_protocol protocol,
		   const struct addr *wildcard, int family)
{
	if (addr_family(wildcard) == family)
		return true;
	/* [::] listens for IPv4 too where nothing else does. */
	return addr_family(wildcard) == AF_INET6 &&
	       !conf_listens_on_ipv4_port(conf, protocol, addr_port(wildcard));
}

static bool arrives_here(const struct route_question *question, bool when_unknown,
			 struct route_lookup *lookup)
{
	if (addr_is_loopback(&question->destination))
		return true;
	switch (route_lookup_ask(lookup, question)) {
	case ROUTE_HERE:
		return true;
	case ROUTE_ELSEWHERE:
		return false;
	case ROUTE_UNKNOWN:
		break;
	}
	return when_unknown;
}

static bool reaches(const struct conf *conf, enum conf_protocol protocol, const struct addr *listen,
		    const struct route_question *question, bool when_unknown,
		    struct route_lookup *lookup)
{
	const struct addr *destination = &question->destination;

	if (!addr_is_set(listen) || addr_port(listen) != addr_port(destination))
		return false;
	if (addr_equal_ip(listen, destination))
		return true;
	return addr_is_wildcard(listen) &&
	       covers(conf, protocol, listen, addr_family(destination)) &&
	       arrives_here(question, when_unknown, lookup);
}

const struct addr *conf_loop_find(const struct conf *conf, enum conf_protocol protocol,
				  const struct route_question *question, bool when_unknown,
				  struct route_lookup *lookup)
{
	bool tcp = protocol == CONF_PROTOCOL_TCP;

	if (tcp && reaches(conf, protocol, &conf->admin_addr, question, when_unknown, lookup))
		return &conf->admin_addr;
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		if (tcp && reaches(conf, protocol, &listener->health_listen, question, when_unknown,
				   lookup))
			return &listener->health_listen;
		if (listener->protocol != protocol)
			continue;
		for (size_t j = 0; j < listener->listen_count; j++) {
			const struct addr *listen = &listener->listen[j];

			if (reaches(conf, protocol, listen, question, when_unknown, lookup))
				return listen;
		}
	}
	return NULL;
}
