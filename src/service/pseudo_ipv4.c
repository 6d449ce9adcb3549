/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of 240.0.0.0/4 that stand for the /64s of IPv6 clients. */
#include "service/pseudo_ipv4.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/keyed_hash.h"
#include "base/log.h"
#include "conf/conf_text.h"

/* 8 bytes each, of which memory is used where an entry has been. */
#define CHAINS_COUNT ((size_t)1 << 16)

/* Locks of a table; a chain belongs to the lock of its number modulo this. */
#define LOCKS_COUNT 64

/* Bytes of an IPv6 address that name a network of 64 bits. */
#define NETWORK_LEN 8

/* 240.0.0.0/4: the first 4 bits, and how many addresses the other 28 make. */
#define RANGE_FIRST 0xf0000000U
#define RANGE_SIZE  0x10000000U

/* Hexadecimal digits of a machine's id. */
#define ID_LEN 32

struct pseudo_ipv4 {
	struct pseudo_ipv4_table *table;
	struct pseudo_ipv4 *next; /* of its chain */
	uint32_t address;	  /* in host order */
	uint8_t owner[ADDR_IP_LEN];
	unsigned users; /* guarded, as next is, by the chain's lock */
};

struct pseudo_ipv4_table {
	uint64_t key[2];
	pthread_mutex_t locks[LOCKS_COUNT];
	struct pseudo_ipv4 *chains[CHAINS_COUNT]; /* fixed: no search waits for a growing table */
};

const char *const pseudo_ipv4_id_paths[] = {"/etc/machine-id", "/var/lib/dbus/machine-id", NULL};

/* ---- the key ---- */

/* Whether the text is an id and no more than a newline: not empty, "uninitialized" or all zero. */
static bool is_id(const char *text, size_t len)
{
	size_t zeros = strspn(text, "0");

	if (len == ID_LEN + 1 && text[ID_LEN] == '\n')
		len--;
	if (len != ID_LEN || zeros >= ID_LEN)
		return false;
	for (size_t i = 0; i < ID_LEN; i++) {
		if (!isxdigit((unsigned char)text[i]))
			return false;
	}
	return true;
}

/* Two hashes of the id under constants of this application ("mmproxy pseudo ipv4 key" 0 and 1). */
static void derive_key(const char *id, uint64_t key[static 2])
{
	static const uint64_t application[2][2] = {
	    {0x6d6d70726f787920u, 0x70736575646f2030u},
	    {0x6d6d70726f787920u, 0x70736575646f2031u},
	};

	for (size_t i = 0; i < 2; i++)
		key[i] = keyed_hash_by(application[i], id, ID_LEN);
}

int pseudo_ipv4_read_key(const char *const *paths, uint64_t key[static 2])
{
	for (; *paths != NULL; paths++) {
		const char *why;
		size_t len;
		char *text;
		bool found;

		why = conf_text_read(*paths, &text, &len);
		if (why != NULL)
			continue;
		found = is_id(text, len);
		if (found)
			derive_key(text, key);
		free(text);
		if (found)
			return 0;
	}
	return -1;
}

/* A key that nobody knows and that lasts as long as the process. */
static void make_key(uint64_t key[static 2])
{
	for (uint64_t i = 0; i < 2; i++)
		key[i] = keyed_hash(&i, sizeof(i));
}

/* ---- tables ---- */

struct pseudo_ipv4_table *pseudo_ipv4_table_new(const uint64_t key[static 2])
{
	struct pseudo_ipv4_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	memcpy(table->key, key, sizeof(table->key));
	for (size_t i = 0; i < LOCKS_COUNT; i++)
		pthread_mutex_init(&table->locks[i], NULL);
	return table;
}

void pseudo_ipv4_table_free(struct pseudo_ipv4_table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < LOCKS_COUNT; i++)
		pthread_mutex_destroy(&table->locks[i]);
	free(table);
}

struct pseudo_ipv4_table *pseudo_ipv4_shared(void)
{
	static struct pseudo_ipv4_table *shared;
	uint64_t key[2];

	if (shared != NULL)
		return shared;
	if (pseudo_ipv4_read_key(pseudo_ipv4_id_paths, key) < 0) {
		log_msg(LOG_LEVEL_WARN,
			"ipv6_clients: neither %s nor %s holds this machine's id, so that "
			"addresses of pseudo_ipv4 will be others after a restart",
			pseudo_ipv4_id_paths[0], pseudo_ipv4_id_paths[1]);
		make_key(key);
	}
	shared = pseudo_ipv4_table_new(key);
	return shared;
}

static struct addr address_of(uint32_t value, uint16_t port)
{
	const uint32_t bytes = htonl(value);
	struct addr address;

