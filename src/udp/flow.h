/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One client's way to the backend and back: a UDP socket that is bound to the client's address and
 * connected to the target.
 *
 * Nothing that the network does ends a flow; udp_listener does, when it has been idle for
 * close_after, when another needs its place or its descriptor, and at the end; and intake, when the
 * load balancer has given its port to another client. The worker's thread only.
 */
#ifndef MMPROXY_FLOW_H
#define MMPROXY_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/reason.h"
#include "net/udp_sock.h"
#include "proxyproto/proxy_header.h"
#include "service/client_path.h"
#include "service/listener.h"
#include "service/route.h"
#include "service/tlv_copy.h"
#include "udp/flow_group.h"

/* Its fields belong to the rooms whose names begin with flow. */
struct flow {
	struct flow_links links; /* first: the table knows no more of a flow */
	struct flow_group *group;
	struct service *service;       /* that it was opened under; its place is a reference */
	struct stats_answers *answers; /* NULL: it does not speak from a client's address */
	struct reply_path reply; /* where replies go: the way of its latest datagram, reversed */
	struct client_path
	    *client_path;	      /* the same for other workers; NULL: no client, so no other */
	unsigned client_path_version; /* of the one that reply was copied from */
	int fd;
	struct reply_socket *waiting_for; /* to be writable, before more is read; or NULL */
	TAILQ_ENTRY(flow) waiting;	  /* of those that wait for it */
	struct flow *gathered_next;	  /* of the flows with segments in udp_context */
	uint32_t first_segment;		  /* UDP_SEGMENT_NONE: it has none */
	uint32_t last_segment;
	uint8_t read_batch; /* messages to ask for at the next reading */
	bool given;	    /* to another process, which is about to go on with it */
	bool shared;	    /* another process has had the socket open, and may still */
	bool any_port;	    /* not the client's port: it is taken, or need not be kept */
	bool is_check;	    /* by its LOCAL header, the load balancer's own */
	int header_version; /* of the datagram that started it; 0: none */
	struct addr client; /* AF_UNSPEC: none */
	struct addr target;
	struct client_place *client_place; /* NULL: the client has no limits */
	int64_t opened_ms;
	uint64_t datagrams[2]; /* by enum stats_direction */
	uint64_t bytes[2];
	uint64_t dropped;
	uint64_t icmp_errors;
	struct flow_carry *carry;	 /* NULL: the kernel has never carried it */
	struct pseudo_ipv4 *pseudo_ipv4; /* whose address the source is; NULL: nobody else's */
	struct tlv_copy *tlvs;		 /* or NULL */
};

/*
 * Make a flow's socket. Returns NULL with *reason, with nothing left behind. What it returns goes
 * to flow_life_begin() or flow_abandon().
 */
struct flow *flow_dial(struct flow_group *group, const struct flow_key *key,
		       const struct route *route, enum close_reason *reason)
    __attribute__((warn_unused_result));

/*
 * Take the pair of addresses for a flow whose socket has them already, in the way in which it was
 * dialled, from this source (route_source()), and tell where its replies go. Returns 0, or -1 when
 * others have them or memory is out.
 */
int flow_claim_pair(struct flow *flow, const struct addr *source)
    __attribute__((warn_unused_result));

/* Free a flow that is in no table. */
void flow_abandon(struct flow *flow);

/* Say what can be told of it now; the view points into the flow and to peer. */
void flow_describe(const struct flow *flow, struct listener_view *view, struct addr *peer);

/* A datagram came this way: replies go back there, from any worker. */
void flow_set_reply(struct flow *flow, const struct reply_path *reply);

/* Learn where replies go now, if a datagram came to another worker since. */
void flow_update_reply(struct flow *flow);

/*
 * Read no more from the flow, but errors, until flow_resume(): its replies would be lost. A failure
 * to say so to the kernel leaves the flow as it is.
 */
void flow_wait(struct flow *flow, struct reply_socket *socket);
void flow_resume(struct flow *flow);

/* Have all flows that wait for one socket wait for another, which looks whether it is writable. */
void flow_move_waiting(struct reply_socket *from, struct reply_socket *to);

/* Count datagrams that were sent or, with an errno, dropped. bytes are of payload. */
void flow_count_sent(struct flow *flow, enum stats_direction direction, uint32_t datagrams,
		     uint64_t bytes, int error);

/* Count datagrams that the target refused: nothing listens there. */
void flow_count_refused(struct flow *flow, uint32_t datagrams);

/* The reason to count a datagram by that met this errno. */
enum close_reason flow_drop_reason(int error);

/* A pointer of the table's. NULL is fine. */
static inline struct flow *flow_of(struct flow_links *links)
{
	return (struct flow *)(void *)links;
}

#endif
