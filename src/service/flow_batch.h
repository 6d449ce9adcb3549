/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP flows on their way from one process to its successor: their sockets, and records that say
 * what else is known of them (udp/flow_record).
 */
#ifndef MMPROXY_FLOW_BATCH_H
#define MMPROXY_FLOW_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Flows of one batch. Descriptors in flight count against the sender's limit and the kernel takes
 * 253 of them with a message (unix(7)); this many, one batch at a time, are far below both.
 */
#define FLOW_BATCH_MAX 32

/* Bytes of all their records, the longest ones. Small enough for one message of a UNIX socket. */
#define FLOW_BATCH_BYTES (FLOW_BATCH_MAX * 1408)

struct flow_batch {
	/* Listening addresses that the successor has: flows that answer from others stay. */
	const struct addr *addresses;
	size_t addresses_count;
	/* ---- what is in it */
	size_t count;
	int fds[FLOW_BATCH_MAX]; /* borrowed where they are given, owned where they are taken */
	size_t len;
	_Alignas(8) uint8_t bytes[FLOW_BATCH_BYTES];
};

#endif
