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
 * One a process. Any thread, unless stated. Linux 5.10.
 */
#ifndef MMPROXY_FASTPATH_H
#define MMPROXY_FASTPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/stats.h"
#include "fastpath/fastpath_event.h"
#include "fastpath/fastpath_flow.h"

/* How long the programs go on when nobody renews the lease, and how often it is to be renewed. */
#define FASTPATH_LEASE_MS 2000
#define FASTPATH_RENEW_MS 250

struct fastpath;

/* Whether this program was built with it, for -V and the configuration's check. */
bool fastpath_is_built(void);

/*
 * Whether fastpath_open() would find all that it needs, for --check-routing: load the programs, and
 * forget them again without having attached any. Otherwise a sentence is in why.
 */
bool fastpath_can_load(char why[static FASTPATH_WHY_MAX]);

/*
 * Load the programs and attach the one at lo; needs CAP_BPF and CAP_NET_ADMIN. Returns NULL with a
 * sentence in why. Main thread, before capabilities are given up and before the filter of system
 * calls. The tables take 35 MiB of the kernel's memory, whatever flows there are.
 *
 * Later, attaching to a device needs no capability where the kernel has tcx (Linux 6.6), and
 * CAP_NET_ADMIN before that.
 */
struct fastpath *fastpath_open(char why[static FASTPATH_WHY_MAX])
    __attribute__((warn_unused_result));

/* Detach and forget everything. No thread may be in here. NULL is fine. */
void fastpath_close(struct fastpath *fastpath);

/*
 * The daemon lives: extend the lease, and go on with the tests of fastpath_try(). Main thread,
 * every FASTPATH_RENEW_MS.
 */
void fastpath_renew(struct fastpath *fastpath);

/*
 * Whether flows whose datagrams come by this device, with a target of this family and kind, can be
 * carried: attaches the program of the device if that was not done, and the first time, and again
 * after a while when it failed, sends datagrams of its own through the programs to sockets of its
 * own. Returns FASTPATH_WORKS; FASTPATH_TESTING while that is not known yet (ask again with the
 * next datagram: fastpath_renew() makes the test, in one to four calls); or FASTPATH_FAILS with the
 * sentence in why.
 */
enum fastpath_verdict fastpath_try(struct fastpath *fastpath, uint32_t interface,
				   const struct addr *listening, const struct addr *target,
				   char why[static FASTPATH_WHY_MAX]);

/*
 * From now on the programs carry the flow, which fastpath_try() found to work. Returns 0 with
 * *place filled in, or -1 with errno: ENOSPC when there are FASTPATH_FLOWS_MAX, EEXIST when another
 * flow has the same datagrams or replies, EINVAL when the flow is not of the kind that is carried,
 * ENODEV when its device has gone, EHOSTUNREACH when routes do not say that the target's replies
 * come back over lo (asked unless it is on loopback), or that what goes to the balancer leaves by
 * the device that datagrams come by. It costs some system calls that do not wait.
 *
 * The programs know of two things that make a flow user space's again, in that its replies go to
 * the flow's own socket: a datagram of it from another balancer or by another device, which goes to
 * user space as well, and with SPP one with another header. So replies that come to the socket of
 * an installed flow say that it is to be removed and, if that is wished, installed again.
 */
int fastpath_install(struct fastpath *fastpath, const struct fastpath_flow *flow,
		     struct fastpath_place *place) __attribute__((warn_unused_result));

/* What was carried so far. */
void fastpath_read(struct fastpath *fastpath, const struct fastpath_place *place,
		   struct fastpath_counts *counts);

/*
 * No more of it, and the final counts. A program that has found the flow at this very moment, which
 * is one datagram a processor at most, still carries its datagram as the flow was; that one may be
 * missing in the counts. Whatever comes to a program later is user space's.
 */
void fastpath_remove(struct fastpath *fastpath, struct fastpath_place *place,
		     struct fastpath_counts *counts);

/* What the programs did with datagrams, and why they left some to user space, since the start. */
void fastpath_read_events(struct fastpath *fastpath, uint64_t counts[static FASTPATH_EVENTS]);

#endif
