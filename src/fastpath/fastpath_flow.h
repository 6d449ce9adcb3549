/* SPDX-License-Identifier: BSD-2-Clause */
/* A flow that the kernel is to carry, as values. */
#ifndef MMPROXY_FASTPATH_FLOW_H
#define MMPROXY_FASTPATH_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/stats.h"

/* The longest header of a flow that is carried: v2 with IPv6 addresses and no TLV. */
#define FASTPATH_HEADER_MAX 52

/* Flows of the process; another one stays in user space. */
#define FASTPATH_FLOWS_MAX 65536

/* A sentence for people, without its final stop, that says what is missing and what mends it. */
#define FASTPATH_WHY_MAX 256

/*
 * A flow as datagrams of it look. Addresses of one family throughout, IPv4 as IPv4; none of them is
 * unspecified.
 */
struct fastpath_flow {
	struct addr balancer;  /* whom datagrams come from, and replies go to */
	struct addr listening; /* where they were sent to: an address of this host, with its port */
	uint32_t
	    interface; /* index of the device that they come by; that of lo for this host's own */
	struct addr client; /* with which they go to the target */
	struct addr
	    destination;    /* that the header names; AF_UNSPEC: it names none (SPP does, always) */
	struct addr target; /* of this host */
	bool spp;	    /* replies begin with the header */
	size_t header_len;
	uint8_t
	    header[FASTPATH_HEADER_MAX]; /* all of it: a datagram with another one is not carried */
};

/* What the programs have carried since the flow was installed. Bytes are of payload. */
struct fastpath_counts {
	uint64_t datagrams[STATS_DIRECTIONS];
	uint64_t bytes[STATS_DIRECTIONS];
	int64_t last_ms[STATS_DIRECTIONS]; /* clock_now_ms() of the latest; 0: none yet */
};

/* Where an installed flow is; the caller keeps it and gives it back. */
struct fastpath_place {
	uint64_t number; /* 0: not installed */
};

/* What fastpath_try() says. */
enum fastpath_verdict { FASTPATH_WORKS, FASTPATH_TESTING, FASTPATH_FAILS };

#endif