	addr_from_ipv4(&address, &bytes, port);
	return address;
}

struct addr pseudo_ipv4_of(const struct pseudo_ipv4_table *table, const struct addr *client)
{
	uint8_t ip[ADDR_IP_LEN];
	uint32_t value;

	addr_write_ip(client, ip);
	/* Neither the first nor the last of the range: one is a network's, the other a broadcast.
	 */
	value = RANGE_FIRST + 1 +
		(uint32_t)(keyed_hash_by(table->key, ip, NETWORK_LEN) % (RANGE_SIZE - 2));
	return address_of(value, addr_port(client));
}

static uint32_t value_of(const struct addr *address)
{
	return ntohl(address->in.sin_addr.s_addr);
}

bool pseudo_ipv4_is_in_range(const struct addr *addr)
{
	return addr_family(addr) == AF_INET && value_of(addr) >= RANGE_FIRST;
}

/* ---- who uses which ---- */

/* Clients choose their networks, so the chain is not for them to know either. */
static size_t chain_of(uint32_t address)
{
	return (size_t)keyed_hash(&address, sizeof(address)) & (CHAINS_COUNT - 1);
}

static pthread_mutex_t *lock_of(struct pseudo_ipv4_table *table, size_t chain)
{
	return &table->locks[chain % LOCKS_COUNT];
}

static void write_owner(const struct addr *client, uint8_t owner[static ADDR_IP_LEN])
{
	addr_write_ip(client, owner);
	if (addr_family(client) == AF_INET6)
		memset(owner + NETWORK_LEN, 0, ADDR_IP_LEN - NETWORK_LEN);
}

/* One more user of the address' entry, which is made if there is none and made is given. */
static struct pseudo_ipv4 *enter(struct pseudo_ipv4_table *table, uint32_t address,
				 const uint8_t owner[static ADDR_IP_LEN], struct pseudo_ipv4 *made)
{
	size_t chain = chain_of(address);
	struct pseudo_ipv4 *entry;
	int error = 0;

	pthread_mutex_lock(lock_of(table, chain));
	entry = table->chains[chain];
	while (entry != NULL && entry->address != address)
		entry = entry->next;
	if (entry == NULL && made != NULL) {
		made->next = table->chains[chain];
		table->chains[chain] = made;
		entry = made;
	}
	if (entry == NULL) {
		error = ENOENT;
	} else if (memcmp(entry->owner, owner, ADDR_IP_LEN) != 0) {
		error = EADDRINUSE;
		entry = NULL;
	} else {
		entry->users++;
	}
	pthread_mutex_unlock(lock_of(table, chain));
	errno = error;
	return entry;
}

struct pseudo_ipv4 *pseudo_ipv4_enter(struct pseudo_ipv4_table *table, const struct addr *address,
				      const struct addr *client)
{
	uint32_t value = value_of(address);
	uint8_t owner[ADDR_IP_LEN];
	struct pseudo_ipv4 *entry;
	struct pseudo_ipv4 *made;

	write_owner(client, owner);
	entry = enter(table, value, owner, NULL);
	if (entry != NULL || errno == EADDRINUSE)
		return entry;
	made = calloc(1, sizeof(*made));
	if (made == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	made->table = table;
	made->address = value;
	memcpy(made->owner, owner, sizeof(made->owner));
	entry = enter(table, value, owner, made);
	if (entry != made) {
		int saved = errno;

		free(made);
		errno = saved;
	}
	return entry;
}

void pseudo_ipv4_leave(struct pseudo_ipv4 *entry)
{
	struct pseudo_ipv4_table *table;
	struct pseudo_ipv4 **link;
	size_t chain;
	bool last;

	if (entry == NULL)
		return;
	table = entry->table;
	chain = chain_of(entry->address);
	pthread_mutex_lock(lock_of(table, chain));
	last = --entry->users == 0;
	if (last) {
		link = &table->chains[chain];
		while (*link != entry)
			link = &(*link)->next;
		*link = entry->next;
	}
	pthread_mutex_unlock(lock_of(table, chain));
	if (last)
		free(entry);
}

struct addr pseudo_ipv4_address(const struct pseudo_ipv4 *entry, uint16_t port)
{
	return address_of(entry->address, port);
}

void pseudo_ipv4_log(const struct addr *client, const struct pseudo_ipv4 *entry,
		     struct log_line *line)
{
	struct addr address;
	char text[ADDR_STRLEN];

	if (entry == NULL || addr_family(client) != AF_INET6)
		return;
	address = pseudo_ipv4_address(entry, 0);
	log_line_str(line, "pseudo_ipv4", addr_format_ip(&address, text));
}
