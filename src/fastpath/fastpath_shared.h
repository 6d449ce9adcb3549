/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs in the kernel and the process that loads them both know: keys and values of the
 * maps. Ports and addresses are in network order; an IPv4 address is the first of four words, and
 * the others are 0.
 */
#ifndef MMPROXY_FASTPATH_SHARED_H
#define MMPROXY_FASTPATH_SHARED_H

#include <linux/types.h>

#include "fastpath/fastpath_event.h"

#define FASTPATH_LO 1 /* the index of lo in every network namespace (LOOPBACK_IFINDEX) */

/* Flows, the numbers that they have (0 is none), and devices that datagrams come by. */
#define FASTPATH_FLOWS	 65536
#define FASTPATH_NUMBERS (FASTPATH_FLOWS + 1)
#define FASTPATH_DEVICES 32

/* Lengths of the headers: v2 of each family without TLVs, and SPP. All are even. */
#define FASTPATH_V2_LEN4      28
#define FASTPATH_V2_LEN6      52
#define FASTPATH_SPP_LEN      38
#define FASTPATH_HEADER_WORDS 13 /* of the longest */

/* A datagram on its way up, as far as its own bytes tell to whom it belongs. */
struct fastpath_up_key {
	__u32 listening[4];
	__u32 client[4];
	__u32 destination[4]; /* 0 with SPP, as is its port */
	__u16 listening_port;
	__u16 client_port;
	__u16 destination_port;
	__u8 v6;
	__u8 spp;
};

/* A reply. */
struct fastpath_down_key {
	__u32 target[4];
	__u32 client[4];
	__u16 target_port;
	__u16 client_port;
	__u32 v6;
};

/* A host that datagrams of some length do not reach: a router on the way said so. */
struct fastpath_host {
	__u32 address[4];
	__u32 v6;
};

/* What was carried in one direction. Its own cache line: each is written by another processor. */
struct fastpath_way {
	__u64 datagrams;
	__u64 bytes;
	__u64 last_ns; /* CLOCK_MONOTONIC; 0: none yet */
	__u64 unused[5];
};

enum { FASTPATH_WAY_UP, FASTPATH_WAY_DOWN, FASTPATH_WAYS };

/*
 * A flow. The values of both hash tables are only its number: the kernel uses the memory of a
 * removed element again at once, while a program may still be reading it. A record stays as it is
 * until no program can know its number any more; who reads a number compares the record with what
 * he was looking for.
 */
struct fastpath_record {
	__u32 header[FASTPATH_HEADER_WORDS];
	__u32 balancer[4];
	__u32 listening[4];
	__u32 client[4];
	__u32 target[4];
	__u16 balancer_port;
	__u16 listening_port;
	__u16 client_port;
	__u16 target_port;
	__u16 header_sum; /* one's complement sum of the header's words */
	__u8 device_mac[6];
	__u32 interface;
	__u32 mtu;    /* of the route to the balancer; 0: as long as the device takes it */
	__u32 device; /* its place among the devices */
	__u8 v6;
	__u8 spp;
	__u8 trial; /* a flow of the self-test: never leaves this host */
	__u8 moved; /* written by the programs: replies go by user space from now on */
	__u8 unused[44];
	struct fastpath_way ways[FASTPATH_WAYS];
};

/* A device whose input is looked at, or that replies leave by. */
struct fastpath_device {
	__u32 interface; /* 0: none */
	__u32 mtu;
};

/*
 * What the process writes and the programs read at once, without system calls: the .bss of the
 * programs, mapped.
 */
struct fastpath_shared {
	__u64 lease_ns; /* CLOCK_MONOTONIC; the programs do nothing after it */
	struct fastpath_device devices[FASTPATH_DEVICES];
	__u64 any_narrow; /* written by the programs: there are hosts of the kind above */
	/* Ports of flows, by their number in network order: a bit each. */
	__u64 listening_ports[1024];
	__u64 target_ports[1024];
};

#endif
