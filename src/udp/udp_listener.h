/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One UDP listener block in one worker: its sockets and its flows.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_UDP_LISTENER_H
#define MMPROXY_UDP_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "udp/flow_group.h"

struct udp_listener {
	struct flow_group group; /* first: see udp_listener_of() in udp_listener.c */
	struct event_base *base;
	struct event *expiry;	    /* when the flow idle longest may be over */
	void (*on_idle)(void *arg); /* the last flow has ended */
	void *on_idle_arg;
};

/*
 * Receive on bound sockets, and own them from now on (also on failure). service, registry and
 * context outlive the listener. wake is called from any thread and has udp_listener_handle_room()
 * called by this one; it and its argument outlive service and registry. Main thread, before workers
 * start. Returns NULL when memory or descriptors are out.
 */
struct udp_listener *udp_listener_new(struct event_base *base, struct service *service,
				      struct flow_registry *registry, struct udp_context *context,
				      flow_quota_wake wake, void *wake_arg, const int *fds,
				      size_t count) __attribute__((warn_unused_result));

/* Close what is left, flows with REASON_SHUTDOWN. NULL is fine. */
void udp_listener_free(struct udp_listener *listener);

/* Another worker asks for room, or has made some. */
void udp_listener_handle_room(struct udp_listener *listener);

/* Open no more flows; those that there are go on. */
void udp_listener_drain(struct udp_listener *listener);

/* End every flow. */
void udp_listener_close_flows(struct udp_listener *listener, enum close_reason reason);

#endif
