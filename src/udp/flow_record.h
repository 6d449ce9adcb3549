/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of a flow, written down for another process of this host.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_FLOW_RECORD_H
#define MMPROXY_FLOW_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "udp/flow.h"

/* Both processes must mean the same by a record: another layout is another version. */
#define FLOW_RECORD_VERSION 1

/* Numbers of listening addresses are each process's own, so the address itself is written. */
struct flow_record_origin {
	struct flow_key key; /* its kind means nothing */
	struct addr listening;
};

/* Without padding and the same for 32 and 64 bits. The TLVs' texts are behind it. */
struct flow_record {
	uint32_t len; /* of all of it, a multiple of 8: the next one follows */
	uint32_t tlvs_len;
	int64_t opened_ms; /* CLOCK_MONOTONIC is the host's */
	int64_t active_ms;
	uint64_t datagrams[2]; /* by enum stats_direction */
	uint64_t bytes[2];
	uint64_t dropped;
	uint64_t icmp_errors;
	struct flow_key key;
	struct addr client;
	struct addr source; /* that it was dialled from, as route_source() has it */
	struct addr target;
	struct addr peer; /* of the path of its replies, as the next five are */
	struct addr local;
	struct addr listening;
	uint32_t interface;
	uint32_t header_len;
	uint8_t header[40];
	int32_t header_version;
	uint16_t any_port;
	uint16_t is_check;
	uint32_t origins_count;
	uint32_t unused; /* 0: what follows begins at a multiple of 8 */
	struct flow_record_origin origins[FLOW_ORIGINS_MAX]; /* oldest first */
};

/* The longest, with TLVs. */
#define FLOW_RECORD_MAX ((sizeof(struct flow_record) + TLV_COPY_BYTES + 7) / 8 * 8)

/*
 * Write the flow's record, with where its replies go now. Returns its length; bytes are aligned for
 * 64 bits.
 */
size_t flow_record_write(const struct flow *flow, uint8_t bytes[static FLOW_RECORD_MAX]);

/*
 * Read one from no more than len bytes. Returns 0 with the flow's own fields filled in from it, and
 * those of the group and the socket left alone; -1 when it is none or memory is out.
 */
int flow_record_read(struct flow *flow, const struct flow_record *record, size_t len)
    __attribute__((warn_unused_result));

/* Whether these bytes begin with a whole record. */
bool flow_record_is_whole(const struct flow_record *record, size_t len);

#endif
