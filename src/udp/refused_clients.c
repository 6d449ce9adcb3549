/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients that were refused a moment ago. */
#include "udp/refused_clients.h"

#include <stdlib.h>
#include <string.h>

#include "base/keyed_hash.h"

/* 12 KiB, for listeners that refuse anybody. */
#define SLOTS 256

struct refused_client {
	struct flow_key key;
	int64_t until_ms; /* 0: the slot is empty */
};

static size_t slot_of(const struct flow_key *key)
{
	return keyed_hash(key, sizeof(*key)) % SLOTS;
}

void refused_clients_fini(struct refused_clients *clients)
{
	free(clients->slots);
	clients->slots = NULL;
}

void refused_clients_add(struct refused_clients *clients, const struct flow_key *key,
			 int64_t now_ms)
{
	if (clients->slots == NULL)
		clients->slots = calloc(SLOTS, sizeof(*clients->slots));
	if (clients->slots == NULL)
		return;
	clients->slots[slot_of(key)] = (struct refused_client){
	    .key = *key,
	    .until_ms = now_ms + REFUSED_CLIENTS_MS,
	};
}

bool refused_clients_has(const struct refused_clients *clients, const struct flow_key *key,
			 int64_t now_ms)
{
	const struct refused_client *client;

	if (clients->slots == NULL)
		return false;
	client = &clients->slots[slot_of(key)];
	return now_ms < client->until_ms && memcmp(&client->key, key, sizeof(*key)) == 0;
}
