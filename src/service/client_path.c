/* SPDX-License-Identifier: BSD-2-Clause */
/* The pairs of addresses that flows have, and the paths of their replies. */
#include "service/client_path.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/keyed_hash.h"

/* 8 bytes each, of which memory is used where an entry has been. */
#define CHAINS_MIN ((size_t)1024)
#define CHAINS_MAX ((size_t)1 << 20)

/* Whose port the pair's source has. */
enum port_kind { PORT_OF_CLIENT, PORT_OF_KERNEL };

/* Without padding, compared as bytes. */
struct pair_key {
	uint8_t ips[2][ADDR_IP_LEN];
	uint16_t ports[2];
	uint32_t port_kind;
};

_Static_assert(sizeof(struct pair_key) == 2 * ADDR_IP_LEN + 2 * 2 + 4, "no padding");

struct client_path {
	struct pair_key key;
	struct client_path *next; /* of its chain */
	struct addr listener;
	unsigned flows; /* guarded, as next is, by the chain's lock */
	atomic_uint version;
	pthread_mutex_t lock;
	struct reply_path path; /* guarded by lock */
};

int client_path_table_init(struct client_path_table *table, size_t pairs)
{
	size_t count = CHAINS_MIN;

	while (count < pairs && count < CHAINS_MAX)
		count *= 2;
	table->chains = calloc(count, sizeof(struct client_path *));
	if (table->chains == NULL)
		return -1;
	table->chains_count = count;
	for (size_t i = 0; i < CLIENT_PATH_LOCKS; i++)
		pthread_mutex_init(&table->locks[i], NULL);
	return 0;
}

void client_path_table_fini(struct client_path_table *table)
{
	if (table->chains == NULL)
		return;
	for (size_t i = 0; i < CLIENT_PATH_LOCKS; i++)
		pthread_mutex_destroy(&table->locks[i]);
	free(table->chains);
	table->chains = NULL;
}

static void set_key(struct pair_key *key, const struct client_pair *pair, enum port_kind kind)
{
	addr_write_ip(&pair->source, key->ips[0]);
	addr_write_ip(&pair->target, key->ips[1]);
	key->ports[0] = addr_port(&pair->source);
	key->ports[1] = addr_port(&pair->target);
	key->port_kind = kind;
}

static size_t chain_of(const struct client_path_table *table, const struct pair_key *key)
{
	return (size_t)keyed_hash(key, sizeof(*key)) & (table->chains_count - 1);
}

static pthread_mutex_t *lock_of(struct client_path_table *table, size_t chain)
{
	return &table->locks[chain % CLIENT_PATH_LOCKS];
}

static struct client_path *new_entry(const struct pair_key *key, const struct addr *listener)
{
	struct client_path *entry = calloc(1, sizeof(*entry));

	if (entry == NULL)
		return NULL;
	entry->key = *key;
	entry->listener = *listener;
	pthread_mutex_init(&entry->lock, NULL);
	return entry;
}

static void free_entry(struct client_path *entry)
{
	if (entry == NULL)
		return;
	pthread_mutex_destroy(&entry->lock);
	free(entry);
}

/* The entry of a pair; of those with a port of the kernel's, each listener has its own. */
static struct client_path *find(const struct client_path_table *table, size_t chain,
				const struct pair_key *key, const struct addr *listener)
{
	struct client_path *entry = table->chains[chain];

	while (entry != NULL &&
	       (memcmp(&entry->key, key, sizeof(*key)) != 0 ||
		(key->port_kind == PORT_OF_KERNEL && !addr_equal(&entry->listener, listener))))
		entry = entry->next;
	return entry;
}

/* One more flow of the pair's entry, which is made if there is none and made is given. */
static struct client_path *enter(struct client_path_table *table, size_t chain,
				 const struct pair_key *key, const struct addr *listener,
				 struct client_path *made)
{
	struct client_path *entry;

	pthread_mutex_lock(lock_of(table, chain));
	entry = find(table, chain, key, listener);
	if (entry == NULL && made != NULL) {
		made->next = table->chains[chain];
		table->chains[chain] = made;
		entry = made;
	}
	errno = entry == NULL ? ENOENT : 0;
	if (entry != NULL && !addr_equal(&entry->listener, listener)) {
		errno = EADDRINUSE;
		entry = NULL;
	}
	if (entry != NULL)
		entry->flows++;
	pthread_mutex_unlock(lock_of(table, chain));
	return entry;
}

static struct client_path *take(struct client_path_table *table, const struct client_pair *pair,
				enum port_kind kind)
{
	struct client_path *entry;
	struct client_path *made;
	struct pair_key key;
	size_t chain;

	set_key(&key, pair, kind);
	chain = chain_of(table, &key);
	entry = enter(table, chain, &key, &pair->listener, NULL);
	if (entry != NULL || errno == EADDRINUSE)
		return entry;
	made = new_entry(&key, &pair->listener);
	if (made == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	entry = enter(table, chain, &key, &pair->listener, made);
	if (entry != made) {
		int saved = errno;

		free_entry(made);
		errno = saved;
	}
	return entry;
}

struct client_path *client_path_claim(struct client_path_table *table,
				      const struct client_pair *pair)
{
	return take(table, pair, PORT_OF_CLIENT);
}

struct client_path *client_path_join(struct client_path_table *table,
				     const struct client_pair *pair)
{
	return take(table, pair, PORT_OF_KERNEL);
}

void client_path_leave(struct client_path_table *table, struct client_path *entry)
{
	struct client_path **link;
	bool last;
	size_t chain;

	if (entry == NULL)
		return;
	chain = chain_of(table, &entry->key);
	pthread_mutex_lock(lock_of(table, chain));
	last = --entry->flows == 0;
	if (last) {
		link = &table->chains[chain];
		while (*link != entry)
			link = &(*link)->next;
		*link = entry->next;
	}
	pthread_mutex_unlock(lock_of(table, chain));
	if (last)
		free_entry(entry);
}

unsigned client_path_version(const struct client_path *entry)
{
	return atomic_load_explicit(&entry->version, memory_order_acquire);
}

unsigned client_path_set(struct client_path *entry, const struct reply_path *path)
{
	unsigned version;

	pthread_mutex_lock(&entry->lock);
	entry->path = *path;
	version = atomic_fetch_add_explicit(&entry->version, 1, memory_order_release) + 1;
	pthread_mutex_unlock(&entry->lock);
	return version;
}

unsigned client_path_get(struct client_path *entry, struct reply_path *path)
{
	unsigned version;

	pthread_mutex_lock(&entry->lock);
	*path = entry->path;
	version = atomic_load_explicit(&entry->version, memory_order_relaxed);
	pthread_mutex_unlock(&entry->lock);
	return version;
}

size_t client_path_longest_chain(struct client_path_table *table)
{
	size_t longest = 0;

	for (size_t i = 0; i < table->chains_count; i++) {
		size_t len = 0;

		pthread_mutex_lock(lock_of(table, i));
		for (const struct client_path *at = table->chains[i]; at != NULL; at = at->next)
			len++;
		pthread_mutex_unlock(lock_of(table, i));
		longest = len > longest ? len : longest;
	}
	return longest;
}
