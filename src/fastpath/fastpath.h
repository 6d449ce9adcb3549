/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP flows that the kernel carries: programs at the traffic control hooks of lo and of the devices
 * that datagrams come by do what user space would do with the datagrams of flows that it has
 * admitted, and leave everything else untouched on its way to user space.
 *
 * User space admits a flow, has its socket, and then installs the flow here. It can take the flow
 * back at any moment: the next datagram then reaches its sockets as if there were no such thing as
 * this. The programs act only while the daemon says again and again that it lives (a lease of
 * FASTPATH_LEASE_MS); without that they do nothing.
 *
 * One a process. Any thread, unless stated. Linux 5.11.
 */
#ifndef MMPROXY_FASTPATH_H
#define MMPROXY_FASTPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/stats.h"

/* The longest header of a flow that is carried: v2 with IPv6 addresses and no TLV. */
#define FASTPATH_HEADER_MAX 52

/* How long the programs go on when nobody renews the lease, and how often it is to be renewed. */
#define FASTPATH_LEASE_MS 2000
#define FASTPATH_RENEW_MS 250

/* Flows of the process; another one stays in user space. */
#define FASTPATH_FLOWS_MAX 65536

struct fastpath;

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

/* Whether this program was built with it, for -V and the configuration's check. */
bool fastpath_is_built(void);

/*
 * Whether fastpath_open() would find all that it needs, for --check-routing: load the programs, and
 * forget them again without having attached any. Otherwise a sentence is in why.
 */
bool fastpath_can_load(char why[static FASTPATH_WHY_MAX]);

/*
 * Load the programs and attach the one at lo; needs CAP_BPF and CAP_NET_ADMIN (CAP_SYS_ADMIN before
 * Linux 5.8). Returns NULL with a sentence in why. Main thread, before capabilities are given up
 * and before the filter of system calls.
 */
struct fastpath *fastpath_open(char why[static FASTPATH_WHY_MAX])
    __attribute__((warn_unused_result));

/* Detach and forget everything. No thread may be in here. NULL is fine. */
void fastpath_close(struct fastpath *fastpath);

/* The daemon lives: extend the lease. Main thread, every FASTPATH_RENEW_MS. */
void fastpath_renew(struct fastpath *fastpath);

/*
 * Whether flows whose datagrams come by this device, with a target of this family and kind, can be
 * carried: attaches the program of the device if that was not done, and the first time, and again
 * after a while when it failed, sends datagrams of its own through the programs to sockets of its
 * own. Returns FASTPATH_WORKS; FASTPATH_TESTING while that is not known yet (ask again with the
 * next datagram, it takes some milliseconds and nobody waits for it); or FASTPATH_FAILS with the
 * sentence in why.
 */
enum fastpath_verdict { FASTPATH_WORKS, FASTPATH_TESTING, FASTPATH_FAILS };
enum fastpath_verdict fastpath_try(struct fastpath *fastpath, uint32_t interface,
				   const struct addr *listening, const struct addr *target,
				   char why[static FASTPATH_WHY_MAX]);

/*
 * From now on the programs carry the flow, which fastpath_try() found to work. Returns 0 with
 * *place filled in, or -1 with errno: ENOSPC when there are FASTPATH_FLOWS_MAX, EEXIST when another
 * flow has the same datagrams or replies, EINVAL when the flow is not of the kind that is carried.
 */
int fastpath_install(struct fastpath *fastpath, const struct fastpath_flow *flow,
		     struct fastpath_place *place) __attribute__((warn_unused_result));

/* What was carried so far. */
void fastpath_read(struct fastpath *fastpath, const struct fastpath_place *place,
		   struct fastpath_counts *counts);

/* No more of it; returns when no program can be in the middle of it, with the final counts. */
void fastpath_remove(struct fastpath *fastpath, struct fastpath_place *place,
		     struct fastpath_counts *counts);

#endif
