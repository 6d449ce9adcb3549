/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the UDP listeners of one worker share: buffers to receive into and to gather in, so that no
 * datagram costs an allocation. In use during one callback of the event loop and never across two.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_UDP_CONTEXT_H
#define MMPROXY_UDP_CONTEXT_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "net/udp_sock.h"
#include "udp/outbox.h"

/* Messages received at once. Each may be a run of up to 64 datagrams that the kernel joined. */
#define UDP_CONTEXT_MESSAGES 64

/* The longest message: a run of datagrams is as long as one IP packet can be. */
#define UDP_CONTEXT_MESSAGE_MAX 65535

/* Datagrams gathered for their flows before they are sent. */
#define UDP_CONTEXT_SEGMENTS 1024

struct flow;
struct reply_socket;

/* A datagram on its way up, in a list of its flow's. */
struct udp_segment {
	const uint8_t *payload;
	uint32_t len;
	uint32_t next; /* UDP_SEGMENT_NONE: the last */
};

#define UDP_SEGMENT_NONE UINT32_MAX

struct udp_context {
	uint8_t *buffers;
	struct mmsghdr in[UDP_CONTEXT_MESSAGES];
	struct iovec in_pieces[UDP_CONTEXT_MESSAGES];
	struct addr in_names[UDP_CONTEXT_MESSAGES];
	_Alignas(struct cmsghdr) uint8_t in_controls[UDP_CONTEXT_MESSAGES][UDP_SOCK_CONTROL_MAX];
	struct udp_segment segments[UDP_CONTEXT_SEGMENTS];
	size_t segments_count;
	struct flow *gathered;	       /* flows that have segments, latest first */
	struct outbox up;	       /* empty between two flows */
	struct outbox down;	       /* what replying is going to send */
	struct reply_socket *replying; /* what they leave by; NULL: it is empty */
	struct epoll_event events[UDP_CONTEXT_MESSAGES];
};

/* NULL when memory is out. */
struct udp_context *udp_context_new(void) __attribute__((warn_unused_result));
void udp_context_free(struct udp_context *context);

/*
 * Receive what there is into the buffers from number first on, at most want messages, with names or
 * without. Returns how many there were, or -1 with errno.
 */
int udp_context_receive(struct udp_context *context, int fd, size_t first, size_t want, bool names);

#endif
