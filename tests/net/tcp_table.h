/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's TCP sockets of this namespace, from /proc/net/tcp and tcp6 (proc(5)). */
#ifndef MMPROXY_TEST_TCP_TABLE_H
#define MMPROXY_TEST_TCP_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* States as the kernel numbers them (include/net/tcp_states.h). */
enum tcp_table_state {
	TCP_TABLE_ANY = 0,
	TCP_TABLE_ESTABLISHED = 1,
	TCP_TABLE_TIME_WAIT = 6,
	TCP_TABLE_LISTEN = 10,
};

/* Column "tr": which timer runs. */
enum tcp_table_timer { TCP_TIMER_NONE = 0, TCP_TIMER_RETRANSMIT = 1, TCP_TIMER_KEEPALIVE = 2 };

struct tcp_table_row {
	struct addr local;
	struct addr remote;
	unsigned state;
	unsigned long tx_queue; /* bytes not acknowledged */
	unsigned long rx_queue; /* bytes not read */
	unsigned timer;
	unsigned long timer_ms; /* until it fires */
};

/* Sockets with this local port in a state. */
unsigned tcp_table_count(uint16_t local_port, enum tcp_table_state state);

/* Sockets with this local port that still are a connection: neither listening nor in TIME_WAIT. */
unsigned tcp_table_connections(uint16_t local_port);

/* The socket between these addresses; false when there is none. */
bool tcp_table_find(const struct addr *local, const struct addr *remote, struct tcp_table_row *row);

#endif
