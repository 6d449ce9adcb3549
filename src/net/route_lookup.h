/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a packet of this host's own would go: the question that "ip route get" asks (RTM_GETROUTE,
 * rtnetlink(7)), without its library.
 *
 * bind(2) cannot tell: with ip_nonlocal_bind it takes any address, and it knows of no rule. The
 * question is that of a packet sent here (no incoming interface), with the mark that mmproxy sends
 * with. So a "local default" route counts only where a rule leads such packets to it: the table of
 * a TPROXY rule, which is for packets that came in with another mark, does not, and neither does
 * the table for backends' answers.
 *
 * The kernel answers before send(2) returns, without waiting for anyone's lock (Linux 4.14; before
 * that it may wait while routes are being changed). Any thread may ask.
 */
#ifndef MMPROXY_ROUTE_LOOKUP_H
#define MMPROXY_ROUTE_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct route_question {
	struct addr destination; /* its port does not matter */
	/*
	 * AF_UNSPEC, or the address to send from. Only a loopback address, or one that the caller
	 * knows to be this host's, is told to the kernel: it takes no other source that is not its
	 * own (EINVAL), and rules for backends on loopback, "from 127.0.0.0/8", hold for clients
	 * with such an address too.
	 */
	struct addr source;
	bool source_is_own; /* an address of this host */
	uint32_t mark;	    /* 0: none */
};

enum route_answer {
	ROUTE_ELSEWHERE, /* to another host, or nowhere */
	ROUTE_HERE,	 /* to sockets of this host: unicast, anycast, broadcast or multicast */
	ROUTE_UNKNOWN	 /* the kernel could not be asked */
};

/* How many answers are remembered, and for how long. */
#define ROUTE_LOOKUP_MEMORY    64
#define ROUTE_LOOKUP_MEMORY_MS 1000

struct route_lookup;

/* Open a netlink socket; NULL with errno. */
struct route_lookup *route_lookup_new(void) __attribute__((warn_unused_result));

/* NULL is fine. */
void route_lookup_free(struct route_lookup *lookup);

/*
 * Ask, or remember what the answer was. A NULL lookup is one that could not be opened, and knows
 * nothing.
 */
enum route_answer route_lookup_ask(struct route_lookup *lookup,
				   const struct route_question *question);

#endif
