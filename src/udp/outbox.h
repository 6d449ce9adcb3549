/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams gathered to leave by one socket in few system calls: runs of equal length become one
 * message for the kernel to cut (UDP_SEGMENT), and messages go out together (sendmmsg).
 *
 * Nothing is copied: what was put in must stay where it is until outbox_flush(). The worker's
 * thread only.
 */
#ifndef MMPROXY_OUTBOX_H
#define MMPROXY_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/udp_sock.h"

/* Messages of one system call. */
#define OUTBOX_MESSAGES 64

/* Pieces of all of them, and parts at most: a header and a payload each for a few segments a
 * message. */
#define OUTBOX_PIECES 512

/* Segments of one message: UDP_MAX_SEGMENTS of Linux 4.18, which later raised it. */
#define OUTBOX_SEGMENTS 64

/*
 * How far runs may be joined on one socket, learnt from what the kernel refuses: a segment must fit
 * the path's MTU, and not every device and kernel cuts. Starts as OUTBOX_JOIN_ALL, only falls, and
 * is 0 where nothing may be joined.
 */
#define OUTBOX_JOIN_ALL UDP_SOCK_PAYLOAD_MAX

/* What is known of a message: a run of segments, in parts of one owner each. */
struct outbox_note {
	const struct udp_path *path;
	size_t len;	    /* bytes of all segments, headers included */
	size_t segment_len; /* of each but the last, which may be shorter */
	size_t first_part;
	uint32_t parts;
	uint32_t segments;
	bool closed; /* a shorter segment ended the run */
};

/* Consecutive segments of one owner in a message. */
struct outbox_part {
	void *owner; /* whose result it is */
	size_t len;  /* bytes, headers included */
	size_t header_len;
	uint32_t segments;
};

struct outbox {
	struct mmsghdr messages[OUTBOX_MESSAGES];
	struct outbox_note notes[OUTBOX_MESSAGES];
	struct outbox_part parts[OUTBOX_PIECES];
	struct iovec pieces[OUTBOX_PIECES];
	_Alignas(struct cmsghdr) uint8_t controls[OUTBOX_MESSAGES][UDP_SOCK_CONTROL_MAX];
	size_t messages_count;
	size_t parts_count;
	size_t pieces_count;
};

/*
 * What became of datagrams of one owner: error is 0, or the errno they were dropped for. bytes are
 * of payload.
 */
typedef void (*outbox_result)(void *owner, uint32_t datagrams, uint64_t bytes, int error);

void outbox_init(struct outbox *outbox);

/* Of datagrams that go to path's peer from its local address; NULL for a connected socket. */
struct outbox_item {
	void *owner;
	const struct udp_path *path; /* stays as it is until the flush */
	const uint8_t *header;	     /* before each segment; NULL: none */
	size_t header_len;
	const uint8_t *payload;
	size_t len;	    /* of the payload */
	size_t segment_len; /* of the payload of each datagram in it but the last; 0: it is one */
};

/*
 * Put datagrams in, as long as there is room. Returns how many bytes of the payload went in: all of
 * it, or less when the outbox must be flushed first and the rest be put again. An empty datagram
 * goes in or *full is set; *full is set whenever something was left out.
 */
size_t outbox_put(struct outbox *outbox, const struct outbox_item *item, size_t join_max,
		  bool *full);

/*
 * Send everything, and empty the outbox. Results may come in several calls an owner. Returns 0, or
 * -1 when the socket's buffer was full and what was left has been dropped (EAGAIN). *join_max falls
 * when the kernel refuses to cut.
 */
int outbox_flush(struct outbox *outbox, int fd, size_t *join_max, outbox_result result);

#endif
