/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way down: a reply of the target gets the addresses of the listener and the balancer, with SPP
 * the header before it, and is sent to the balancer.
 */
#ifndef MMPROXY_BPF_DOWN_H
#define MMPROXY_BPF_DOWN_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "fastpath/bpf_checksum.h"
#include "fastpath/bpf_maps.h"
#include "fastpath/bpf_narrow.h"
#include "fastpath/bpf_packet.h"

/* Not a reply of a flow; no action of traffic control has this number. */
#define NO_REPLY 100

/* The longest IPv4 packet; what an IPv6 header says does not count the header itself. */
static __always_inline __u32 ip_total_max(int v6)
{
	return v6 ? 65535 + ip_len(1) : 65535;
}

/*
 * Whether so much reaches the balancer in one piece; by a device that has gone nothing does.
 */
static __always_inline int fits(const struct fastpath_record *record, int v6, __u32 ip_total)
{
	const struct fastpath_device *device =
	    &fastpath_shared.devices[record->device & (FASTPATH_DEVICES - 1)];

	return device->interface == record->interface && ip_total <= device->mtu &&
	       (!record->mtu || ip_total <= record->mtu) &&
	       !is_too_narrow(record->balancer, v6, ip_total);
}

/* Change the checksum for other addresses and ports, and for a header before the payload. */
static __always_inline int change_check(struct __sk_buff *skb, int v6,
					const struct datagram *datagram, const struct rewrite *to,
					__u16 header_sum)
{
	const __u32 at = ETH_HLEN + ip_len(v6) + offsetof(struct udphdr, check);
	const __u64 zero_stays = BPF_F_MARK_MANGLED_0;
	__u64 pseudo, rest;

	pseudo = address_sum(to->source, v6) + address_sum(to->destination, v6) +
		 minus(address_sum(datagram->source, v6) + address_sum(datagram->destination, v6));
	rest = (__u64)to->source_port + to->destination_port +
	       minus((__u64)datagram->source_port + datagram->destination_port);
	if (to->udp_len != datagram->udp_len) {
		__u64 longer = bpf_htons(to->udp_len) + minus(bpf_htons(datagram->udp_len));

		pseudo += longer;
		rest += longer + header_sum;
	}
	/* A partial checksum has only the pseudo header's sum: these helpers know which it is. */
	return !bpf_l4_csum_replace(skb, at, 0, fold(pseudo), zero_stays | BPF_F_PSEUDO_HDR) &&
	       !bpf_l4_csum_replace(skb, at, 0, fold(rest), zero_stays);
}

/*
 * Put an SPP header before the payload of a reply that stays on this host. A partial checksum
 * starts too late then, which does not matter to who receives it: it is believed unseen. Returns 0
 * when nothing was changed, else less than 0, or 1; as does move_payload().
 */
