/* SPDX-License-Identifier: BSD-2-Clause */
/* The spoofed, non-blocking connect. */
#ifndef MMPROXY_DIAL_H
#define MMPROXY_DIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/reason.h"

struct dial_request {
	struct addr source; /* whose address to use; AF_UNSPEC: this host's own */
	bool any_port;	    /* use the source's address, but a port that the kernel chooses */
	struct addr target;
	uint32_t mark;	 /* SO_MARK; 0: none */
	uint32_t buffer; /* sock_set_buffers(): of TCP; 0: the system's own */
	bool datagrams;	 /* UDP; connected when dial() returns */
	bool unseen;	 /* sock_hold_acknowledgement(): of TCP, to be reset as soon as connected */
};

/*
 * Start connecting. Returns a non-blocking descriptor that the caller owns and that becomes
 * writable when connected or failed (ask sock_take_error()), or -1 with errno and *reason when it
 * failed at once. Needs what sock_new_tcp() needs for a foreign source, and CAP_NET_BIND_SERVICE
 * for one with a port below 1024.
 *
 * REASON_SOURCE_CONFLICT has two causes. EADDRNOTAVAIL: source and target are still a pair in use.
 * A former connection of the same client may be closing: trying again helps, on loopback after
 * net.ipv4.tcp_tw_reuse_delay (1 s) at the latest. EADDRINUSE: the source's port is another
 * socket's, such as a listener's on a wildcard address, and stays so as long as that one lives.
 *
 * REASON_BACKEND_REFUSED with ECONNREFUSED is also the end of a connection to itself, which a
 * target that nobody listens on can have when the kernel chooses the source's port.
 */
int dial(const struct dial_request *request, enum close_reason *reason)
    __attribute__((warn_unused_result));

/* The close reason for an error of the socket that dial() returned. */
enum close_reason dial_reason(int error);

#endif
