/* SPDX-License-Identifier: BSD-2-Clause */
/* What the workers share about one listener block. */
#include "service/service.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/sock.h"

struct service *service_new(struct conf *snapshot, const struct conf_listener *conf)
{
	struct service *service = calloc(1, sizeof(*service));

	if (service == NULL)
		return NULL;
	service->snapshot = conf_ref(snapshot);
	service->conf = conf;
	whereabouts_init(&service->whereabouts);
	for (size_t i = 0; i < REASON_COUNT; i++)
		log_limit_init(&service->limits[i]);
	return service;
}

void service_free(struct service *service)
{
	if (service == NULL)
		return;
	for (size_t i = 0; i < REASON_COUNT; i++)
		log_limit_fini(&service->limits[i]);
	members_fini(&service->members);
	whereabouts_fini(&service->whereabouts);
	conf_unref(service->snapshot);
	free(service);
}

uint32_t service_limit(const struct service *service)
{
	const struct conf_listener *conf = service->conf;

	return conf->protocol == CONF_PROTOCOL_UDP ? conf->max_flows : conf->max_connections;
}

bool service_admit(struct service *service)
{
	uint32_t limit = service_limit(service);
	unsigned before = atomic_fetch_add_explicit(&service->active, 1, memory_order_relaxed);

	if (limit == 0 || before < limit)
		return true;
	service_leave(service);
	return false;
}

void service_enter(struct service *service)
{
	atomic_fetch_add_explicit(&service->active, 1, memory_order_relaxed);
}

void service_leave(struct service *service)
{
	atomic_fetch_sub_explicit(&service->active, 1, memory_order_relaxed);
}

bool service_is_full(const struct service *service)
{
	uint32_t limit = service_limit(service);

	return limit != 0 && atomic_load_explicit(&service->active, memory_order_relaxed) >= limit;
}

static bool reaches(const struct addr *listen, const struct addr *addr)
{
	if (addr_port(listen) != addr_port(addr))
		return false;
	if (addr_equal_ip(listen, addr))
		return true;
	/* [::] takes IPv4 as well, unless another listener has that port there: a listener either
	 * way. */
	return addr_is_wildcard(listen) &&
	       (addr_family(listen) == addr_family(addr) || addr_family(listen) == AF_INET6) &&
	       sock_addr_is_local(addr);
}

bool service_is_own_listener(const struct service *service, const struct addr *addr)
{
	const struct conf *conf = service->snapshot;

	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		if (listener->protocol != service->conf->protocol)
			continue;
		for (size_t j = 0; j < listener->listen_count; j++)
			if (reaches(&listener->listen[j], addr))
				return true;
	}
	return false;
}

/* A listener on loopback needs one rule; anything else needs marks, which the manual explains. */
static void explain_loopback_routes(const struct service *service, const char *target, bool ipv6)
{
	unsigned table = service->snapshot->routing_table;
	const char *ip = ipv6 ? "ip -6" : "ip";

	log_msg(LOG_LEVEL_WARN,
		"listener %s: %s does not answer connections from clients' addresses; if it is up, "
		"its answers need a way back: %s rule add from %s iif lo table %u; %s route add "
		"local %s dev lo table %u",
		service->conf->name, target, ip, ipv6 ? "::1/128" : "127.0.0.0/8", table, ip,
		ipv6 ? "::/0" : "0.0.0.0/0", table);
}

void service_explain_routes(struct service *service, const struct addr *target)
{
	char text[ADDR_STRLEN];

	if (atomic_exchange(&service->routes_explained, true))
		return;
	addr_format_ip(target, text);
	if (addr_is_loopback(target))
		explain_loopback_routes(service, text, addr_family(target) == AF_INET6);
	else
		log_msg(LOG_LEVEL_WARN,
			"listener %s: %s does not answer connections from clients' addresses; if "
			"it is up, its answers need a way back, see \"Backends that are not on "
			"loopback\" in mmproxy(8)%s",
			service->conf->name, text,
			service->conf->mark == 0 ? "; the listener has no mark, which that needs"
						 : "");
}

bool service_may_log(struct service *service, enum close_reason reason, int64_t now_ms)
{
	enum log_level level = reason_level(reason);

	if (!service->snapshot->log_connections || !log_enabled(level))
		return false;
	return level < LOG_LEVEL_WARN || log_limit_pass(&service->limits[reason], now_ms);
}

void service_log_suppressed(struct service *service, int64_t now_ms)
{
	for (size_t i = 0; i < REASON_COUNT; i++) {
		uint32_t suppressed = log_limit_take(&service->limits[i], now_ms);
		struct log_line line;

		if (suppressed == 0)
			continue;
		log_line_begin(&line, LOG_LEVEL_WARN);
		log_line_str(&line, "listener", service->conf->name);
		log_line_str(&line, "reason", reason_name((enum close_reason)i));
		log_line_u64(&line, "suppressed", suppressed);
		log_line_end(&line);
	}
}
