/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's return routes, and its ear for what others do to them. Main thread. */
#ifndef MMPROXY_RETURN_ROUTES_H
#define MMPROXY_RETURN_ROUTES_H

#include <event2/event.h>

#include "conf/conf.h"

struct return_routes;

/* NULL when memory is out. */
struct return_routes *return_routes_new(void) __attribute__((warn_unused_result));

/* Have what the snapshot needs from now on. -1: logged, and nothing has changed. */
int return_routes_apply(struct return_routes *routes, struct conf *conf)
    __attribute__((warn_unused_result));

/* Restore on this base what others remove. -1: memory is out. */
int return_routes_watch(struct return_routes *routes, struct event_base *base)
    __attribute__((warn_unused_result));

/* Remove what nobody uses any more: once a second is enough. */
void return_routes_tick(struct return_routes *routes);

/* Leave the routes to the process that follows this one. */
void return_routes_release(struct return_routes *routes);

/* Remove what is set up and was not released, and free; before the base is freed. NULL is fine. */
void return_routes_free(struct return_routes *routes);

#endif
