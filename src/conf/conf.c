/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration as an immutable, counted snapshot. */
#include "conf/conf.h"

#include <stdlib.h>

#include "conf/conf_keys.h"
#include "conf/conf_value.h"

static void release(struct conf *conf)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->scope != CONF_SCOPE_LISTENER && key->scope != CONF_SCOPE_TARGETS) {
			conf_value_clear(key, conf);
			continue;
		}
		for (size_t j = 0; j < conf->listeners_count; j++)
			conf_value_clear(key, &conf->listeners[j]);
	}
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

bool conf_listens_on_ipv4_port(const struct conf *conf, enum conf_protocol protocol, uint16_t port)
{
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		if (listener->protocol != protocol)
			continue;
		for (size_t j = 0; j < listener->listen_count; j++) {
			if (addr_family(&listener->listen[j]) == AF_INET &&
			    addr_port(&listener->listen[j]) == port)
				return true;
		}
	}
	return false;
}
