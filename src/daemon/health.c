/* SPDX-License-Identifier: BSD-2-Clause */
/* The health ports of all listeners that have one. */
#include "daemon/health.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/health_client.h"
#include "daemon/health_port.h"

/* Its own socket, and one for each target while these are probed. */
#define PER_PORT 3

TAILQ_HEAD(port_list, health_port);

struct health {
	struct event_base *base;
	bool may_wait;	   /* for addresses in use */
	struct conf *conf; /* the snapshot in force: a reference, or NULL */
	struct health_clients *clients;
	struct event *tick;
	struct port_list ports;
	struct port_list prepared; /* bound, and of no configuration in force */
};

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct health *health = arg;
	struct health_port *port;

	(void)fd;
	(void)what;
	health_clients_sweep(health->clients);
	TAILQ_FOREACH(port, &health->ports, entry)
	health_port_tick(port);
}

static void on_request(void *owner)
{
	health_port_check(owner);
}

static void free_all(struct port_list *list)
{
	struct health_port *port;

	while ((port = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, port, entry);
		health_port_free(port);
	}
}

/* The port that has this address and is not wanted yet, or NULL. */
static struct health_port *find(struct health *health, const struct addr *addr)
{
	struct health_port *port;

	TAILQ_FOREACH(port, &health->ports, entry)
	if (port->wanted == NULL && addr_equal(&port->addr, addr))
		return port;
	return NULL;
}

static int prepare_port(struct health *health, const struct conf *conf,
			const struct conf_listener *listener)
{
	const struct addr *addr = &listener->health_listen;
	struct health_port *port = find(health, addr);
	const struct sock_listen_options options = {
	    .v6only = addr_family(addr) == AF_INET6 &&
		      conf_listens_on_ipv4_port(conf, CONF_PROTOCOL_TCP, addr_port(addr)),
	};
	char text[ADDR_STRLEN];

	if (port != NULL) {
		port->wanted = listener;
		return 0;
	}
	port = health_port_new(health->base, health->clients, listener, &options, health->may_wait);
	if (port == NULL) {
		log_msg(LOG_LEVEL_ERROR, "listener %s: health: cannot bind %s: %s", listener->name,
			addr_format(addr, text), strerror(errno));
		return -1;
	}
	TAILQ_INSERT_TAIL(&health->prepared, port, entry);
	return 0;
}

struct health *health_new(struct event_base *base)
{
	const struct timeval interval = clock_timeval(HEALTH_PORT_TICK_MS);
	struct health *health = calloc(1, sizeof(*health));

	if (health == NULL)
		return NULL;
	health->base = base;
	TAILQ_INIT(&health->ports);
	TAILQ_INIT(&health->prepared);
	health->clients = health_clients_new(base, on_request);
	health->tick = event_new(base, -1, EV_PERSIST, on_tick, health);
	if (health->clients == NULL || health->tick == NULL ||
	    event_add(health->tick, &interval) < 0) {
		health_free(health);
		return NULL;
	}
	return health;
}

void health_free(struct health *health)
{
	if (health == NULL)
		return;
	free_all(&health->prepared);
	free_all(&health->ports);
	health_clients_free(health->clients);
	if (health->tick != NULL)
		event_free(health->tick);
	conf_unref(health->conf);
	free(health);
}

void health_wait_for_addresses(struct health *health)
{
	health->may_wait = true;
}

void health_undo(struct health *health)
{
	struct health_port *port;

	free_all(&health->prepared);
	TAILQ_FOREACH(port, &health->ports, entry)
	port->wanted = NULL;
}

int health_prepare(struct health *health, const struct conf *conf)
{
	health_undo(health);
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		if (!addr_is_set(&listener->health_listen))
			continue;
		if (prepare_port(health, conf, listener) < 0) {
			health_undo(health);
			return -1;
		}
	}
	return 0;
}

void health_commit(struct health *health, struct conf *conf)
{
	struct conf *former = health->conf;
	struct health_port *port;
	struct health_port *next;

	for (port = TAILQ_FIRST(&health->ports); port != NULL; port = next) {
		next = TAILQ_NEXT(port, entry);
		if (port->wanted != NULL)
			continue;
		TAILQ_REMOVE(&health->ports, port, entry);
		health_port_free(port);
	}
	TAILQ_CONCAT(&health->ports, &health->prepared, entry);
	health->conf = conf_ref(conf);
	TAILQ_FOREACH(port, &health->ports, entry)
	health_port_set(port, port->wanted);
	conf_unref(former);
}

uint64_t health_descriptors(const struct conf *conf)
{
	uint64_t ports = 0;

	for (size_t i = 0; i < conf->listeners_count; i++)
		ports += addr_is_set(&conf->listeners[i].health_listen);
	return ports == 0 ? 0 : ports * PER_PORT + HEALTH_CLIENTS_MAX;
}
