/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One UDP listener in one worker: the sockets that it borrows, and its flows.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_UDP_LISTENER_H
#define MMPROXY_UDP_LISTENER_H

#include <stdbool.h>

#include <event2/event.h>

#include "service/listener.h"
#include "udp/flow_group.h"
#include "udp/udp_sockets.h"

struct udp_listener {
	struct listener common;
	struct flow_group group;
	struct udp_sockets_owner sockets_owner;
	struct event_base *base;
	bool unread;	      /* memory was out for an event: some of it is not read */
	struct event *expiry; /* when the flow idle longest may be over */
};

/*
 * A listener without sockets: service/listener.h has what else can be done with it. stats are the
 * worker's of the service's ledger; registry and context outlive the listener. wake is called from
 * any thread and has handle_room() called by this one; it and its argument outlive ledger and
 * registry. Returns NULL when memory or descriptors are out.
 */
struct udp_listener *udp_listener_new(struct event_base *base, struct service *service,
				      struct ledger_stats *stats, struct flow_registry *registry,
				      struct udp_context *context, flow_quota_wake wake,
				      void *wake_arg) __attribute__((warn_unused_result));

#endif
