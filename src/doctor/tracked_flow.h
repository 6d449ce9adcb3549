/* SPDX-License-Identifier: BSD-2-Clause */
/* What connection tracking knows of a connection of mmproxy's. Any thread; needs CAP_NET_ADMIN. */
#ifndef MMPROXY_TRACKED_FLOW_H
#define MMPROXY_TRACKED_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

enum tracked_flow_state {
	TRACKED_FLOW_UNKNOWN, /* the kernel could not be asked */
	TRACKED_FLOW_NONE,    /* it is not tracked */
	TRACKED_FLOW_FORTH,   /* it went forth, and nothing came back */
	TRACKED_FLOW_REPLIED  /* the target has answered, as far as this host */
};

struct tracked_flow {
	enum tracked_flow_state state;
	uint32_t mark;
};

/* Ask for the flow from an address and port to another. */
void tracked_flow_find(struct tracked_flow *flow, const struct addr *from, const struct addr *to,
		       uint8_t ipproto, int64_t deadline_ms);

#endif
