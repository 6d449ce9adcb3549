/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's UDP sockets and counters of this namespace, from /proc/net (proc(5)). */
#ifndef MMPROXY_TEST_UDP_TABLE_H
#define MMPROXY_TEST_UDP_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* Sockets with this local port that are not connected. */
unsigned udp_table_unconnected(uint16_t local_port);

/* Sockets connected to this port: the flows towards a backend. */
unsigned udp_table_connected_to(uint16_t remote_port);

/* Bytes, with the kernel's own, that wait in the sockets of this local port to be read. */
unsigned long udp_table_queued(uint16_t local_port);

/* Whether a socket is connected between these addresses. */
bool udp_table_has(const char *local, const char *remote);

/*
 * Datagrams that the kernel dropped for want of room: RcvbufErrors, SndbufErrors and MemErrors of
 * both families, and udp_table_dropped_on_loopback().
 */
unsigned long udp_table_dropped(void);

/*
 * Packets that found no room on their way over loopback: of this namespace, and of all together.
 * Each processor has one queue of net.core.netdev_max_backlog packets for all namespaces, which the
 * flood of another program fills.
 */
unsigned long udp_table_dropped_on_loopback(void);

/* What the kernel dropped at sockets that exist now: the column "drops". */
unsigned long udp_table_socket_drops(void);

#endif
