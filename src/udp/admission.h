/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a datagram of a client without a flow begins one: route, limits, and room.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_ADMISSION_H
#define MMPROXY_ADMISSION_H

#include "udp/arrival.h"
#include "udp/flow.h"

/*
 * Open the flow of this key, which is not in the table. Returns NULL when the datagram was dropped,
 * or when it waits for another worker to make room.
 */
struct flow *admission_open(const struct intake *intake, struct arrival *arrival,
			    const struct flow_key *key) __attribute__((warn_unused_result));

#endif
