/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs at the traffic control hooks: what leaves by lo, which is replies of targets and
 * what balancers of this host send, and what comes in by the devices of other balancers. Whatever
 * is not a datagram of an installed flow goes on untouched.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "fastpath/bpf_down.h"
#include "fastpath/bpf_maps.h"
#include "fastpath/bpf_narrow.h"
#include "fastpath/bpf_packet.h"
#include "fastpath/bpf_up.h"

static __always_inline int from_lo(struct __sk_buff *skb, int v6)
{
	struct datagram datagram = {};
	int action;

	if (!read_ports(skb, v6, &datagram))
		return TC_ACT_UNSPEC;
	if (has_port(fastpath_shared.target_ports, datagram.source_port)) {
		action = carry_down(skb, v6, &datagram);
		if (action != NO_REPLY)
			return action;
	}
	if (has_port(fastpath_shared.listening_ports, datagram.destination_port))
		return carry_up(skb, v6, 0, &datagram);
	return TC_ACT_UNSPEC;
}

static __always_inline int from_device(struct __sk_buff *skb, int v6)
{
	struct datagram datagram = {};

	if (!read_ports(skb, v6, &datagram)) {
		note_narrow(skb, v6);
		return TC_ACT_UNSPEC;
	}
	if (!has_port(fastpath_shared.listening_ports, datagram.destination_port))
		return TC_ACT_UNSPEC;
	return carry_up(skb, v6, 1, &datagram);
}

SEC("tc") int mmproxy_lo(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return from_lo(skb, 0);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return from_lo(skb, 1);
	return TC_ACT_UNSPEC;
}

SEC("tc") int mmproxy_device(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return from_device(skb, 0);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return from_device(skb, 1);
	return TC_ACT_UNSPEC;
}

/* What the kernel must read to let programs call some of its functions. */
char mmproxy_license[] SEC("license") = "Dual BSD/GPL";
