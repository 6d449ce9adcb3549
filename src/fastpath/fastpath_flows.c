/* SPDX-License-Identifier: BSD-2-Clause */
/* The flows in the tables that the programs look into. */
#include "fastpath/fastpath_flows.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/clock.h"

#define NS_A_MS 1000000

static bool is_v6(const struct fastpath_flow *flow)
{
	return addr_family(&flow->balancer) == AF_INET6;
}

static bool is_carried_kind(const struct fastpath_flow *flow)
{
	const struct addr *all[] = {&flow->balancer, &flow->listening, &flow->client, &flow->target,
				    &flow->destination};
	int family = addr_family(&flow->balancer);
	size_t count = sizeof(all) / sizeof(all[0]);
	size_t header_len;

	if (family != AF_INET && family != AF_INET6)
		return false;
	/* SPP names no destination. */
	if (flow->spp)
		count--;
	for (size_t i = 0; i < count; i++) {
		/* Only balancers and clients may have a port of 0, which does no harm here. */
		if (addr_family(all[i]) != family)
			return false;
	}
	for (size_t i = 0; i < 4; i++) {
		if (addr_is_wildcard(all[i]))
			return false;
	}
	if (flow->spp)
		header_len = FASTPATH_SPP_LEN;
	else
		header_len = family == AF_INET ? FASTPATH_V2_LEN4 : FASTPATH_V2_LEN6;
	return flow->header_len == header_len && flow->interface != 0;
}

static void write_addr(const struct addr *addr, __u32 words[static 4], __u16 *port)
{
	memset(words, 0, 4 * sizeof(words[0]));
	if (addr_family(addr) == AF_INET) {
		memcpy(words, &addr->in.sin_addr, sizeof(addr->in.sin_addr));
		*port = addr->in.sin_port;
	} else if (addr_family(addr) == AF_INET6) {
		memcpy(words, &addr->in6.sin6_addr, sizeof(addr->in6.sin6_addr));
		*port = addr->in6.sin6_port;
	}
}

/* The one's complement sum of the header's 16 bit words as they lie in memory (RFC 1071). */
static uint16_t sum_of(const uint8_t *header, size_t len)
{
	uint32_t sum = 0;
	uint16_t word;

	for (size_t i = 0; i + 1 < len; i += sizeof(word)) {
		memcpy(&word, header + i, sizeof(word));
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static void write_record(struct fastpath_record *record, const struct fastpath_flow *flow,
			 const struct fastpath_flow_kind *kind)
{
	memset(record, 0, sizeof(*record));
	memcpy(record->header, flow->header, flow->header_len);
	record->header_sum = sum_of(flow->header, flow->header_len);
	write_addr(&flow->balancer, record->balancer, &record->balancer_port);
	write_addr(&flow->listening, record->listening, &record->listening_port);
	write_addr(&flow->client, record->client, &record->client_port);
	write_addr(&flow->target, record->target, &record->target_port);
	record->interface = flow->interface;
	record->device = kind->device;
	record->mtu = kind->mtu;
	record->v6 = is_v6(flow);
	record->spp = flow->spp;
	record->trial = kind->trial;
	memcpy(record->device_mac, kind->mac, sizeof(record->device_mac));
}

static void write_down_key(const struct fastpath_record *record, struct fastpath_down_key *key)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->target, record->target, sizeof(key->target));
	memcpy(key->client, record->client, sizeof(key->client));
	key->target_port = record->target_port;
	key->client_port = record->client_port;
	key->v6 = record->v6;
}

/*
 * Whom the header names, where the programs read it. The client that it names need not be the one
 * that the target sees: its port may be another.
 */
