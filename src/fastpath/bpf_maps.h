/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs share with the process that loads them, and how they count. */
#ifndef MMPROXY_BPF_MAPS_H
#define MMPROXY_BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "fastpath/fastpath_event.h"
#include "fastpath/fastpath_shared.h"

/* The longest reply that is moved in its packet to make room for a header: a jumbo frame's. */
#define PAYLOAD_MAX 16384

/* Balancers behind a way that is narrower than the device; the one not asked for longest goes. */
#define FASTPATH_NARROW_MAX 1024

struct payload {
	__u8 bytes[PAYLOAD_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FASTPATH_FLOWS);
	__type(key, struct fastpath_up_key);
	__type(value, __u32);
} mmproxy_up SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FASTPATH_FLOWS);
	__type(key, struct fastpath_down_key);
	__type(value, __u32);
} mmproxy_down SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FASTPATH_NUMBERS);
	__type(key, __u32);
	__type(value, struct fastpath_record);
} mmproxy_records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FASTPATH_EVENTS);
	__type(key, __u32);
	__type(value, __u64);
} mmproxy_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct payload);
} mmproxy_payload SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FASTPATH_NARROW_MAX);
	__type(key, struct fastpath_host);
	__type(value, __u32);
} mmproxy_narrow SEC(".maps");

struct fastpath_shared fastpath_shared;

/* Set before loading: whether the kernel has the clock that needs no hardware (Linux 5.11). */
const volatile __u8 fastpath_has_coarse_clock = 1;

static __always_inline __u64 now_ns(void)
{
	return fastpath_has_coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();
}

/* Count it, and say that the packet is user space's. */
static __always_inline int leave(enum fastpath_event event)
{
	__u32 key = event;
	__u64 *count = bpf_map_lookup_elem(&mmproxy_events, &key);

	if (count)
		(*count)++;
	return -1; /* TC_ACT_UNSPEC: whatever else is attached goes on with it */
}

static __always_inline struct fastpath_record *record_of(const __u32 *number)
{
	__u32 key = *(const volatile __u32 *)number;

	return bpf_map_lookup_elem(&mmproxy_records, &key);
}

static __always_inline void count(struct fastpath_record *record, int way, __u64 bytes, __u64 now)
{
	struct fastpath_way *counts = &record->ways[way];

	__sync_fetch_and_add(&counts->datagrams, 1);
	__sync_fetch_and_add(&counts->bytes, bytes);
	counts->last_ns = now;
	leave(way == FASTPATH_WAY_UP ? FASTPATH_CARRIED_UP : FASTPATH_CARRIED_DOWN);
}

/* The port's number in network order is good enough for a bit of its own. */
static __always_inline int has_port(const __u64 ports[1024], __u16 port)
{
	return ports[port >> 6] >> (port & 63) & 1;
}

#endif
