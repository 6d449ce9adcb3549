/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a packet would go, and by which routing table: what "ip route get" asks (RTM_GETROUTE),
 * with all that policy rules may look at (Linux 4.18; before that a rule that names a port seems
 * not to match). Any thread.
 */
#ifndef MMPROXY_ROUTE_QUESTION_H
#define MMPROXY_ROUTE_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* A packet. */
struct route_flow {
	struct addr from; /* AF_UNSPEC: the sender has not chosen */
	struct addr to;
	uint8_t ipproto; /* with the ports of the addresses; 0: of any protocol */
	uint32_t mark;
	int iif; /* the interface that it came in by; 0: it is this host's own */
};

struct route_reply {
	int error;	/* errno value: why it goes nowhere; 0: it goes somewhere */
	bool local;	/* to a socket of this host */
	uint32_t table; /* whose route it is */
	int oif;
};

/*
 * Ask over a socket of netlink_open(NETLINK_ROUTE). Returns 0 with *reply, or an errno value when
 * the kernel could not be asked.
 */
int route_question_ask(int fd, const struct route_flow *flow, int64_t deadline_ms,
		       struct route_reply *reply) __attribute__((warn_unused_result));

/* The same for the length of the route's prefix: 0 is a default route. -1: there is no route. */
int route_question_prefix(int fd, const struct addr *to, int64_t deadline_ms);

#endif
