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

/*
 * Send the replies that the context holds, by the socket that they belong to. When its buffer is
 * full, what is left of them is dropped, and flows whose replies leave by it wait: what is not read
 * stays in their own buffers, where it is not lost.
 */
void flow_down_flush(struct flow_group *group);

/* A full socket has room again: flows that wait for it go on. arg is the struct reply_socket. */
void flow_down_on_writable(evutil_socket_t fd, short what, void *arg);

#endif
