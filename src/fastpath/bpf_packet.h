/* SPDX-License-Identifier: BSD-2-Clause */
/* A frame with a UDP datagram: how the programs read and change one. */
#ifndef MMPROXY_BPF_PACKET_H
#define MMPROXY_BPF_PACKET_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "fastpath/bpf_maps.h"

#define UDP_LEN sizeof(struct udphdr)

/* "More fragments" and the offset of a fragment. */
#define FRAGMENT 0x3fff

/*
 * What was read of a datagram. The pointers into a packet end with the first helper that may change
 * it, so all that is needed later is copied. Addresses and ports in network order.
 */
struct datagram {
	__u32 source[4];
	__u32 destination[4];
	__u16 source_port;
	__u16 destination_port;
	__u16 check;
	__u16 ip_check; /* of IPv4 */
	__u32 ip_total; /* bytes from the IP header on */
	__u32 udp_len;	/* bytes from the UDP header on */
};

/* v6 is a constant wherever these are called, so that offsets are constants too. */
static __always_inline __u32 ip_len(int v6)
{
	return v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

static __always_inline int address_words(int v6)
{
	return v6 ? 4 : 1;
}

static __always_inline void copy_address(__u32 *to, const __u32 *from, int v6)
{
	for (int i = 0; i < address_words(v6); i++)
		to[i] = from[i];
}

static __always_inline int same_address(const __u32 *a, const __u32 *b, int v6)
{
	return a[0] == b[0] && (!v6 || (a[1] == b[1] && a[2] == b[2] && a[3] == b[3]));
}

/* Have so many bytes of the packet where they can be read. */
static __always_inline int is_readable(struct __sk_buff *skb, __u32 len)
{
	if ((void *)(long)skb->data + len <= (void *)(long)skb->data_end)
		return 1;
	if (bpf_skb_pull_data(skb, len))
		return 0;
	return (void *)(long)skb->data + len <= (void *)(long)skb->data_end;
}

/* The ports of what may be a UDP datagram: most packets end here. */
static __always_inline int read_ports(struct __sk_buff *skb, int v6, struct datagram *datagram)
{
	void *data = (void *)(long)skb->data;
	struct udphdr *udp = data + ETH_HLEN + ip_len(v6);

	if ((void *)(udp + 1) > (void *)(long)skb->data_end)
		return 0;
	if (v6) {
		struct ipv6hdr *ip = data + ETH_HLEN;

		if (ip->version != 6 || ip->nexthdr != IPPROTO_UDP)
			return 0;
	} else {
		struct iphdr *ip = data + ETH_HLEN;

		if (ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP ||
		    ip->frag_off & bpf_htons(FRAGMENT))
			return 0;
	}
	datagram->source_port = udp->source;
	datagram->destination_port = udp->dest;
	return 1;
}

/* The rest of it; 0 when it is not one whole datagram with the plainest of headers. */
static __always_inline int read_datagram(struct __sk_buff *skb, int v6, struct datagram *datagram)
{
	void *data = (void *)(long)skb->data;
	struct udphdr *udp = data + ETH_HLEN + ip_len(v6);

	if ((void *)(udp + 1) > (void *)(long)skb->data_end || skb->vlan_present)
		return 0;
	datagram->udp_len = bpf_ntohs(udp->len);
	datagram->check = udp->check;
	if (v6) {
		struct ipv6hdr *ip = data + ETH_HLEN;

		copy_address(datagram->source, ip->saddr.in6_u.u6_addr32, v6);
		copy_address(datagram->destination, ip->daddr.in6_u.u6_addr32, v6);
		datagram->ip_total = bpf_ntohs(ip->payload_len) + sizeof(*ip);
		/* A datagram over IPv6 must have a checksum (RFC 8200, section 8.1). */
		if (!udp->check)
			return 0;
	} else {
		struct iphdr *ip = data + ETH_HLEN;

		datagram->source[0] = ip->saddr;
		datagram->destination[0] = ip->daddr;
		datagram->ip_total = bpf_ntohs(ip->tot_len);
		datagram->ip_check = ip->check;
	}
	return datagram->udp_len >= UDP_LEN &&
	       datagram->udp_len + ip_len(v6) == datagram->ip_total &&
	       datagram->ip_total + ETH_HLEN <= skb->len;
}

/* What a datagram's headers become: the addresses, the ports, the length and the checksums. */
struct rewrite {
	const __u32 *source;
	const __u32 *destination;
	__u16 source_port;
	__u16 destination_port;
	__u32 udp_len;
	__u16 check;
	__u16 ip_check;
};

static __always_inline int write_headers(struct __sk_buff *skb, int v6, const struct rewrite *to)
{
	void *data = (void *)(long)skb->data;
	struct udphdr *udp = data + ETH_HLEN + ip_len(v6);

	if ((void *)(udp + 1) > (void *)(long)skb->data_end)
		return 0;
	udp->source = to->source_port;
	udp->dest = to->destination_port;
	udp->len = bpf_htons(to->udp_len);
	udp->check = to->check;
	if (v6) {
		struct ipv6hdr *ip = data + ETH_HLEN;

		copy_address(ip->saddr.in6_u.u6_addr32, to->source, v6);
		copy_address(ip->daddr.in6_u.u6_addr32, to->destination, v6);
		ip->payload_len = bpf_htons(to->udp_len);
	} else {
		struct iphdr *ip = data + ETH_HLEN;

		ip->saddr = to->source[0];
		ip->daddr = to->destination[0];
		ip->tot_len = bpf_htons(to->udp_len + ip_len(v6));
		ip->check = to->ip_check;
	}
	return 1;
}

#endif
