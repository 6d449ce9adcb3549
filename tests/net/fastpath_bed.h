/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One flow that the kernel carries, with a balancer, a listener's socket, a client's socket and a
 * target, all in the test's hands: it plays mmproxy.
 */
#ifndef MMPROXY_TEST_FASTPATH_BED_H
#define MMPROXY_TEST_FASTPATH_BED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fastpath/fastpath.h"

/* The longest payload behind a header of version 2 with IPv4. */
#define BED_PAYLOAD_MAX 65507

/* Where the balancer is: here, or in another namespace. */
enum bed_link {
	BED_LO,
	BED_VETH,   /* leaves checksums to a device that does not exist */
	BED_SUMMED, /* a veth with checksums that are made and looked at, as between hosts */
	BED_VXLAN,  /* over the former; the kernel gives its datagrams sums of whole packets */
	BED_LINKS
};

struct bed_kind {
	bool v6;
	bool spp;
	enum bed_link link;
};

struct bed {
	struct bed_kind kind;
	struct fastpath *fastpath;
	struct fastpath_flow flow;
	struct fastpath_place place;
	bool renews;   /* the lease, with each datagram and while it waits for one */
	uint32_t seed; /* of the next payload */
	int far;       /* the balancer's namespace */
	int balancer_fd;
	int listening_fd;
	int client_fd;
	int target_fd;
};

/*
 * Make the addresses and sockets, and load the programs. Returns false, having said why on standard
 * output, where that is not allowed here.
 */
bool bed_open(struct bed *bed, const struct bed_kind *kind);

/* Wait for the self-test; what it says in the end. why is as fastpath_try() has it. */
enum fastpath_verdict bed_try(struct bed *bed, char why[static FASTPATH_WHY_MAX]);

/* bed_try(), which must find that it works, and fastpath_install(), which must too. */
void bed_install(struct bed *bed);

void bed_close(struct bed *bed);

/* Payload for this seed, so that no two are alike. */
void bed_fill(uint8_t *payload, size_t len, uint32_t seed);

/* Send a header and a payload of this seed from the balancer. */
void bed_send(struct bed *bed, uint32_t seed, size_t len);

/* Who got a datagram. */
enum bed_end { BED_NOBODY, BED_TARGET, BED_USER, BED_BALANCER };

/*
 * Who gets the datagram with this seed on its way up: the target, with the client's address, or
 * the listener, with its header. Anything else fails the test; BED_NOBODY: neither does in time.
 */
enum bed_end bed_find_up(struct bed *bed, uint32_t seed, size_t len, int timeout_ms);

/* Answer from the target to the client, and who gets that: the balancer, or the client's socket. */
enum bed_end bed_answer(struct bed *bed, uint32_t seed, size_t len, int timeout_ms);

/* The counter of an event. */
uint64_t bed_events(struct bed *bed, enum fastpath_event event);

/* Whether the programs may be loaded here; says so on standard output when not. */
bool bed_is_possible(void);

#endif
