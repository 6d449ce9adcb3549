/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the load balancer is that a client's replies go to. */
#include "service/whereabouts.h"

#include <stdlib.h>
#include <string.h>

/* Memory that is out ends a flow, not the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct whereabouts {
	uint8_t key[WHEREABOUTS_KEY_LEN];
	UT_hash_handle hh;
	unsigned refs; /* guarded by the table's lock */
	pthread_mutex_t lock;
	atomic_uint version;
	struct whereabouts_place place; /* guarded by lock */
};

void whereabouts_init(struct whereabouts_table *table)
{
	pthread_mutex_init(&table->lock, NULL);
	table->clients = NULL;
}

void whereabouts_fini(struct whereabouts_table *table)
{
	pthread_mutex_destroy(&table->lock);
}

static struct whereabouts *new_client(struct whereabouts_table *table,
				      const uint8_t key[static WHEREABOUTS_KEY_LEN])
{
	struct whereabouts *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	memcpy(client->key, key, sizeof(client->key));
	HASH_ADD(hh, table->clients, key, sizeof(client->key), client);
	if (client->hh.tbl == NULL) {
		free(client);
		return NULL;
	}
	pthread_mutex_init(&client->lock, NULL);
	return client;
}

struct whereabouts *whereabouts_join(struct whereabouts_table *table,
				     const uint8_t key[static WHEREABOUTS_KEY_LEN])
{
	struct whereabouts *client;

	pthread_mutex_lock(&table->lock);
	HASH_FIND(hh, table->clients, key, WHEREABOUTS_KEY_LEN, client);
	if (client == NULL)
		client = new_client(table, key);
	if (client != NULL)
		client->refs++;
	pthread_mutex_unlock(&table->lock);
	return client;
}

void whereabouts_leave(struct whereabouts_table *table, struct whereabouts *client)
{
	if (client == NULL)
		return;
	pthread_mutex_lock(&table->lock);
	if (--client->refs == 0) {
		HASH_DELETE(hh, table->clients, client);
		pthread_mutex_destroy(&client->lock);
		free(client);
	}
	pthread_mutex_unlock(&table->lock);
}

unsigned whereabouts_version(const struct whereabouts *client)
{
	return atomic_load_explicit(&client->version, memory_order_acquire);
}

unsigned whereabouts_set(struct whereabouts *client, const struct whereabouts_place *place)
{
	unsigned version;

	pthread_mutex_lock(&client->lock);
	client->place = *place;
	version = atomic_fetch_add_explicit(&client->version, 1, memory_order_release) + 1;
	pthread_mutex_unlock(&client->lock);
	return version;
}

unsigned whereabouts_get(struct whereabouts *client, struct whereabouts_place *place)
{
	unsigned version;

	pthread_mutex_lock(&client->lock);
	*place = client->place;
	version = atomic_load_explicit(&client->version, memory_order_relaxed);
	pthread_mutex_unlock(&client->lock);
	return version;
}
