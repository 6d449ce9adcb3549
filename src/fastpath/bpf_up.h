/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way up: a datagram from the balancer loses its header, gets the addresses of the client and
 * the target, and is taken to the target.
 */
#ifndef MMPROXY_BPF_UP_H
#define MMPROXY_BPF_UP_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "fastpath/bpf_checksum.h"
#include "fastpath/bpf_maps.h"
#include "fastpath/bpf_packet.h"

/*
 * Longer packets cannot be made longer: bpf_skb_adjust_room() has a bound of 16 KiB less some
 * hundred bytes.
 */
#define GROW_MAX 16000

static __always_inline __u32 header_len(int v6, int spp)
{
	if (spp)
		return FASTPATH_SPP_LEN;
	return v6 ? FASTPATH_V2_LEN6 : FASTPATH_V2_LEN4;
}

/* Read whose datagram it is out of an SPP header: magic, client, proxy, and their ports. */
static __always_inline int read_spp(const __u8 *header, int v6, struct fastpath_up_key *key)
{
	const __u32 *words = (const void *)(header + 2);

	if (*(const __u16 *)header != bpf_htons(0x56ec))
		return 0;
	if (v6) {
		/* An IPv4 client would go to a target of IPv4, in another kind of packet. */
		if (!words[0] && !words[1] && words[2] == bpf_htonl(0xffff))
			return 0;
		copy_address(key->client, words, v6);
	} else {
		if (words[0] || words[1] || words[2] != bpf_htonl(0xffff))
			return 0;
		key->client[0] = words[3];
	}
	key->client_port = *(const __u16 *)(header + 34);
	return 1;
}

/* The same of a header of version 2: its signature, PROXY, the family, and no TLVs. */
static __always_inline int read_v2(const __u8 *header, int v6, struct fastpath_up_key *key)
{
	const __u32 *words = (const void *)header;
	__u32 form = bpf_ntohl(words[3]);
	__u32 stream = v6 ? 0x21210024 : 0x2111000c;
	__u32 dgram = v6 ? 0x21220024 : 0x2112000c;

	if (words[0] != bpf_htonl(0x0d0a0d0a) || words[1] != bpf_htonl(0x000d0a51) ||
	    words[2] != bpf_htonl(0x5549540a) || (form != stream && form != dgram))
		return 0;
	copy_address(key->client, words + 4, v6);
	copy_address(key->destination, words + 4 + address_words(v6), v6);
	key->client_port = *(const __u16 *)(header + 16 + 8 * address_words(v6));
	key->destination_port = *(const __u16 *)(header + 18 + 8 * address_words(v6));
	return 1;
}

static __always_inline int same_header(const __u8 *header, const struct fastpath_record *record,
				       int v6, int spp)
{
	const __u32 *words = (const void *)header;
	__u32 differs = 0;

	/*
	 * A number of turns that is known before this is inlined, or it stays a loop, whose
	 * pointer into the packet the verifier takes of nobody without CAP_PERFMON.
	 */
#pragma unroll
	for (__u32 i = 0; i < FASTPATH_HEADER_WORDS; i++)
		if (i < header_len(v6, spp) / 4)
			differs |= words[i] ^ record->header[i];
	/* 38 is 9 words and a half. */
	if (spp)
		differs |= *(const __u16 *)(header + 36) ^ *(const __u16 *)&record->header[9];
	return !differs;
}

/*
 * Give a partial checksum up, which would start in the middle of the packet's headers without the
 * PROXY header: take out so much that its start is taken out as well, and put back what was too
 * much. That is the place of the UDP header and, of IPv6 behind SPP, some payload.
 */
