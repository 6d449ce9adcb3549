/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's return routes. */
#include "daemon/return_routes.h"

#include <stdlib.h>

#include "base/clock.h"
#include "routing/routing.h"
#include "routing/routing_look.h"

struct return_routes {
	struct routing *routing;
	struct event_base *base; /* NULL: not watched yet */
	struct event *route_news;
	struct event *nft_news;
	struct event *look;
};

/* A look waits, and until then nobody listens: news cost a look an interval, however many come. */
static void wait_for_look(struct return_routes *routes)
{
	const struct timeval delay =
	    clock_timeval(routing_look_delay_ms(routes->routing, clock_now_ms()));

	if (evtimer_add(routes->look, &delay) < 0)
		return;
	if (routes->route_news != NULL)
		event_del(routes->route_news);
	if (routes->nft_news != NULL)
		event_del(routes->nft_news);
}

static void on_news(evutil_socket_t fd, short what, void *arg)
{
	struct return_routes *routes = arg;

	(void)fd;
	(void)what;
	if (route_watch_hear(routing_watch(routes->routing)))
		wait_for_look(routes);
}

static int listen_to(struct return_routes *routes, struct event **news, int fd)
{
	if (fd < 0)
		return 0;
	if (*news == NULL)
		*news = event_new(routes->base, fd, EV_READ | EV_PERSIST, on_news, routes);
	return *news != NULL && event_add(*news, NULL) == 0 ? 0 : -1;
}

/* Listen to what is open; a reload or a change of the network may have opened more. */
static int hear_again(struct return_routes *routes)
{
	const struct route_watch *watch = routing_watch(routes->routing);

	if (routes->base == NULL || evtimer_pending(routes->look, NULL))
		return 0;
	if (listen_to(routes, &routes->route_news, watch->route_fd) < 0)
		return -1;
	return listen_to(routes, &routes->nft_news, watch->nft_fd);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct return_routes *routes = arg;

	(void)fd;
	(void)what;
	/* Before the look: what comes after it is news. */
	(void)route_watch_hear(routing_watch(routes->routing));
	if (routing_look(routes->routing, clock_now_ms()) || hear_again(routes) < 0)
		wait_for_look(routes);
}

struct return_routes *return_routes_new(void)
{
	struct return_routes *routes = calloc(1, sizeof(*routes));

	if (routes == NULL)
		return NULL;
	routes->routing = routing_new();
	if (routes->routing != NULL)
		return routes;
	free(routes);
	return NULL;
}

int return_routes_apply(struct return_routes *routes, struct conf *conf)
{
	if (routing_apply(routes->routing, conf) < 0)
		return -1;
	/* Without memory for an event the next tick tries again. */
	(void)hear_again(routes);
	return 0;
}

int return_routes_watch(struct return_routes *routes, struct event_base *base)
{
	routes->base = base;
	routes->look = evtimer_new(base, on_look, routes);
	return routes->look != NULL ? hear_again(routes) : -1;
}

void return_routes_tick(struct return_routes *routes)
{
	routing_tick(routes->routing);
	(void)hear_again(routes);
}

/* The events, before their descriptors are closed. */
static void stop_watching(struct return_routes *routes)
{
	struct event **events[] = {&routes->route_news, &routes->nft_news, &routes->look};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (*events[i] != NULL)
			event_free(*events[i]);
		*events[i] = NULL;
	}
	routes->base = NULL;
}

void return_routes_release(struct return_routes *routes)
{
	stop_watching(routes);
	routing_release(routes->routing);
}

void return_routes_free(struct return_routes *routes)
{
	if (routes == NULL)
		return;
	stop_watching(routes);
	routing_remove(routes->routing);
	routing_free(routes->routing);
	free(routes);
}
