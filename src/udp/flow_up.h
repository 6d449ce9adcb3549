/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams on their way to the backend: gathered for their flows, and sent when a batch is over.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_FLOW_UP_H
#define MMPROXY_FLOW_UP_H

#include <stddef.h>
#include <stdint.h>

#include "udp/flow.h"

/*
 * Add a datagram to those that flow_up_send() sends. The bytes stay where they are until then. When
 * the context is full, what it holds is sent first.
 */
void flow_up_gather(struct flow *flow, const uint8_t *payload, size_t len);

/* Send what was gathered for all flows of the group's context. */
void flow_up_send(struct flow_group *group);

#endif
