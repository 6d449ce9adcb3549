/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The health ports of all listeners that have one. A reload adds, changes and removes them all or
 * not at all. Main thread.
 */
#ifndef MMPROXY_HEALTH_H
#define MMPROXY_HEALTH_H

#include <stdint.h>

#include <event2/event.h>

#include "conf/conf.h"

struct health;

/* Without ports yet. NULL when memory is out. */
struct health *health_new(struct event_base *base) __attribute__((warn_unused_result));

/* Closes all ports. NULL is fine. */
void health_free(struct health *health);

/*
 * From now on an address in use is no error for health_prepare(): the port is bound when it is
 * free. For a process that starts while its predecessor still has its own ports; health_free()
 * gives them up.
 */
void health_wait_for_addresses(struct health *health);

/*
 * Bind the ports that this configuration has and the one in force has not; what is served stays as
 * it is. Returns 0, or -1 with nothing changed, having logged the port and why. The configuration
 * must stay until health_commit() or health_undo().
 */
int health_prepare(struct health *health, const struct conf *conf)
    __attribute__((warn_unused_result));

/* Take back what the latest health_prepare() did. */
void health_undo(struct health *health);

/*
 * Serve what the latest health_prepare() was told, and take a reference to that snapshot. A port
 * with an address as before keeps its socket and connections. New ports open when their targets
 * have accepted. Cannot fail.
 */
void health_commit(struct health *health, struct conf *conf);

/* The descriptors that the health ports of a configuration may take. */
uint64_t health_descriptors(const struct conf *conf);

#endif
