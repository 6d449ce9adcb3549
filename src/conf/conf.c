/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration as an immutable, counted snapshot. */
#include "conf/conf.h"

#include <stdlib.h>

#include "conf/conf_field.h"
#include "conf/conf_keys.h"
#include "conf/conf_value.h"

static void release(struct conf *conf)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (!conf_scope_is_listeners(key->scope)) {
			conf_field_clear(key, conf);
			continue;
		}
		for (size_t j = 0; j < conf->listeners_count; j++)
			conf_field_clear(key, &conf->listeners[j]);
	}
	free(conf->user_place);
	free(conf->group_place);
	free(conf->log_target_place);
	free(conf->listeners);
	free(conf);
}

struct conf *conf_ref(struct conf *conf)
{
	atomic_fetch_add_explicit(&conf->refs, 1, memory_order_relaxed);
	return conf;
}

void conf_unref(struct conf *conf)
{
	if (conf == NULL)
		return;
	if (atomic_fetch_sub_explicit(&conf->refs, 1, memory_order_acq_rel) == 1)
		release(conf);
}

static bool is_ipv4_port(const struct addr *addr, uint16_t port)
{
	return addr_family(addr) == AF_INET && addr_port(addr) == port;
}

bool conf_listens_on_ipv4_port(const struct conf *conf, enum conf_protocol protocol, uint16_t port)
{
	bool tcp = protocol == CONF_PROTOCOL_TCP;

	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		if (tcp && is_ipv4_port(&listener->health_listen, port))
			return true;
		if (listener->protocol != protocol)
			continue;
		for (size_t j = 0; j < listener->listen_count; j++) {
			if (is_ipv4_port(&listener->listen[j], port))
				return true;
		}
	}
	return tcp && is_ipv4_port(&conf->admin_addr, port);
}
