/* SPDX-License-Identifier: BSD-2-Clause */
/* What a captured packet carries. */
#include "net/packet.h"

#include <string.h>

#include "base/be16.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86DD
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88A8

/* Where the type is in each link header, and where it ends. */
#define ETHERNET_TYPE_AT 12
#define ETHERNET_LEN	 14
#define VLAN_LEN	 4
#define SLL_TYPE_AT	 14
#define SLL_LEN		 16
#define SLL2_TYPE_AT	 0
#define SLL2_LEN	 20

#define IPV4_LEN_MIN 20
#define IPV6_LEN     40
#define TCP_LEN_MIN  20
#define UDP_LEN	     8

#define FRAGMENT_OFFSET 0x1FFF
#define IPV6_UNIT	8
#define IPV6_HOP_BY_HOP 0
#define IPV6_ROUTING	43
#define IPV6_DEST	60

/* More extension headers than senders use; each is a step of the loop. */
#define EXTENSIONS_MAX 8

/* What is left of the packet. */
struct rest {
	const uint8_t *at;
	size_t len;	/* bytes that are there */
	size_t missing; /* bytes behind them that a header counts */
};

static bool skip(struct rest *rest, size_t len)
{
	if (rest->len < len)
		return false;
	rest->at += len;
	rest->len -= len;
	return true;
}

/* Keep so many bytes: behind them is padding, or they are not all there. */
static void cut(struct rest *rest, size_t len)
{
	rest->missing = len > rest->len ? len - rest->len : 0;
	rest->len = len < rest->len ? len : rest->len;
}

static bool read_transport(struct rest *rest, unsigned protocol, struct packet *packet)
{
	size_t header_len = UDP_LEN;

	packet->is_udp = protocol == IPPROTO_UDP;
	if (protocol == IPPROTO_TCP) {
		if (rest->len < TCP_LEN_MIN)
			return false;
		header_len = (size_t)(rest->at[12] >> 4) * 4;
		if (header_len < TCP_LEN_MIN)
			return false;
	} else if (protocol != IPPROTO_UDP || rest->len < UDP_LEN ||
		   be16_read(&rest->at[4]) != rest->len + rest->missing) {
		return false;
	}
	addr_set_port(&packet->src, be16_read(&rest->at[0]));
	addr_set_port(&packet->dst, be16_read(&rest->at[2]));
	if (!skip(rest, header_len))
		return false;
	packet->payload = rest->at;
	packet->payload_len = rest->len;
	packet->missing_len = rest->missing;
	return true;
}

static bool read_ipv4(struct rest rest, struct packet *packet)
{
	const uint8_t *header = rest.at;
	size_t header_len;
	size_t total_len;

	if (rest.len < IPV4_LEN_MIN || header[0] >> 4 != 4)
		return false;
	header_len = (size_t)(header[0] & 0x0F) * 4;
	total_len = be16_read(&header[2]);
	if (header_len < IPV4_LEN_MIN || (be16_read(&header[6]) & FRAGMENT_OFFSET) != 0)
		return false;
	/* Longer than the field can say: segments that the network card is to cut. */
	if (total_len != 0) {
		if (total_len < header_len)
			return false;
		cut(&rest, total_len);
	}
	if (!skip(&rest, header_len))
		return false;
	addr_from_ipv4(&packet->src, &header[12], 0);
	addr_from_ipv4(&packet->dst, &header[16], 0);
	return read_transport(&rest, header[9], packet);
}

static bool read_ipv6(struct rest rest, struct packet *packet)
{
	const uint8_t *header = rest.at;
	unsigned next;

	if (rest.len < IPV6_LEN || header[0] >> 4 != 6)
		return false;
	next = header[6];
	(void)skip(&rest, IPV6_LEN);
	if (be16_read(&header[4]) != 0)
		cut(&rest, be16_read(&header[4]));
	for (size_t i = 0; i < EXTENSIONS_MAX; i++) {
		if (next != IPV6_HOP_BY_HOP && next != IPV6_ROUTING && next != IPV6_DEST)
			break;
		if (rest.len < IPV6_UNIT)
			return false;
		next = rest.at[0];
		if (!skip(&rest, ((size_t)rest.at[1] + 1) * IPV6_UNIT))
			return false;
	}
	addr_from_ipv6(&packet->src, &header[8], 0);
	addr_from_ipv6(&packet->dst, &header[24], 0);
	return read_transport(&rest, next, packet);
}

static bool read_ip(struct rest rest, struct packet *packet)
{
	return read_ipv4(rest, packet) || read_ipv6(rest, packet);
}

/* Read what is behind a link header whose type, for the protocol behind it, is at type_at. */
static bool read_link(const uint8_t *bytes, size_t len, size_t type_at, size_t header_len,
		      struct packet *packet)
{
	struct rest rest = {bytes, len, 0};
	size_t type;

	if (!skip(&rest, header_len))
		return false;
	type = be16_read(&bytes[type_at]);
	while ((type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ) && rest.len >= VLAN_LEN) {
		const uint8_t *tag = rest.at;

		type = be16_read(tag + 2);
		(void)skip(&rest, VLAN_LEN);
	}
	if (type == ETHERTYPE_IPV4)
		return read_ipv4(rest, packet);
	return type == ETHERTYPE_IPV6 && read_ipv6(rest, packet);
}

bool packet_find(const uint8_t *bytes, size_t len, struct packet *packet)
{
	const struct rest whole = {bytes, len, 0};

	memset(packet, 0, sizeof(*packet));
	if (read_ip(whole, packet))
		return true;
	packet->link = "Ethernet";
	if (read_link(bytes, len, ETHERNET_TYPE_AT, ETHERNET_LEN, packet))
		return true;
	packet->link = "Linux cooked";
	return read_link(bytes, len, SLL_TYPE_AT, SLL_LEN, packet) ||
	       read_link(bytes, len, SLL2_TYPE_AT, SLL2_LEN, packet);
}
