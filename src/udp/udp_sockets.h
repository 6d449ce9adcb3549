/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets that a UDP listener listens on and answers from: watched while they are lent, and
 * where one is taken away the flows end whose replies would leave by it.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_UDP_SOCKETS_H
#define MMPROXY_UDP_SOCKETS_H

#include <event2/event.h>

#include "service/listener.h"
#include "udp/flow_group.h"

/* Whose they are. */
struct udp_sockets_owner {
	struct flow_group *group;
	struct event_base *base;
	event_callback_fn on_readable; /* with the struct udp_socket */
};

/* Have what the setup lists. Returns as socket_table_apply(). */
int udp_sockets_apply(struct udp_sockets_owner *owner, const struct listener_setup *setup)
    __attribute__((warn_unused_result));

/* Give all of them back. */
void udp_sockets_clear(struct udp_sockets_owner *owner);

/* Read them, and no more. Returns 0, or -1 when memory is out for some of it. */
int udp_sockets_watch(const struct flow_group *group) __attribute__((warn_unused_result));
void udp_sockets_unwatch(const struct flow_group *group);

#endif
