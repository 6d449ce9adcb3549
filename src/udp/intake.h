/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a datagram that arrived is, and which flow it belongs to: peer, header, client, limits.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_INTAKE_H
#define MMPROXY_INTAKE_H

#include <stdint.h>
#include <sys/socket.h>

#include "udp/arrival.h"

void intake_begin(struct intake *intake, struct udp_socket *socket, int64_t now_ms);

/*
 * Take a received message, which may be a run of datagrams, and gather them for their flows. The
 * bytes must stay until flow_up_send().
 */
void intake_message(struct intake *intake, struct msghdr *message, size_t len);

/* Take a datagram again that waited for room. */
void intake_deferred(const struct deferred *deferred, int64_t now_ms);

#endif
