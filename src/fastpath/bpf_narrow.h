/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Balancers behind a link that takes only shorter packets than the device. A router on the way says
 * so once (RFC 1191, RFC 8201), and the kernel cuts what user space sends them from then on; so
 * longer replies are left to it.
 */
#ifndef MMPROXY_BPF_NARROW_H
#define MMPROXY_BPF_NARROW_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "fastpath/bpf_maps.h"
#include "fastpath/bpf_packet.h"

/* An ICMP message up to the packet that it is about (RFC 792, RFC 4443). */
struct icmp_error {
	__u8 type;
	__u8 code;
	__u16 check;
	__u16 unused;
	__u16 mtu4;
};

/* What a message about a reply begins with. */
struct icmp_packet4 {
	struct iphdr ip;
	struct icmp_error icmp;
	struct iphdr about;
	__u16 source_port;
};

struct icmp_packet6 {
	struct ipv6hdr ip;
	struct icmp_error icmp;
	struct ipv6hdr about;
	__u16 source_port;
};

static __always_inline void note_host(const __u32 *address, int v6, __u32 mtu)
{
	struct fastpath_host host = {.v6 = v6};

	copy_address(host.address, address, v6);
	bpf_map_update_elem(&mmproxy_narrow, &host, &mtu, BPF_ANY);
	fastpath_shared.any_narrow = 1;
}

/* Read a packet that came in. It is not changed, and goes on to the kernel. */
static __always_inline void note_narrow(struct __sk_buff *skb, int v6)
{
	const __u32 len = v6 ? sizeof(struct icmp_packet6) : sizeof(struct icmp_packet4);
	void *at = (void *)(long)skb->data + ETH_HLEN;

	if (v6) {
		const struct icmp_packet6 *packet = at;

		if (at + len > (void *)(long)skb->data_end ||
		    packet->ip.nexthdr != IPPROTO_ICMPV6 || packet->icmp.type != 2 ||
		    packet->about.nexthdr != IPPROTO_UDP ||
		    !has_port(fastpath_shared.listening_ports, packet->source_port))
			return;
		/* Its MTU is the whole word of which IPv4 has the second half. */
		note_host(packet->about.daddr.in6_u.u6_addr32, v6,
			  (__u32)bpf_ntohs(packet->icmp.unused) << 16 |
			      bpf_ntohs(packet->icmp.mtu4));
	} else {
		const struct icmp_packet4 *packet = at;

		if (at + len > (void *)(long)skb->data_end || packet->ip.ihl != 5 ||
		    packet->ip.protocol != IPPROTO_ICMP || packet->icmp.type != 3 ||
		    packet->icmp.code != 4 || packet->about.ihl != 5 ||
		    packet->about.protocol != IPPROTO_UDP ||
		    !has_port(fastpath_shared.listening_ports, packet->source_port))
			return;
		note_host(&packet->about.daddr, v6, bpf_ntohs(packet->icmp.mtu4));
	}
}

static __always_inline int is_too_narrow(const __u32 *balancer, int v6, __u32 ip_total)
{
	struct fastpath_host host = {.v6 = v6};
	const __u32 *mtu;

	if (!fastpath_shared.any_narrow)
		return 0;
	copy_address(host.address, balancer, v6);
	mtu = bpf_map_lookup_elem(&mmproxy_narrow, &host);
	return mtu && ip_total > *mtu;
}

#endif
