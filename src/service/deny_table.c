/* SPDX-License-Identifier: BSD-2-Clause */
/* The networks of a deny list, found by an address in them. */
#include "service/deny_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/keyed_hash.h"

/* 8 bytes each; of a full list (DENY_LIST_MAX) four networks share one. */
#define CHAINS 16384

/* What an IPv4 prefix is longer as a key. */
#define LENGTH_IPV4 96

_Static_assert(sizeof(struct deny_key) == ADDR_IP_LEN + 4, "no padding");

static void set_key(struct deny_key *key, const struct network *network)
{
	addr_write_ip(&network->addr, key->ip);
	key->length = network->prefix;
	if (addr_family(&network->addr) == AF_INET)
		key->length += LENGTH_IPV4;
}

/* Clear the bits behind a length that is not longer than the key's. */
static void shorten(struct deny_key *key, uint32_t length)
{
	size_t first = length / 8;

	if (first < ADDR_IP_LEN)
		key->ip[first] = (uint8_t)(key->ip[first] & ~(0xFFU >> length % 8));
	for (size_t i = first + 1; i < ADDR_IP_LEN; i++)
		key->ip[i] = 0;
	key->length = length;
}

/* The shortest length of a network that may hold the key: no IPv6 network holds IPv4. */
static int shortest_length(const struct deny_key *key)
{
	static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

	return memcmp(key->ip, mapped, sizeof(mapped)) == 0 ? LENGTH_IPV4 : 0;
}

static size_t chain_of(const struct deny_key *key)
{
	return (size_t)keyed_hash(key, sizeof(*key)) % CHAINS;
}

static pthread_mutex_t *lock_of(struct deny_table *table, size_t chain)
{
	return &table->locks[chain % DENY_TABLE_LOCKS];
}

/* The main thread, which alone changes chains, or with the chain's lock held. */
static struct deny_entry *find(const struct deny_table *table, size_t chain,
			       const struct deny_key *key)
{
	struct deny_entry *entry = table->chains[chain];

	while (entry != NULL && memcmp(&entry->key, key, sizeof(*key)) != 0)
		entry = entry->next;
	return entry;
}

/* The longest length of an entry that is less than below, or -1. */
static int next_length(const struct deny_table *table, int below)
{
	for (int word = (below - 1) / DENY_TABLE_WORD_BITS; word >= 0 && below > 0; word--) {
		uint64_t bits = atomic_load_explicit(&table->lengths[word], memory_order_relaxed);
		int first = word * DENY_TABLE_WORD_BITS;

		if (below - first < DENY_TABLE_WORD_BITS)
			bits &= ((uint64_t)1 << (below - first)) - 1;
		if (bits != 0)
			return first + DENY_TABLE_WORD_BITS - 1 - __builtin_clzll(bits);
	}
	return -1;
}

static void count_length(struct deny_table *table, uint32_t length, bool more)
{
	uint64_t bit = (uint64_t)1 << length % DENY_TABLE_WORD_BITS;
	atomic_uint_fast64_t *word = &table->lengths[length / DENY_TABLE_WORD_BITS];

	table->length_counts[length] += more ? 1 : UINT32_MAX;
	if (table->length_counts[length] > 0)
		atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(word, ~bit, memory_order_relaxed);
}

int deny_table_init(struct deny_table *table)
{
	memset(table, 0, sizeof(*table));
	table->chains = calloc(CHAINS, sizeof(struct deny_entry *));
	if (table->chains == NULL)
		return -1;
	for (size_t i = 0; i < DENY_TABLE_LOCKS; i++)
		pthread_mutex_init(&table->locks[i], NULL);
	return 0;
}

void deny_table_fini(struct deny_table *table)
{
	for (size_t i = 0; i < DENY_TABLE_LOCKS; i++)
		pthread_mutex_destroy(&table->locks[i]);
	free(table->chains);
	table->chains = NULL;
}

struct deny_entry *deny_table_find(const struct deny_table *table, const struct network *network)
{
	struct deny_key key;

	set_key(&key, network);
	return find(table, chain_of(&key), &key);
}

struct deny_entry *deny_table_find_around(const struct deny_table *table,
					  const struct network *network)
{
	struct deny_entry *entry = NULL;
	struct deny_key key;
	int shortest;
	int length;

	set_key(&key, network);
	shortest = shortest_length(&key);
	length = next_length(table, (int)key.length);
	for (; length >= shortest && entry == NULL; length = next_length(table, length)) {
		shorten(&key, (uint32_t)length);
		entry = find(table, chain_of(&key), &key);
	}
	return entry;
}

void deny_table_add(struct deny_table *table, struct deny_entry *entry,
		    const struct network *network)
{
	size_t chain;

	set_key(&entry->key, network);
	chain = chain_of(&entry->key);
	pthread_mutex_lock(lock_of(table, chain));
	entry->next = table->chains[chain];
	table->chains[chain] = entry;
	pthread_mutex_unlock(lock_of(table, chain));
	count_length(table, entry->key.length, true);
}

void deny_table_remove(struct deny_table *table, struct deny_entry *entry)
{
	size_t chain = chain_of(&entry->key);
	struct deny_entry **link = &table->chains[chain];

	count_length(table, entry->key.length, false);
	pthread_mutex_lock(lock_of(table, chain));
	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	pthread_mutex_unlock(lock_of(table, chain));
}

uint64_t deny_table_hits(struct deny_table *table, const struct deny_entry *entry)
{
	pthread_mutex_t *lock = lock_of(table, chain_of(&entry->key));
	uint64_t hits;

	pthread_mutex_lock(lock);
	hits = entry->hits;
	pthread_mutex_unlock(lock);
	return hits;
}

void deny_table_network(const struct deny_entry *entry, struct network *network)
{
	struct addr addr;

	addr_from_ipv6(&addr, entry->key.ip, 0);
	network_around(network, &addr, entry->key.length);
	if (entry->key.length < LENGTH_IPV4)
		return;
	addr_unmap(&network->addr);
	if (addr_family(&network->addr) == AF_INET)
		network->prefix -= LENGTH_IPV4;
}

bool deny_table_contains(struct deny_table *table, const struct addr *addr, uint64_t hits)
{
	struct deny_key key;
	int shortest;
	int length;

	if (!addr_is_set(addr))
		return false;
	addr_write_ip(addr, key.ip);
	shortest = shortest_length(&key);
	length = next_length(table, DENY_TABLE_LENGTH_MAX + 1);
	for (; length >= shortest; length = next_length(table, length)) {
		struct deny_entry *entry;
		size_t chain;

		shorten(&key, (uint32_t)length);
		chain = chain_of(&key);
		pthread_mutex_lock(lock_of(table, chain));
		entry = find(table, chain, &key);
		if (entry != NULL)
			entry->hits += hits;
		pthread_mutex_unlock(lock_of(table, chain));
		if (entry != NULL)
			return true;
	}
	return false;
}
