/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resetting a connection at the number that its peer waits for, and learning that it worked.
 *
 * close(2) sends a RST with the number behind the last byte that was sent. A peer that has not got
 * all of them finds it inexact and asks back with a challenge ACK (RFC 5961, section 3.2), but by
 * then the socket is gone, and Linux answers nothing from an address that is not the host's own:
 * the peer would keep the connection for minutes. So the socket stays until the peer has
 * answered, and the RST is sent beside it.
 *
 * One thread a set of raw sockets.
 */
#ifndef MMPROXY_EXACT_RESET_H
#define MMPROXY_EXACT_RESET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* The sockets that RSTs leave by, one a family, open from the first use of it until closed. */
struct exact_reset_raw {
	int ipv4_fd;
	int ipv6_fd;
	uint32_t ipv4_mark;
	uint32_t ipv6_mark;
};

/* One connection that is being reset; all zeros at first. */
struct exact_reset {
	struct addr local;
	struct addr remote;
	bool frozen; /* its socket sends nothing by itself any more */
};

void exact_reset_raw_init(struct exact_reset_raw *raw);
void exact_reset_raw_close(struct exact_reset_raw *raw);

/*
 * Stop the connected socket from sending (TCP_REPAIR, Linux 3.5; needs CAP_NET_ADMIN), and send its
 * peer a RST with the number that it has acknowledged last, then a probe that only a peer without
 * the connection answers with a RST of its own, which the socket gets as its error. Without that
 * error, something was on its way when the number was read: do it again some milliseconds later.
 * Both packets go out by a raw socket (CAP_NET_RAW) with the mark given.
 *
 * Returns 0, or -1 with errno when the host does not let us. Then, and when the peer never answers,
 * exact_reset_give_up() is what is left.
 */
int exact_reset_send(struct exact_reset *reset, struct exact_reset_raw *raw, int fd, uint32_t mark)
    __attribute__((warn_unused_result));

/* Let the socket send again, so that closing it sends a RST like any other's. Does not close it. */
void exact_reset_give_up(int fd);

#endif
