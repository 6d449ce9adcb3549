/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a daemon and its successor say to each other in an upgrade, over a pair of UNIX sockets that
 * keep messages apart (SOCK_SEQPACKET).
 *
 *   successor                              daemon
 *   ADDRESSES: listening sockets it uses ->
 *   HELLO: it could work now             ->
 *                                        <- FLOWS: some, of one worker, with their sockets
 *   TAKEN                                ->
 *                                        <- DENIED: the live deny list
 *                                        <- END: there are no more flows
 *   READY: it could work on all of it    ->
 *                                        <- GO: the daemon does not any more
 *   REFUSED: it ends, for this reason    -> (at any time before READY)
 *
 * One message of FLOWS at a time is on its way: descriptors in flight count against the limit of
 * the sender's user.
 */
#ifndef MMPROXY_HANDOVER_H
#define MMPROXY_HANDOVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "service/deny_list.h"
#include "service/flow_batch.h"

/* The environment variable with the number of the successor's socket. */
#define HANDOVER_ENV "MMPROXY_HANDOVER"

/*
 * Of all that is said, records of flows included. A successor that speaks another one is refused,
 * and the daemon goes on.
 */
#define HANDOVER_VERSION 1

enum handover_kind {
	HANDOVER_ADDRESSES = 1, /* struct handover_address, number of them */
	HANDOVER_HELLO,		/* number: version */
	HANDOVER_FLOWS,		/* records and descriptors; number: worker */
	HANDOVER_TAKEN,
	HANDOVER_END,
	HANDOVER_READY,
	HANDOVER_GO,	  /* number: 1 to read the configuration again, which may have changed */
	HANDOVER_REFUSED, /* text */
	HANDOVER_DENIED,  /* a file of what service/deny_text writes */
};

/* An address that is listened on. */
struct handover_address {
	struct addr addr;
	uint32_t protocol; /* enum conf_protocol */
};

/* Addresses of one message. */
#define HANDOVER_ADDRESSES_MAX (FLOW_BATCH_BYTES / sizeof(struct handover_address))

struct handover_head {
	uint32_t kind;
	uint32_t number;
};

/* One that was received. Descriptors are close-on-exec and the receiver's. */
struct handover_message {
	struct handover_head head;
	size_t len;
	_Alignas(8) uint8_t bytes[FLOW_BATCH_BYTES];
	size_t count;
	int fds[FLOW_BATCH_MAX];
};

/* What sendmsg(2) sends of; it writes to nothing that it is given. */
struct iovec handover_part(const void *bytes, size_t len);

/*
 * Send one, with this content and these descriptors, which stay the sender's. Returns 0, or -1 with
 * errno; never waits on a socket that does not block.
 */
int handover_send(int fd, const struct handover_head *head, const void *bytes, size_t len,
		  const int *fds, size_t count) __attribute__((warn_unused_result));

/* The same with nothing but the kind and the number. */
int handover_say(int fd, enum handover_kind kind, uint32_t number)
    __attribute__((warn_unused_result));

/*
 * Receive the next one. Returns 1, 0 when the other side has gone, or -1 with errno; EPROTO for
 * what is no such message.
 */
int handover_receive(int fd, struct handover_message *message) __attribute__((warn_unused_result));

/* DENIED. Returns as handover_send(). */
int handover_send_denied(int fd, struct deny_list *denied) __attribute__((warn_unused_result));

/* Add what such a message has; its descriptor is closed. Returns 0, or -1 when some was left out.
 */
int handover_take_denied(const struct handover_message *message, struct deny_list *denied)
    __attribute__((warn_unused_result));

#endif
