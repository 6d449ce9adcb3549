/* SPDX-License-Identifier: BSD-2-Clause */
/* PROXY headers as a load balancer writes them. */
#include "sender.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "peer.h"

#define FIXED_LEN 16

#define TLV_CRC32C 0x03
#define TLV_NOOP   0x04

static const uint8_t signature[12] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
				      0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};

static void append(struct sender_header *header, const void *bytes, size_t len)
{
	ck_assert_uint_le(header->len + len, SENDER_MAX);
	if (len > 0)
		memcpy(header->bytes + header->len, bytes, len);
	header->len += len;
}

static const char *dst_for(const struct addr *client, const char *dst)
{
	if (dst != NULL)
		return dst;
	return addr_family(client) == AF_INET ? SENDER_DST_V4 : SENDER_DST_V6;
}

void sender_text(struct sender_header *header, const char *text)
{
	header->len = 0;
	append(header, text, strlen(text));
}

void sender_v1(struct sender_header *header, const char *client, const char *dst)
{
	struct addr from = peer_addr(client);
	struct addr to = peer_addr(dst_for(&from, dst));
	char from_ip[ADDR_STRLEN];
	char to_ip[ADDR_STRLEN];
	char line[160];

	snprintf(line, sizeof(line), "PROXY TCP%c %s %s %u %u\r\n",
		 addr_family(&from) == AF_INET ? '4' : '6', addr_format_ip(&from, from_ip),
		 addr_format_ip(&to, to_ip), addr_port(&from), addr_port(&to));
	sender_text(header, line);
}

static void write_length(struct sender_header *header)
{
	size_t len = header->len - FIXED_LEN;

	header->bytes[14] = (uint8_t)(len >> 8);
	header->bytes[15] = (uint8_t)len;
}

void sender_v2_raw(struct sender_header *header, uint8_t command, uint8_t protocol,
		   const void *block, size_t block_len)
{
	const uint8_t fixed[4] = {command, protocol, 0, 0};

	header->len = 0;
	append(header, signature, sizeof(signature));
	append(header, fixed, sizeof(fixed));
	append(header, block, block_len);
	write_length(header);
}

static void write_v2(struct sender_header *header, const char *client, const char *dst, bool is_udp)
{
	struct addr from = peer_addr(client);
	struct addr to = peer_addr(dst_for(&from, dst));
	uint8_t block[36];

	if (addr_family(&from) == AF_INET) {
		memcpy(block, &from.in.sin_addr, 4);
		memcpy(block + 4, &to.in.sin_addr, 4);
		memcpy(block + 8, &from.in.sin_port, 2);
		memcpy(block + 10, &to.in.sin_port, 2);
		sender_v2_raw(header, SENDER_PROXY, is_udp ? SENDER_UDP4 : SENDER_TCP4, block, 12);
	} else {
		memcpy(block, &from.in6.sin6_addr, 16);
		memcpy(block + 16, &to.in6.sin6_addr, 16);
		memcpy(block + 32, &from.in6.sin6_port, 2);
		memcpy(block + 34, &to.in6.sin6_port, 2);
		sender_v2_raw(header, SENDER_PROXY, is_udp ? SENDER_UDP6 : SENDER_TCP6, block, 36);
	}
}

void sender_v2(struct sender_header *header, const char *client, const char *dst)
{
	write_v2(header, client, dst, false);
}

void sender_v2_udp(struct sender_header *header, const char *client, const char *dst)
{
	write_v2(header, client, dst, true);
}

/* 16 bytes of an address, IPv4 as ::ffff:a.b.c.d. */
static void append_spp_ip(struct sender_header *header, const struct addr *addr)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

	if (addr_family(addr) == AF_INET) {
		append(header, mapped, sizeof(mapped));
		append(header, &addr->in.sin_addr, 4);
	} else {
		append(header, &addr->in6.sin6_addr, 16);
	}
}

void sender_spp(struct sender_header *header, const char *client, const char *dst)
{
	static const uint8_t magic[2] = {0x56, 0xEC};
	struct addr from = peer_addr(client);
	struct addr to = peer_addr(dst_for(&from, dst));
	const uint16_t ports[2] = {htons(addr_port(&from)), htons(addr_port(&to))};

	header->len = 0;
	append(header, magic, sizeof(magic));
	append_spp_ip(header, &from);
	append_spp_ip(header, &to);
	append(header, ports, sizeof(ports));
}

void sender_tlv(struct sender_header *header, uint8_t type, const void *value, size_t len)
{
	const uint8_t prefix[3] = {type, (uint8_t)(len >> 8), (uint8_t)len};

	append(header, prefix, sizeof(prefix));
	append(header, value, len);
	write_length(header);
}

/* CRC-32C, bit by bit: reflected polynomial 0x82F63B78 (RFC 3720, appendix B.4). */
static uint32_t crc32c_of(const uint8_t *bytes, size_t len)
{
	uint32_t crc = 0xFFFFFFFF;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
	}
	return ~crc;
}

void sender_crc(struct sender_header *header)
{
	const uint8_t zeros[4] = {0};
	uint32_t crc;

	sender_tlv(header, TLV_CRC32C, zeros, sizeof(zeros));
	crc = crc32c_of(header->bytes, header->len);
	for (size_t i = 0; i < 4; i++)
		header->bytes[header->len - 4 + i] = (uint8_t)(crc >> (24 - 8 * i));
}

void sender_pad(struct sender_header *header, size_t len)
{
	static const uint8_t zeros[65535];

	sender_tlv(header, TLV_NOOP, zeros, len - header->len - 3);
}

int sender_open(const struct sender_header *header)
{
	int fd = peer_connect("127.0.0.1:0", LISTEN_V4);

	peer_send(fd, header->bytes, header->len);
	return fd;
}

int sender_open_v1(const char *client)
{
	static struct sender_header header;

	sender_v1(&header, client, NULL);
	return sender_open(&header);
}

int sender_open_v2(const char *client)
{
	static struct sender_header header;

	sender_v2(&header, client, NULL);
	return sender_open(&header);
}
