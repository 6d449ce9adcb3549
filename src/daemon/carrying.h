/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's part of listeners with udp_relay = "kernel": loaded when the process starts, kept
 * alive by a timer as long as the main loop turns, and unloaded at the end.
 *
 * Main thread.
 */
#ifndef MMPROXY_CARRYING_H
#define MMPROXY_CARRYING_H

#include <stdbool.h>

#include <event2/event.h>

#include "conf/conf.h"
#include "service/flow_registry.h"

/* All zero is one that is not open. */
struct carrying {
	struct fastpath *fastpath;
	struct event *renewal;
	bool tried; /* the configuration that the process was started with asked for it */
};

/*
 * Load it if a listener asks for it, for the flows of this registry. Where that cannot be the log
 * says why, and everything stays in user space. While the process has all its capabilities, and
 * makes any system call; and before there are workers.
 */
void carrying_open(struct carrying *carrying, const struct conf *conf, struct flow_registry *flows);

/* Keep it alive from now on. Returns 0, or -1 when memory is out. */
int carrying_begin(struct carrying *carrying, struct event_base *base)
    __attribute__((warn_unused_result));

/* Another configuration is in use: warn if it asks for what only a start can load. */
void carrying_note(const struct carrying *carrying, const struct conf *conf);

/* Unload it. No worker's thread runs, and no flow is carried. Fine for one that is not open. */
void carrying_close(struct carrying *carrying, struct flow_registry *flows);

#endif
