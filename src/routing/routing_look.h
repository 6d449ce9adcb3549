/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeping return routes up: a look at them, when the kernel notifies of changes. Main thread. */
#ifndef MMPROXY_ROUTING_LOOK_H
#define MMPROXY_ROUTING_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "routing/route_watch.h"
#include "routing/routing.h"

/* The notifications to wait for; their descriptors stay the same once they are open. */
struct route_watch *routing_watch(struct routing *routing);

/* In how many milliseconds a look may be taken: later and later, if somebody removes again and
 * again what was restored. */
unsigned routing_look_delay_ms(const struct routing *routing, int64_t now_ms);

/*
 * Restore what somebody else removed, and add what a change of the network calls for. Whether it
 * has to be tried again, because something failed.
 */
bool routing_look(struct routing *routing, int64_t now_ms);

#endif
