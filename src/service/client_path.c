/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the load balancer is that a client's replies go to. */
#include "service/client_path.h"

#include <stdlib.h>
#include <string.h>

/* Memory that is out ends a flow, not the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct client_path {
	uint8_t key[CLIENT_PATH_KEY_LEN];
	UT_hash_handle hh;
	unsigned refs; /* guarded by the table's lock */
	pthread_mutex_t lock;
	atomic_uint version;
	struct reply_path path; /* guarded by lock */
};

void client_path_init(struct client_path_table *table)
{
	pthread_mutex_init(&table->lock, NULL);
	table->clients = NULL;
}

void client_path_fini(struct client_path_table *table)
{
	pthread_mutex_destroy(&table->lock);
}

static struct client_path *new_client(struct client_path_table *table,
				      const uint8_t key[static CLIENT_PATH_KEY_LEN])
{
	struct client_path *client = calloc(1, sizeof(*client));

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

struct client_path *client_path_join(struct client_path_table *table,
				     const uint8_t key[static CLIENT_PATH_KEY_LEN])
{
	struct client_path *client;

	pthread_mutex_lock(&table->lock);
	HASH_FIND(hh, table->clients, key, CLIENT_PATH_KEY_LEN, client);
	if (client == NULL)
		client = new_client(table, key);
	if (client != NULL)
		client->refs++;
	pthread_mutex_unlock(&table->lock);
	return client;
}

void client_path_leave(struct client_path_table *table, struct client_path *client)
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

unsigned client_path_version(const struct client_path *client)
{
	return atomic_load_explicit(&client->version, memory_order_acquire);
}

unsigned client_path_set(struct client_path *client, const struct reply_path *path)
{
	unsigned version;

	pthread_mutex_lock(&client->lock);
	client->path = *path;
	version = atomic_fetch_add_explicit(&client->version, 1, memory_order_release) + 1;
	pthread_mutex_unlock(&client->lock);
	return version;
}

unsigned client_path_get(struct client_path *client, struct reply_path *path)
{
	unsigned version;

	pthread_mutex_lock(&client->lock);
	*path = client->path;
	version = atomic_load_explicit(&client->version, memory_order_relaxed);
	pthread_mutex_unlock(&client->lock);
	return version;
}