static __always_inline int take_out_check(struct __sk_buff *skb, int v6, int spp,
					  const struct datagram *datagram)
{
	const __u64 flags = BPF_F_ADJ_ROOM_NO_CSUM_RESET;
	const __u32 begin = ETH_HLEN + ip_len(v6) + UDP_LEN;
	const __s32 len = header_len(v6, spp);
	/* To behind the first byte of the UDP header, and even, or sums would change. */
	const __s32 start = ETH_HLEN + ip_len(v6) + 2;
	const __s32 extra = start > len ? start - len : 0;
	const __s32 more = extra - (__s32)UDP_LEN;
	__u8 payload[16];

	if (more > 0) {
		/* What is there too much is behind the datagram's end, and nobody's. */
		if (datagram->udp_len < UDP_LEN + len + more &&
		    bpf_skb_change_tail(skb, skb->len + more, 0))
			return 0;
		if (bpf_skb_load_bytes(skb, begin + len, payload, more))
			return 0;
	}
	if (bpf_skb_adjust_room(skb, -(len + extra), BPF_ADJ_ROOM_NET, flags))
		return 0;
	if (extra && bpf_skb_adjust_room(skb, extra, BPF_ADJ_ROOM_NET, flags))
		return -1;
	if (more > 0 && bpf_skb_store_bytes(skb, begin, payload, more, 0))
		return -1;
	/* IPv6 has no "no checksum"; but that it was verified can be said. */
	if (v6)
		bpf_csum_level(skb, BPF_CSUM_LEVEL_INC);
	return 1;
}

/*
 * Take the header out behind the IP header: what is left of it is then where the UDP header goes.
 * Returns 0 when nothing was changed that matters, else less than 0, or 1.
 */
static __always_inline int take_header_out(struct __sk_buff *skb, int v6, int spp, int partial,
					   const struct datagram *datagram)
{
	if (partial && skb->len <= GROW_MAX)
		return take_out_check(skb, v6, spp, datagram);
	/* "No checksum" is said of an IPv4 datagram anyway; where a partial one starts is no
	 * matter. */
	if (partial && v6)
		return 0;
	return bpf_skb_adjust_room(skb, -(__s32)header_len(v6, spp), BPF_ADJ_ROOM_NET,
				   BPF_F_ADJ_ROOM_NO_CSUM_RESET)
		   ? 0
		   : 1;
}

/*
 * Where the device has summed up the packet (CHECKSUM_COMPLETE) the kernel wants to know of every
 * change. That of an IPv4 header is none: with its own checksum it always has the same sum.
 */
static __always_inline void tell_sum(struct __sk_buff *skb, int v6, const struct datagram *datagram,
				     const struct rewrite *to, __u64 was)
{
	__u64 sum;

	sum = (__u64)to->source_port + to->destination_port + bpf_htons(to->udp_len) + to->check +
	      minus(was);
	if (v6) {
		sum += address_sum(to->source, v6) + address_sum(to->destination, v6) +
		       bpf_htons(to->udp_len);
		sum += minus(address_sum(datagram->source, v6) +
			     address_sum(datagram->destination, v6) + bpf_htons(datagram->udp_len));
	}
	bpf_csum_update(skb, fold(sum));
}

static __always_inline int deliver_up(struct __sk_buff *skb, int v6, int spp, int outer,
				      const struct datagram *datagram,
				      struct fastpath_record *record, __u64 now)
{
	__u32 len = header_len(v6, spp);
	int partial = is_partial(skb, datagram, v6);
	__u32 client[4] = {};
	__u32 target[4] = {};
	struct rewrite to = {.source = client,
			     .destination = target,
			     .source_port = record->client_port,
			     .destination_port = record->target_port,
			     .udp_len = datagram->udp_len - len};
	__u64 was;
	void *data;
	int taken;

	copy_address(client, record->client, v6);
	copy_address(target, record->target, v6);
	if (partial)
		to.check = v6 ? 0xffff : 0;
	else if (datagram->check)
		to.check = changed_udp_check(datagram, v6, &to, minus(record->header_sum));
	if (!v6)
		to.ip_check = changed_ip_check(datagram, &to);

