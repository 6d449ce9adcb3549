/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The networks of a deny list, found by an address in them.
 *
 * One thread, the main thread, adds, removes and reads entries; any thread looks addresses up. That
 * takes one lock of many for each length of prefix that the table has, and none while it is empty;
 * a lock is never held for longer than a search of one chain. Nothing is freed under a lock.
 */
#ifndef MMPROXY_DENY_TABLE_H
#define MMPROXY_DENY_TABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/network.h"

/* Locks of a table; a chain belongs to the lock of its number modulo this. */
#define DENY_TABLE_LOCKS 64

/* Bits of the longest prefix. */
#define DENY_TABLE_LENGTH_MAX 128

#define DENY_TABLE_WORD_BITS 64
#define DENY_TABLE_WORDS     (DENY_TABLE_LENGTH_MAX / DENY_TABLE_WORD_BITS + 1)

/*
 * A network as IPv6, without padding, hashed and compared as bytes: an IPv4 one lies in
 * ::ffff:0:0/96 (RFC 4291, section 2.5.5.2).
 */
struct deny_key {
	uint8_t ip[ADDR_IP_LEN];
	uint32_t length;
};

/* A network of the table. */
struct deny_entry {
	struct deny_key key;
	uint32_t place;		 /* deny_list's, as expires_ms is: in its heap */
	struct deny_entry *next; /* of its chain; guarded, as hits is, by the chain's lock */
	uint64_t hits;
	int64_t expires_ms;
};

struct deny_table {
	struct deny_entry **chains;
	pthread_mutex_t locks[DENY_TABLE_LOCKS];
	/* A bit for each length of prefix that an entry has, so that no other is looked for. */
	atomic_uint_fast64_t lengths[DENY_TABLE_WORDS];
	uint32_t length_counts[DENY_TABLE_LENGTH_MAX + 1]; /* the main thread's */
};

/* Returns 0, or -1 when memory is out. */
int deny_table_init(struct deny_table *table) __attribute__((warn_unused_result));

/* Entries that are left are the caller's. */
void deny_table_fini(struct deny_table *table);

/* The entry of exactly this network, or NULL. The main thread. */
struct deny_entry *deny_table_find(const struct deny_table *table, const struct network *network);

/* The entry of the narrowest network around this one, which is not the network itself, or NULL. The
 * main thread. */
struct deny_entry *deny_table_find_around(const struct deny_table *table,
					  const struct network *network);

/* Add an entry for a network that has none. The main thread. */
void deny_table_add(struct deny_table *table, struct deny_entry *entry,
		    const struct network *network);

/* Take an entry out; it is the caller's to free. The main thread. */
void deny_table_remove(struct deny_table *table, struct deny_entry *entry);

/* Hits of an entry. The main thread. */
uint64_t deny_table_hits(struct deny_table *table, const struct deny_entry *entry);

/* The network of an entry. */
void deny_table_network(const struct deny_entry *entry, struct network *network);

/*
 * Whether the address lies in a network of the table; the narrowest one gets so many hits more. No
 * address lies in none. Any thread.
 */
bool deny_table_contains(struct deny_table *table, const struct addr *addr, uint64_t hits);

#endif
