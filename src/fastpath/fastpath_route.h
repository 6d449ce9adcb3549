/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * By which way a datagram from one address to another would leave: the question of "ip route get TO
 * from FROM ipproto udp sport dport", asked of the kernel with each call.
 *
 * Any thread; nothing waits (net/route_lookup.h says why).
 */
#ifndef MMPROXY_FASTPATH_ROUTE_H
#define MMPROXY_FASTPATH_ROUTE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct fastpath_route {
	bool local;	    /* to a socket of this host, over lo */
	uint32_t interface; /* that it leaves by */
	uint32_t mtu;	    /* of the route, or what was learned of the way; 0: the device's */
};

/* Whom to ask. */
struct fastpath_router {
	pthread_mutex_t lock; /* of all below; held for two system calls that do not wait */
	int fd;
	uint32_t sequence;
};

/* Returns 0, or -1 with errno. */
int fastpath_router_init(struct fastpath_router *router) __attribute__((warn_unused_result));
void fastpath_router_fini(struct fastpath_router *router);

/* from is an address of this host. Returns 0, or -1 when there is no such route or no answer. */
int fastpath_route_ask(struct fastpath_router *router, const struct addr *from,
		       const struct addr *to, struct fastpath_route *route)
    __attribute__((warn_unused_result));

#endif
