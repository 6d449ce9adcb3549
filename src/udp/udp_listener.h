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

#include "base/stats.h"
#include "service/service.h"
#include "udp/deferred.h"
#include "udp/flow_table.h"
#include "udp/reply_sockets.h"
#include "udp/udp_context.h"

/* One address that is listened on. */
struct udp_socket {
	struct udp_listener *listener;
	int fd;
	uint32_t number;
	uint16_t port;
	size_t join_max; /* of replies, as outbox.h has it */
	struct event *readable;
	struct event *writable; /* added only while its buffer is full */
};

/* Flows and the intake read and write its fields, but for the events. */
struct udp_listener {
	struct event_base *base;
	struct service *service;
	struct udp_context *context;
	struct stats stats;
	struct flow_table table;
	struct udp_socket *sockets;
	size_t sockets_count;
	int epoll_fd;	      /* of the flows' sockets: libevent would cost more a flow */
	struct event *flows;  /* when that one is readable */
	struct event *expiry; /* when the flow idle longest may be over */
	size_t join_max;      /* of datagrams to backends */
	bool joins_replies;   /* flows' sockets have UDP_GRO */
	bool noted_joining;   /* the log knows that something is not joined */
	bool draining;
	int quota_number; /* in service->quota */
	struct deferred_list deferred;
	struct reply_sockets reply_sockets;
	void (*on_idle)(void *arg); /* the last flow has ended */
	void *on_idle_arg;
};

/*
 * Receive on bound sockets, and own them from now on (also on failure). service and context outlive
 * the listener. wake is called from any thread and has udp_listener_handle_room() called by this
 * one. Main thread, before workers start. Returns NULL when memory or descriptors are out.
 */
struct udp_listener *udp_listener_new(struct event_base *base, struct service *service,
				      struct udp_context *context, flow_quota_wake wake,
				      void *wake_arg, const int *fds, size_t count)
    __attribute__((warn_unused_result));

/* Close what is left, flows with REASON_SHUTDOWN. NULL is fine. */
void udp_listener_free(struct udp_listener *listener);

/* Tell other workers since when the flow idle longest has been silent. */
void udp_listener_publish(struct udp_listener *listener);

/* Another worker asks for room, or has made some. */
void udp_listener_handle_room(struct udp_listener *listener);

/* Open no more flows; those that there are go on. */
void udp_listener_drain(struct udp_listener *listener);

/* End every flow. */
void udp_listener_close_flows(struct udp_listener *listener, enum close_reason reason);

/* For a new flow: see to it that the expiry timer runs. */
void udp_listener_watch_idle(struct udp_listener *listener);

/* Send the replies that the context holds, by the socket that they belong to. */
void udp_listener_send_replies(struct udp_listener *listener);

/* The kernel has no UDP_GRO: do without from now on. */
void udp_listener_cannot_join(struct udp_listener *listener);

/* Log, once, that the kernel has refused to cut runs of datagrams. */
void udp_listener_note_joining(struct udp_listener *listener);

#endif