static __always_inline int insert_header(struct __sk_buff *skb, int v6,
					 const struct fastpath_record *record)
{
	const __u32 begin = ETH_HLEN + ip_len(v6) + UDP_LEN;

	if (bpf_skb_adjust_room(skb, FASTPATH_SPP_LEN, BPF_ADJ_ROOM_NET,
				BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		return 0;
	return bpf_skb_store_bytes(skb, begin, record->header, FASTPATH_SPP_LEN, 0) ? -1 : 1;
}

/*
 * The same where the packet leaves this host, and its checksum must be right: the UDP header stays
 * where the partial checksum starts, and the payload moves.
 */
static __always_inline int move_payload(struct __sk_buff *skb, int v6, __u32 len,
					const struct fastpath_record *record)
{
	const __u32 begin = ETH_HLEN + ip_len(v6) + UDP_LEN;
	const __u64 flags = BPF_F_RECOMPUTE_CSUM;
	struct payload *payload;
	__u32 key = 0;
	__u32 bounded;

	payload = bpf_map_lookup_elem(&mmproxy_payload, &key);
	if (!payload || len > PAYLOAD_MAX)
		return 0;
	/* From 1 on and within the buffer, in a way that the verifier can follow. */
	bounded = (len - 1) & (PAYLOAD_MAX - 1);
	asm volatile("" : "+r"(bounded));
	bounded = (bounded & (PAYLOAD_MAX - 1)) + 1;
	if (len && bpf_skb_load_bytes(skb, begin, payload->bytes, bounded))
		return 0;
	if (bpf_skb_change_tail(skb, skb->len + FASTPATH_SPP_LEN, 0))
		return 0;
	if (bpf_skb_store_bytes(skb, begin, record->header, FASTPATH_SPP_LEN, flags))
		return -1;
	if (len &&
	    bpf_skb_store_bytes(skb, begin + FASTPATH_SPP_LEN, payload->bytes, bounded, flags))
		return -1;
	return 1;
}

static __always_inline __u16 local_spp_check(struct __sk_buff *skb, int v6,
					     const struct datagram *datagram,
					     const struct rewrite *to,
					     const struct fastpath_record *record)
{
	if (!datagram->check)
		return 0;
	if (is_partial(skb, datagram, v6))
		return v6 ? 0xffff : 0;
	return changed_udp_check(datagram, v6, to, record->header_sum);
}

static __always_inline int deliver_down(struct __sk_buff *skb, int v6, int spp, int outer,
					const struct datagram *datagram,
					struct fastpath_record *record, __u64 now)
{
	__u32 payload_len = datagram->udp_len - UDP_LEN;
	__u32 interface = record->interface;
	__u32 listening[4] = {};
	__u32 balancer[4] = {};
	struct rewrite to = {.source = listening,
			     .destination = balancer,
			     .source_port = record->listening_port,
			     .destination_port = record->balancer_port,
			     .udp_len = datagram->udp_len + (spp ? FASTPATH_SPP_LEN : 0)};
	struct udphdr *udp;
	int inserted = 1;

	copy_address(listening, record->listening, v6);
	copy_address(balancer, record->balancer, v6);
	if (!v6)
		to.ip_check = changed_ip_check(datagram, &to);
	if (spp && !outer) {
		to.check = local_spp_check(skb, v6, datagram, &to, record);
		inserted = insert_header(skb, v6, record);
	} else if (spp) {
		inserted = move_payload(skb, v6, payload_len, record);
	}
	if (!inserted)
		return leave(FASTPATH_UNABLE);
	if (inserted < 0)
		goto broken;
	if (!spp || outer) {
		if (!change_check(skb, v6, datagram, &to, record->header_sum))
			goto broken;
		udp = (void *)(long)skb->data + ETH_HLEN + ip_len(v6);
		if ((void *)(udp + 1) > (void *)(long)skb->data_end)
			goto broken;
		to.check = udp->check;
	}
	if (!write_headers(skb, v6, &to))
		goto broken;
	count(record, FASTPATH_WAY_DOWN, payload_len, now);
	if (!outer)
		return TC_ACT_UNSPEC;
	/* It was for finding the way from the target to the client. */
	skb->mark = 0;
	return bpf_redirect_neigh(interface, 0, 0, 0);
broken:
	leave(FASTPATH_BROKEN);
	return TC_ACT_SHOT;
}

/* Returns what is to become of the packet, or NO_REPLY. */
static __always_inline int carry_down(struct __sk_buff *skb, int v6, struct datagram *datagram)
{
	struct fastpath_down_key key = {.v6 = v6};
	struct fastpath_record *record;
	__u64 now = now_ns();
	__u32 ip_total, *number;
	int outer;

	if (!read_datagram(skb, v6, datagram))
		return leave(FASTPATH_UNUSUAL);
	copy_address(key.target, datagram->source, v6);
	copy_address(key.client, datagram->destination, v6);
	key.target_port = datagram->source_port;
	key.client_port = datagram->destination_port;
	number = bpf_map_lookup_elem(&mmproxy_down, &key);
	record = number ? record_of(number) : 0;
	if (!record)
		return NO_REPLY;
	/* All of what the number stands for: it may just have been given to another flow. */
	if (!same_address(record->target, key.target, v6) ||
	    !same_address(record->client, key.client, v6) ||
	    record->target_port != key.target_port || record->client_port != key.client_port)
		return NO_REPLY;
	if (fastpath_shared.lease_ns < now)
		return leave(FASTPATH_EXPIRED);
	if (record->moved)
		return leave(FASTPATH_AWAY);
	if (skb->gso_size)
		return leave(FASTPATH_SEGMENTS);
	/* Bytes behind the datagram would end up inside of a longer one. */
	if (datagram->ip_total + ETH_HLEN != skb->len)
		return leave(FASTPATH_UNUSUAL);
	outer = record->interface != FASTPATH_LO && !record->trial;
	ip_total = datagram->ip_total + (record->spp ? FASTPATH_SPP_LEN : 0);
	if (outer ? !fits(record, v6, ip_total) : ip_total > ip_total_max(v6))
		return leave(FASTPATH_TOO_LONG);
	if (outer)
		return record->spp ? deliver_down(skb, v6, 1, 1, datagram, record, now)
				   : deliver_down(skb, v6, 0, 1, datagram, record, now);
	return record->spp ? deliver_down(skb, v6, 1, 0, datagram, record, now)
			   : deliver_down(skb, v6, 0, 0, datagram, record, now);
}

#endif
