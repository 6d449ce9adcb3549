/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flows of one listener in one worker: found by client and destination or, where only the first
 * datagram has a header, by the load balancer's own addresses; and the order in which they fell
 * idle.
 *
 * The worker's thread only. The table owns no flow.
 */
#ifndef MMPROXY_FLOW_TABLE_H
#define MMPROXY_FLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* Out of memory while a flow is added is that flow's end, not the process's. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/addr.h"
#include "net/udp_sock.h"

/* Two addresses and what tells their pairs apart, without padding, compared as bytes. */
struct flow_key {
	uint8_t ips[2][16]; /* IPv4 as IPv4-mapped */
	uint16_t ports[2];
	uint32_t kind;
};

/* Kinds of a flow's key. An origin's kind is the number of its socket. */
enum flow_kind {
	FLOW_OF_CLIENT, /* from the client's address */
	FLOW_OF_PEER,	/* from mmproxy's own, for a peer that names no client */
};

struct flow_links;

/* A pair of addresses by which headerless datagrams reach a flow. */
struct flow_origin {
	struct flow_key key;
	UT_hash_handle hh;
	LIST_ENTRY(flow_origin) entry;
	struct flow_links *flow;
};

LIST_HEAD(flow_origins, flow_origin);

/*
 * Origins that one flow keeps; the oldest is forgotten. One client comes by several when its load
 * balancer changes its port, or by two balancers.
 */
#define FLOW_ORIGINS_MAX 4

/* The links of a flow; embedded in it as its first member. */
struct flow_links {
	struct flow_key key;
	UT_hash_handle hh;
	TAILQ_ENTRY(flow_links) idle;
	int64_t active_ms;
	struct flow_origins origins;
	unsigned origins_count;
};

struct flow_table {
	struct flow_links *flows;
	struct flow_origin *origins;
	TAILQ_HEAD(flow_idle, flow_links) idle; /* longest idle first */
	struct flow_links *to_visit;		/* the next one of a round of visits */
	struct flow_links *to_give;		/* the next one for another process */
	size_t count;
};

void flow_table_init(struct flow_table *table);

/* The table must be empty. */
void flow_table_fini(struct flow_table *table);

/* Fill in a key. second may be no address. */
void flow_key_set(struct flow_key *key, const struct addr *first, const struct addr *second,
		  uint32_t kind);

/* NULL when there is none. */
struct flow_links *flow_table_find(const struct flow_table *table, const struct flow_key *key);

/* Add a flow whose key is filled in and not in the table. Returns 0, or -1 when memory is out. */
int flow_table_add(struct flow_table *table, struct flow_links *links, int64_t now_ms)
    __attribute__((warn_unused_result));

/* Take a flow out, with its origins. */
void flow_table_remove(struct flow_table *table, struct flow_links *links);

/* Something moved: the flow is now the one idle shortest. */
void flow_table_touch(struct flow_table *table, struct flow_links *links, int64_t now_ms);

/*
 * The next flow of a round of visits, in the order in which they were added, or NULL behind the
 * last; restart begins a round. Flows may be added and removed meanwhile.
 */
struct flow_links *flow_table_visit(struct flow_table *table, bool restart);

/* The flow idle longest, or NULL. */
struct flow_links *flow_table_oldest(const struct flow_table *table);

/* The flow that an origin's headerless datagrams belong to, or NULL. */
struct flow_links *flow_table_find_origin(const struct flow_table *table,
					  const struct flow_key *key);

/*
 * Make this the origin's flow. Returns 0, or -1 when memory is out and the origin has no flow. If
 * another flow lost its last origin by this, *orphan is that flow, else NULL.
 */
int flow_table_set_origin(struct flow_table *table, const struct flow_key *key,
			  struct flow_links *links, struct flow_links **orphan)
    __attribute__((warn_unused_result));

#endif