static void write_up_key(const struct fastpath_record *record, struct fastpath_up_key *key)
{
	const uint8_t *header = (const uint8_t *)record->header;
	size_t len = record->v6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);

	memset(key, 0, sizeof(*key));
	memcpy(key->listening, record->listening, sizeof(key->listening));
	key->listening_port = record->listening_port;
	if (record->spp) {
		/* The magic, the client and the proxy in 16 bytes each, and their ports. */
		memcpy(key->client, header + 2 + sizeof(struct in6_addr) - len, len);
		memcpy(&key->client_port, header + 34, sizeof(key->client_port));
	} else {
		/* The fixed part, both addresses, and both ports. */
		memcpy(key->client, header + 16, len);
		memcpy(key->destination, header + 16 + len, len);
		memcpy(&key->client_port, header + 16 + 2 * len, sizeof(key->client_port));
		memcpy(&key->destination_port, header + 18 + 2 * len,
		       sizeof(key->destination_port));
	}
	key->v6 = record->v6;
	key->spp = record->spp;
}

int fastpath_flows_add(struct fastpath_flows *flows, const struct fastpath_flow *flow,
		       const struct fastpath_flow_kind *kind, struct fastpath_place *place)
{
	struct fastpath_down_key down;
	struct fastpath_up_key up;
	struct fastpath_record record;
	__u32 number;
	int error;

	place->number = 0;
	if (!is_carried_kind(flow)) {
		errno = EINVAL;
		return -1;
	}
	write_record(&record, flow, kind);
	write_up_key(&record, &up);
	write_down_key(&record, &down);
	number = fastpath_numbers_take(flows->numbers, clock_now_ms(), record.listening_port,
				       record.target_port);
	if (number == 0) {
		errno = ENOSPC;
		return -1;
	}
	/* No program knows the number before it is in a table. */
	flows->programs->records[number] = record;
	/* Replies first: a datagram that is carried may be answered at once. */
	if (bpf_map_update_elem(flows->programs->down_fd, &down, &number, BPF_NOEXIST) < 0) {
		error = errno;
	} else if (bpf_map_update_elem(flows->programs->up_fd, &up, &number, BPF_NOEXIST) < 0) {
		error = errno;
		(void)bpf_map_delete_elem(flows->programs->down_fd, &down);
	} else {
		place->number = number;
		return 0;
	}
	fastpath_numbers_give(flows->numbers, number, clock_now_ms(), record.listening_port,
			      record.target_port);
	/* A table that is full says so with the word for too large an argument. */
	errno = error == E2BIG ? ENOSPC : error;
	return -1;
}

static const struct fastpath_record *record_at(const struct fastpath_flows *flows,
					       const struct fastpath_place *place)
{
	return &flows->programs->records[place->number];
}

void fastpath_flows_read(const struct fastpath_flows *flows, const struct fastpath_place *place,
			 struct fastpath_counts *counts)
{
	const struct fastpath_record *record = record_at(flows, place);

	memset(counts, 0, sizeof(*counts));
	if (place->number == 0)
		return;
	for (int i = 0; i < FASTPATH_WAYS; i++) {
		const struct fastpath_way *way = &record->ways[i];
		int direction = i == FASTPATH_WAY_UP ? STATS_UP : STATS_DOWN;

		counts->datagrams[direction] = __atomic_load_n(&way->datagrams, __ATOMIC_RELAXED);
		counts->bytes[direction] = __atomic_load_n(&way->bytes, __ATOMIC_RELAXED);
		counts->last_ms[direction] =
		    (int64_t)(__atomic_load_n(&way->last_ns, __ATOMIC_RELAXED) / NS_A_MS);
	}
}

void fastpath_flows_remove(struct fastpath_flows *flows, struct fastpath_place *place,
			   struct fastpath_counts *counts)
{
	const struct fastpath_record *record = record_at(flows, place);
	struct fastpath_down_key down;
	struct fastpath_up_key up;

	memset(counts, 0, sizeof(*counts));
	if (place->number == 0)
		return;
	write_up_key(record, &up);
	write_down_key(record, &down);
	/* No more requests before replies are user space's. */
	(void)bpf_map_delete_elem(flows->programs->up_fd, &up);
	(void)bpf_map_delete_elem(flows->programs->down_fd, &down);
	fastpath_flows_read(flows, place, counts);
	fastpath_numbers_give(flows->numbers, (uint32_t)place->number, clock_now_ms(),
			      record->listening_port, record->target_port);
	place->number = 0;
}
