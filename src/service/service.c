/* SPDX-License-Identifier: BSD-2-Clause */
/* One listener block as it is configured now. */
#include "service/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_loop.h"

static bool limits_clients(const struct conf_listener *conf)
{
	return conf->max_connections_per_client != 0 || conf->connections_per_client_rate != 0;
}

struct service *service_new(struct conf *snapshot, const struct conf_listener *conf,
			    struct ledger *ledger)
{
	struct service *service = calloc(1, sizeof(*service));

	if (service == NULL)
		return NULL;
	if (conf->ipv6_clients == CONF_IPV6_PSEUDO_IPV4)
		service->pseudo_ipv4 = pseudo_ipv4_shared();
	if ((conf->ipv6_clients == CONF_IPV6_PSEUDO_IPV4 && service->pseudo_ipv4 == NULL) ||
	    (limits_clients(conf) && ledger_count_clients(ledger) < 0)) {
		free(service);
		return NULL;
	}
	atomic_init(&service->refs, 1);
	service->snapshot = conf_ref(snapshot);
	atomic_fetch_add_explicit(&snapshot->services, 1, memory_order_relaxed);
	service->conf = conf;
	service->ledger = ledger_ref(ledger);
	if (conf->dynamic_destination || conf->udp_relay == CONF_UDP_RELAY_KERNEL) {
		service->routes = route_lookup_new();
		if (service->routes == NULL && conf->dynamic_destination)
			log_msg(
			    LOG_LEVEL_WARN,
			    "listener %s: routes cannot be asked for (%s), so that every "
			    "destination with a port that mmproxy listens on for any address is "
			    "refused",
			    conf->name, strerror(errno));
	}
	return service;
}

struct service *service_ref(struct service *service)
{
	atomic_fetch_add_explicit(&service->refs, 1, memory_order_relaxed);
	return service;
}

void service_unref(struct service *service)
{
	if (service == NULL ||
	    atomic_fetch_sub_explicit(&service->refs, 1, memory_order_acq_rel) != 1)
		return;
	route_lookup_free(service->routes);
	ledger_unref(service->ledger);
	atomic_fetch_sub_explicit(&service->snapshot->services, 1, memory_order_release);
	conf_unref(service->snapshot);
	free(service);
}

uint32_t service_limit(const struct service *service)
{
	const struct conf_listener *conf = service->conf;

	return conf->protocol == CONF_PROTOCOL_UDP ? conf->max_flows : conf->max_connections;
}

static unsigned count_one_more(struct service *service)
{
	return atomic_fetch_add_explicit(&service->ledger->active, 1, memory_order_relaxed);
}

static void count_one_less(struct service *service)
{
	atomic_fetch_sub_explicit(&service->ledger->active, 1, memory_order_relaxed);
}

bool service_admit(struct service *service)
{
	uint32_t limit = service_limit(service);

	if (count_one_more(service) >= limit && limit != 0) {
		count_one_less(service);
		return false;
	}
	(void)service_ref(service);
	return true;
}

void service_enter(struct service *service)
{
	(void)count_one_more(service_ref(service));
}

void service_leave(struct service *service)
{
	count_one_less(service);
	service_unref(service);
}

bool service_is_full(const struct service *service)
{
	uint32_t limit = service_limit(service);

	return limit != 0 && ledger_active(service->ledger) >= limit;
}

enum close_reason service_admit_client(struct service *service, const struct addr *client,
				       int64_t now_ms, struct client_place **place)
{
	const struct client_rule rule = {
	    .connections = service->conf->max_connections_per_client,
	    .rate = service->conf->connections_per_client_rate,
	};

	*place = NULL;
	/* Without limits the ledger may get a table just now, from the main thread. */
	if (!addr_is_set(client) || !limits_clients(service->conf))
		return REASON_DONE;
	return client_limits_enter(service->ledger->clients, client, &rule, now_ms, place);
}

struct client_place *service_enter_client(struct service *service, const struct addr *client,
					  int64_t now_ms)
{
	static const struct client_rule counted = {.connections = UINT32_MAX};
	struct client_place *place = NULL;

	if (addr_is_set(client) && limits_clients(service->conf))
		(void)!client_limits_enter(service->ledger->clients, client, &counted, now_ms,
					   &place);
	return place;
}

bool service_is_own_listener(const struct service *service, const struct addr *source,
			     const struct addr *destination)
{
	struct route_question question = {
	    .destination = *destination, .source = *source, .mark = service->conf->mark};

	/* One client refused is less than a loop. */
	return conf_loop_find(service->snapshot, service->conf->protocol, &question, true,
			      service->routes) != NULL;
}

bool service_may_log(struct service *service, enum close_reason reason, int64_t now_ms)
{
	enum log_level level = reason_level(reason);

	if (!log_enabled(level) ||
	    !atomic_load_explicit(&service->ledger->logs_ends, memory_order_relaxed))
		return false;
	return level < LOG_LEVEL_WARN || log_limit_pass(&service->ledger->limits[reason], now_ms);
}