	taken = take_header_out(skb, v6, spp, partial, datagram);
	if (!taken)
		return leave(FASTPATH_UNABLE);
	data = (void *)(long)skb->data;
	if (taken < 0 || data + ETH_HLEN + ip_len(v6) + UDP_LEN > (void *)(long)skb->data_end) {
		leave(FASTPATH_BROKEN);
		return TC_ACT_SHOT;
	}
	/* The end of the header, which the UDP header goes over. */
	was = address_sum(data + ETH_HLEN + ip_len(v6), 0) +
	      address_sum(data + ETH_HLEN + ip_len(v6) + 4, 0);
	if (!write_headers(skb, v6, &to)) {
		leave(FASTPATH_BROKEN);
		return TC_ACT_SHOT;
	}
	if (!partial)
		tell_sum(skb, v6, datagram, &to, was);
	count(record, FASTPATH_WAY_UP, to.udp_len - UDP_LEN, now);
	if (!outer)
		return TC_ACT_UNSPEC;
	/* The MAC address of lo: with another one the frame is for somebody else. */
	data = (void *)(long)skb->data;
	if (data + ETH_ALEN > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;
	__builtin_memset(data, 0, ETH_ALEN);
	return bpf_redirect(FASTPATH_LO, BPF_F_INGRESS);
}

/*
 * A datagram of the self-test goes to the input of the device that is to be tested, as if it had
 * come by it.
 */
static __always_inline int come_by_device(struct __sk_buff *skb,
					  const struct fastpath_record *record)
{
	if (bpf_skb_store_bytes(skb, 0, record->device_mac, ETH_ALEN, 0))
		return TC_ACT_SHOT;
	return bpf_redirect(record->interface, BPF_F_INGRESS);
}

static __always_inline int carry_up_form(struct __sk_buff *skb, int v6, int spp, int outer,
					 const struct datagram *datagram)
{
	struct fastpath_up_key key = {.v6 = v6, .spp = spp};
	__u32 begin = ETH_HLEN + ip_len(v6) + UDP_LEN;
	__u32 len = header_len(v6, spp);
	__u64 now = now_ns();
	struct fastpath_record *record;
	__u32 *number;
	__u8 *header;

	if (datagram->udp_len < UDP_LEN + len || !is_readable(skb, begin + len))
		return leave(FASTPATH_OTHER_FORM);
	header = (void *)(long)skb->data + begin;
	if ((void *)header + len > (void *)(long)skb->data_end)
		return leave(FASTPATH_OTHER_FORM);
	if (spp ? !read_spp(header, v6, &key) : !read_v2(header, v6, &key))
		return leave(FASTPATH_OTHER_FORM);
	if (fastpath_shared.lease_ns < now)
		return leave(FASTPATH_EXPIRED);
	copy_address(key.listening, datagram->destination, v6);
	key.listening_port = datagram->destination_port;
	number = bpf_map_lookup_elem(&mmproxy_up, &key);
	record = number ? record_of(number) : 0;
	if (!record)
		return leave(FASTPATH_NO_FLOW);
	/* All of what the number stands for: it may just have been given to another flow. */
	if (!same_address(record->listening, key.listening, v6) ||
	    record->listening_port != key.listening_port)
		return leave(FASTPATH_NO_FLOW);
	if (!same_address(record->balancer, datagram->source, v6) ||
	    record->balancer_port != datagram->source_port)
		goto moved;
	if (!same_header(header, record, v6, spp)) {
		/* Replies carry the header of the latest datagram. */
		if (spp)
			record->moved = 1;
		return leave(FASTPATH_OTHER_HEADER);
	}
	if (!outer && record->trial && record->interface != FASTPATH_LO)
		return come_by_device(skb, record);
	if (record->interface != skb->ifindex)
		goto moved;
	return deliver_up(skb, v6, spp, outer, datagram, record, now);
moved:
	/*
	 * Replies go to the latest place that a datagram came from. User space is to learn of it
	 * from this very datagram, and no reply may go to the former place from here on.
	 */
	record->moved = 1;
	return leave(FASTPATH_MOVED);
}

static __always_inline int carry_up(struct __sk_buff *skb, int v6, int outer,
				    struct datagram *datagram)
{
	__u8 *first;

	if (outer && skb->pkt_type != PACKET_HOST)
		return TC_ACT_UNSPEC;
	if (skb->gso_size)
		return leave(FASTPATH_SEGMENTS);
	if (!read_datagram(skb, v6, datagram))
		return leave(FASTPATH_UNUSUAL);
	if (datagram->udp_len == UDP_LEN || !is_readable(skb, ETH_HLEN + ip_len(v6) + UDP_LEN + 1))
		return leave(FASTPATH_OTHER_FORM);
	first = (void *)(long)skb->data + ETH_HLEN + ip_len(v6) + UDP_LEN;
	if ((void *)(first + 1) > (void *)(long)skb->data_end)
		return leave(FASTPATH_OTHER_FORM);
	if (*first == 0x56)
		return carry_up_form(skb, v6, 1, outer, datagram);
	return carry_up_form(skb, v6, 0, outer, datagram);
}

#endif
