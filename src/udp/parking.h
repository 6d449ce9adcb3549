/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams of new clients that wait, for a moment, until another worker has made room for their
 * flows. The worker's thread only.
 */
#ifndef MMPROXY_PARKING_H
#define MMPROXY_PARKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "net/udp_sock.h"

struct udp_socket;

struct parked {
	STAILQ_ENTRY(parked) entry;
	struct udp_socket *socket;
	struct udp_path path;
	unsigned attempts;
	size_t len;
	uint8_t bytes[];
};

struct parking {
	STAILQ_HEAD(, parked) datagrams;
	size_t len; /* bytes of all of them */
};

void parking_init(struct parking *parking);
void parking_fini(struct parking *parking);

/* Keep a copy, with how often it has been here by then. Returns 0, or -1 when there is too much
 * here already or memory is out. */
int parking_put(struct parking *parking, struct udp_socket *socket, const struct udp_path *path,
		const uint8_t *bytes, size_t len, unsigned attempts)
    __attribute__((warn_unused_result));

/* The one here longest, which is the caller's to free, or NULL. */
struct parked *parking_take(struct parking *parking);

#endif
