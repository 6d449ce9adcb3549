/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams on their way back: read from flows' sockets, and sent to the load balancer by the
 * socket that it had sent to.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_FLOW_DOWN_H
#define MMPROXY_FLOW_DOWN_H

#include <stddef.h>
#include <stdint.h>

#include "udp/flow.h"

/*
 * Read what the backend sent, a bounded part of it, into the context's buffers from number *used
 * on, and put it into the outbox; flushes when either is full. events are those of epoll(7).
 */
void flow_down_read(struct flow *flow, uint32_t events, size_t *used, int64_t now_ms);

/* Send the replies that the context holds, by the socket that they belong to. */
void flow_down_flush(struct flow_group *group);

#endif
