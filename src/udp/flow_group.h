/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the flows of one UDP listener in one worker share: configuration, counters, sockets, the
 * table of flows, and the epoll instance of their sockets.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_FLOW_GROUP_H
#define MMPROXY_FLOW_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "base/stats.h"
#include "service/flow_registry.h"
#include "service/service.h"
#include "service/socket_table.h"
#include "udp/deferred.h"
#include "udp/flow_table.h"
#include "udp/refused_clients.h"
#include "udp/reply_sockets.h"
#include "udp/udp_context.h"

/* One address that is listened on. */
struct udp_socket {
	struct table_socket entry; /* first */
	struct flow_group *group;
	struct reply_socket reply; /* with the descriptor that is received from */
	struct event *readable;
};

struct flow_carry;

/* The group's flows that the kernel carries. */
struct flow_carries {
	TAILQ_HEAD(, flow_carry) carried; /* looked at longest ago first */
	STAILQ_HEAD(, flow_carry) wanted; /* to be given when the batch has been sent */
	unsigned version;		  /* what was given under a former one is taken back */
	struct event *round;		  /* of looking at them */
};

/* Embedded in udp_listener, which makes it; the rooms between them read and write its fields. */
struct flow_group {
	struct service *service;	     /* of new flows; the listener has a reference */
	struct stats *stats;		     /* this worker's */
	atomic_uint_fast64_t *header_errors; /* this worker's, by enum proxy_error */
	struct udp_context *context;	     /* the worker's */
	struct flow_table table;
	struct socket_table sockets;
	int epoll_fd;			/* of the flows' sockets: libevent would cost more a flow */
	struct event *flows_readable;	/* when that one is */
	size_t join_max;		/* of datagrams to backends */
	bool joins_replies;		/* flows' sockets have UDP_GRO */
	bool noted_joining;		/* the log knows that something is not joined */
	bool draining;			/* no new flows */
	bool paused;			/* nothing is read */
	bool giving;			/* table.to_give is known */
	struct flow_registry *registry; /* of the process */
	struct flow_quota_slot *flows_slot;	  /* in the ledger's quota */
	struct flow_quota_slot *descriptors_slot; /* in registry->quota */
	struct refused_clients refused;
	struct deferred_list deferred;
	struct flow_carries carries;
	struct reply_sockets reply_sockets;
};

struct udp_socket *udp_socket_of(struct table_socket *entry);

/* The socket with this number, or that listens on this address; NULL when there is none. */
struct udp_socket *flow_group_socket(const struct flow_group *group, uint32_t number);
struct udp_socket *flow_group_find_socket(const struct flow_group *group, const struct addr *addr);

/* For walks, as socket_table_next(). */
struct udp_socket *flow_group_next_socket(const struct flow_group *group, size_t *at);

/* Tell the other workers since when the flow idle longest has been silent. */
void flow_group_publish(struct flow_group *group);

/* The kernel has no UDP_GRO: do without from now on. */
void flow_group_cannot_join(struct flow_group *group);

/* Log, once, that the kernel has refused to cut runs of datagrams. */
void flow_group_note_joining(struct flow_group *group);

#endif
