/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a captured packet carries: its payload behind the headers of link, IP, and TCP or UDP.
 *
 * Sources: RFC 791, 8200, 9293, 768; IEEE 802.1Q; LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2 of
 * libpcap. No allocation, no I/O. Any thread.
 */
#ifndef MMPROXY_PACKET_H
#define MMPROXY_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct packet {
	const char *link; /* "Ethernet", "Linux cooked"; NULL: the bytes begin with the IP header */
	bool is_udp;	  /* else TCP */
	struct addr src;
	struct addr dst;
	const uint8_t *payload; /* points into the bytes of the packet */
	size_t payload_len;
	size_t missing_len; /* payload that its IP header counts and the capture has not */
};

/* Take bytes apart as one packet; false when their lengths are not those of one. */
bool packet_find(const uint8_t *bytes, size_t len, struct packet *packet);

#endif
