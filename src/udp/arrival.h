/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams that arrived, and what is known of them so far. udp/intake fills that in.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_ARRIVAL_H
#define MMPROXY_ARRIVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/reason.h"
#include "net/udp_sock.h"
#include "proxyproto/proxy_header.h"
#include "service/route.h"
#include "udp/flow_group.h"

/* One batch of one socket; the message in hand, and what is known of its peer. */
struct intake {
	struct flow_group *group;
	struct udp_socket *socket;
	int64_t now_ms;
	struct udp_path path;
	struct addr peer; /* path's, IPv4 as IPv4 */
	bool known;	  /* the two below are those of path's peer */
	bool allowed;
	bool headerless;
	unsigned attempts; /* at finding room for the datagram in hand */
};

/* A datagram, understood. */
struct arrival {
	const uint8_t *bytes;
	size_t len;
	struct proxy_header parsed;
	const struct proxy_header *header; /* NULL: it has none, and is payload throughout */
	struct route route;		   /* as much of it as is known */
	enum proxy_error error;
};

/* Count a datagram that nobody gets, and log it as often as its reason may be. */
void arrival_drop(const struct intake *intake, const struct arrival *arrival,
		  enum close_reason reason);

#endif
