/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PROXY headers as a load balancer writes them, and wrongly where a test asks for it.
 *
 * Written from the specification alone, so that a mistake of mmproxy's parser is not repeated here.
 */
#ifndef MMPROXY_TEST_SENDER_H
#define MMPROXY_TEST_SENDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* Where the client had connected to, unless a test says otherwise. */
#define SENDER_DST_V4 "198.51.100.1:443"
#define SENDER_DST_V6 "[2001:db8:ffff::1]:443"

/* 16 fixed bytes and the longest that their length field can say. */
#define SENDER_MAX (16 + 65535)

struct sender_header {
	uint8_t bytes[SENDER_MAX];
	size_t len;
};

enum sender_command { SENDER_LOCAL = 0x20, SENDER_PROXY = 0x21 };

enum sender_protocol {
	SENDER_UNSPEC = 0x00,
	SENDER_TCP4 = 0x11,
	SENDER_UDP4 = 0x12,
	SENDER_TCP6 = 0x21,
	SENDER_UDP6 = 0x22,
	SENDER_UNIX = 0x31,
};

/* A v1 line; the family is the client's. dst NULL: one of SENDER_DST_*. */
void sender_v1(struct sender_header *header, const char *client, const char *dst);

/* Any text as it is, such as a broken line. */
void sender_text(struct sender_header *header, const char *text);

/* A v2 header of command PROXY over TCP; family and dst as for v1. */
void sender_v2(struct sender_header *header, const char *client, const char *dst);

/* The same over UDP. */
void sender_v2_udp(struct sender_header *header, const char *client, const char *dst);

/* A header of Cloudflare's Simple Proxy Protocol: 38 bytes before each datagram. dst as for v1. */
void sender_spp(struct sender_header *header, const char *client, const char *dst);

/* A v2 header of any kind, with this address block. */
void sender_v2_raw(struct sender_header *header, uint8_t command, uint8_t protocol,
		   const void *block, size_t block_len);

/* Append a TLV to a v2 header. */
void sender_tlv(struct sender_header *header, uint8_t type, const void *value, size_t len);

/* Append a CRC32c TLV; correct as long as nothing is appended behind it. */
void sender_crc(struct sender_header *header);

/* Append a NOOP TLV that brings the header to this length in bytes, at least 3 more. */
void sender_pad(struct sender_header *header, size_t len);

/* Connect to 127.0.0.1:7000 from 127.0.0.1 and send the header. Returns the descriptor. */
int sender_open(const struct sender_header *header);

/* The same with a v1 or v2 header that names this client. */
int sender_open_v1(const char *client);
int sender_open_v2(const char *client);

#endif
