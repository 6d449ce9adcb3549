/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's part of listeners with udp_relay = "kernel". */
#include "daemon/carrying.h"

#include "base/clock.h"
#include "base/log.h"
#include "fastpath/fastpath.h"

/* The first listener that asks for it, or NULL. */
static const struct conf_listener *find_asking(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		if (listener->protocol == CONF_PROTOCOL_UDP &&
		    listener->udp_relay == CONF_UDP_RELAY_KERNEL)
			return listener;
	}
	return NULL;
}

void carrying_open(struct carrying *carrying, const struct conf *conf, struct flow_registry *flows)
{
	char why[FASTPATH_WHY_MAX];

	if (find_asking(conf) == NULL)
		return;
	carrying->tried = true;
	carrying->fastpath = fastpath_open(why);
	flows->fastpath = carrying->fastpath;
	if (carrying->fastpath == NULL)
		log_msg(LOG_LEVEL_WARN,
			"udp_relay = \"kernel\": the kernel carries nothing, all datagrams pass "
			"through user space: %s",
			why);
}

static void on_renewal(evutil_socket_t fd, short what, void *arg)
{
	const struct carrying *carrying = arg;

	(void)fd;
	(void)what;
	fastpath_renew(carrying->fastpath);
}

int carrying_begin(struct carrying *carrying, struct event_base *base)
{
	const struct timeval interval = clock_timeval(FASTPATH_RENEW_MS);

	if (carrying->fastpath == NULL)
		return 0;
	carrying->renewal = event_new(base, -1, EV_PERSIST, on_renewal, carrying);
	if (carrying->renewal == NULL || event_add(carrying->renewal, &interval) < 0)
		return -1;
	fastpath_renew(carrying->fastpath);
	return 0;
}

void carrying_note(const struct carrying *carrying, const struct conf *conf)
{
	const struct conf_listener *listener = find_asking(conf);

	if (listener != NULL && !carrying->tried)
		log_msg(LOG_LEVEL_WARN,
			"listener %s: udp_relay: only a restart changes it to \"kernel\", because "
			"that is loaded at the start; its datagrams pass through user space",
			listener->name);
}

void carrying_close(struct carrying *carrying, struct flow_registry *flows)
{
	if (carrying->renewal != NULL)
		event_free(carrying->renewal);
	fastpath_close(carrying->fastpath);
	if (flows != NULL)
		flows->fastpath = NULL;
	*carrying = (struct carrying){.tried = carrying->tried};
}
