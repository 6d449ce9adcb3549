/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071), changed by the difference that a change of the packet makes
 * (RFC 1624), so that what was corrupt before stays corrupt.
 *
 * Sums are of 32 bit words or of 16 bit ones as they lie in memory, which comes to the same: one's
 * complement sums do not mind where a carry comes from, nor which byte order it is.
 */
#ifndef MMPROXY_BPF_CHECKSUM_H
#define MMPROXY_BPF_CHECKSUM_H

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "fastpath/bpf_packet.h"

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline __u64 address_sum(const __u32 *address, int v6)
{
	__u64 sum = 0;

	for (int i = 0; i < address_words(v6); i++)
		sum += address[i];
	return sum;
}

/* Take away: the complement of each 16 bit word, or of its sum. */
static __always_inline __u64 minus(__u64 sum)
{
	return (__u16)~fold(sum);
}

/* Of the addresses, the protocol and the length: what a checksum of UDP begins with. */
static __always_inline __u16 pseudo_header_sum(const struct datagram *datagram, int v6)
{
	return fold(address_sum(datagram->source, v6) + address_sum(datagram->destination, v6) +
		    bpf_htons(IPPROTO_UDP) + bpf_htons(datagram->udp_len));
}

/* The checksum of an IPv4 header with other addresses and another length. */
static __always_inline __u16 changed_ip_check(const struct datagram *datagram,
					      const struct rewrite *to)
{
	__u64 sum = (__u16)~datagram->ip_check;

	sum += minus((__u64)datagram->source[0] + datagram->destination[0]);
	sum += (__u64)to->source[0] + to->destination[0];
	sum += minus(bpf_htons(datagram->ip_total));
	sum += bpf_htons(to->udp_len + ip_len(0));
	return ~fold(sum);
}

/* That of UDP, with other addresses, ports and length, and payload whose sum differs by this. */
static __always_inline __u16 changed_udp_check(const struct datagram *datagram, int v6,
					       const struct rewrite *to, __u64 difference)
{
	__u64 sum = (__u16)~datagram->check;
	__u16 check;

	sum += minus(address_sum(datagram->source, v6) + address_sum(datagram->destination, v6));
	sum += address_sum(to->source, v6) + address_sum(to->destination, v6);
	sum += minus((__u64)datagram->source_port + datagram->destination_port);
	sum += (__u64)to->source_port + to->destination_port;
	/* The length is in the pseudo header and in UDP's. */
	sum += minus(2 * (__u64)bpf_htons(datagram->udp_len));
	sum += 2 * (__u64)bpf_htons(to->udp_len);
	sum += difference;
	check = ~fold(sum);
	return check ? check : 0xffff;
}

/*
 * Whether the checksum is only that of the pseudo header, and the rest of it left to the device
 * (CHECKSUM_PARTIAL): so are datagrams of this host's own, and of a virtual machine's. Nothing
 * tells a program, so this compares: once in 65,536 times a real checksum looks like it. That is
 * refused where the kernel keeps a sum or a verdict of its own with the packet; where it keeps
 * nothing, the datagram is carried as one whose checksum is not looked at.
 */
static __always_inline int is_partial(struct __sk_buff *skb, const struct datagram *datagram,
				      int v6)
{
	if (datagram->check != pseudo_header_sum(datagram, v6))
		return 0;
	return bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) < 0 && (__s64)bpf_csum_update(skb, 0) < 0;
}

#endif
