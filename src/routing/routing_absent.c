/* SPDX-License-Identifier: BSD-2-Clause */
/* Built without libnl-route: no configuration has routing.manage, so there is nothing to do. */
#include "routing/routing.h"

#include <stdlib.h>

#include "routing/routing_look.h"

struct routing {
	struct route_watch watch;
};

bool routing_is_built(void)
{
	return false;
}

struct routing *routing_new(void)
{
	struct routing *routing = calloc(1, sizeof(*routing));

	if (routing != NULL)
		routing->watch = (struct route_watch){.route_fd = -1, .nft_fd = -1};
	return routing;
}

int routing_apply(struct routing *routing, struct conf *conf)
{
	(void)routing;
	(void)conf;
	return 0;
}

void routing_tick(struct routing *routing)
{
	(void)routing;
}

struct route_watch *routing_watch(struct routing *routing)
{
	return &routing->watch;
}

unsigned routing_look_delay_ms(const struct routing *routing, int64_t now_ms)
{
	(void)routing;
	(void)now_ms;
	return 0;
}

bool routing_look(struct routing *routing, int64_t now_ms)
{
	(void)routing;
	(void)now_ms;
	return false;
}

void routing_remove(struct routing *routing)
{
	(void)routing;
}

void routing_release(struct routing *routing)
{
	(void)routing;
}

void routing_free(struct routing *routing)
{
	free(routing);
}

int routing_apply_once(struct routing *routing, struct conf *conf)
{
	(void)routing;
	(void)conf;
	return -1;
}

int routing_clear(struct routing *routing, const struct conf *conf)
{
	(void)routing;
	(void)conf;
	return -1;
}

int routing_plan(const struct routing *routing, const struct conf *conf, struct return_plan *plan)
{
	(void)routing;
	(void)conf;
	(void)plan;
	return -1;
}
