/* SPDX-License-Identifier: BSD-2-Clause */
/* The flows of one listener in one worker. */
#include "udp/flow_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/keyed_hash.h"

_Static_assert(sizeof(struct flow_key) == 2 * 16 + 2 * 2 + 4, "no padding: compared as bytes");

static unsigned hash_of(const struct flow_key *key)
{
	return (unsigned)keyed_hash(key, sizeof(*key));
}

void flow_key_set(struct flow_key *key, const struct addr *first, const struct addr *second,
		  uint32_t kind)
{
	addr_write_ip(first, key->ips[0]);
	addr_write_ip(second, key->ips[1]);
	key->ports[0] = addr_port(first);
	key->ports[1] = addr_port(second);
	key->kind = kind;
}

void flow_table_init(struct flow_table *table)
{
	memset(table, 0, sizeof(*table));
	TAILQ_INIT(&table->idle);
}

static void forget_origin(struct flow_table *table, struct flow_origin *origin)
{
	HASH_DELETE(hh, table->origins, origin);
	LIST_REMOVE(origin, entry);
	origin->flow = NULL;
	free(origin);
}

void flow_table_fini(struct flow_table *table)
{
	HASH_CLEAR(hh, table->flows);
	HASH_CLEAR(hh, table->origins);
}

struct flow_links *flow_table_find(const struct flow_table *table, const struct flow_key *key)
{
	struct flow_links *links;

	HASH_FIND_BYHASHVALUE(hh, table->flows, key, sizeof(*key), hash_of(key), links);
	return links;
}

int flow_table_add(struct flow_table *table, struct flow_links *links, int64_t now_ms)
{
	unsigned hash = hash_of(&links->key);

	HASH_ADD_BYHASHVALUE(hh, table->flows, key, sizeof(links->key), hash, links);
	if (links->hh.tbl == NULL)
		return -1;
	LIST_INIT(&links->origins);
	links->origins_count = 0;
	links->active_ms = now_ms;
	TAILQ_INSERT_TAIL(&table->idle, links, idle);
	table->count++;
	return 0;
}

void flow_table_remove(struct flow_table *table, struct flow_links *links)
{
	while (table->origins != NULL && !LIST_EMPTY(&links->origins))
		forget_origin(table, LIST_FIRST(&links->origins));
	if (table->to_visit == links)
		table->to_visit = links->hh.next;
	if (table->to_give == links)
		table->to_give = TAILQ_NEXT(links, idle);
	HASH_DELETE(hh, table->flows, links);
	TAILQ_REMOVE(&table->idle, links, idle);
	table->count--;
}

void flow_table_touch(struct flow_table *table, struct flow_links *links, int64_t now_ms)
{
	links->active_ms = now_ms;
	TAILQ_REMOVE(&table->idle, links, idle);
	TAILQ_INSERT_TAIL(&table->idle, links, idle);
}

struct flow_links *flow_table_visit(struct flow_table *table, bool restart)
{
	struct flow_links *links = restart ? table->flows : table->to_visit;

	table->to_visit = links != NULL ? links->hh.next : NULL;
	return links;
}

struct flow_links *flow_table_oldest(const struct flow_table *table)
{
	return TAILQ_FIRST(&table->idle);
}

static struct flow_origin *find_origin(const struct flow_table *table, const struct flow_key *key)
{
	struct flow_origin *origin;

	HASH_FIND_BYHASHVALUE(hh, table->origins, key, sizeof(*key), hash_of(key), origin);
	return origin;
}

struct flow_links *flow_table_find_origin(const struct flow_table *table,
					  const struct flow_key *key)
{
	const struct flow_origin *origin = find_origin(table, key);

	return origin != NULL ? origin->flow : NULL;
}

/* Origins are listed latest first. */
static void forget_oldest_origin(struct flow_table *table, struct flow_links *links)
{
	struct flow_origin *oldest = LIST_FIRST(&links->origins);

	while (LIST_NEXT(oldest, entry) != NULL)
		oldest = LIST_NEXT(oldest, entry);
	forget_origin(table, oldest);
	links->origins_count--;
}

static void attach(struct flow_table *table, struct flow_origin *origin, struct flow_links *links)
{
	origin->flow = links;
	LIST_INSERT_HEAD(&links->origins, origin, entry);
	links->origins_count++;
	if (links->origins_count > FLOW_ORIGINS_MAX)
		forget_oldest_origin(table, links);
}

int flow_table_set_origin(struct flow_table *table, const struct flow_key *key,
			  struct flow_links *links, struct flow_links **orphan)
{
	struct flow_origin *origin = find_origin(table, key);
	struct flow_links *former;

	*orphan = NULL;
	if (origin == NULL) {
		origin = calloc(1, sizeof(*origin));
		if (origin == NULL)
			return -1;
		origin->key = *key;
		HASH_ADD_BYHASHVALUE(hh, table->origins, key, sizeof(origin->key), hash_of(key),
				     origin);
		if (origin->hh.tbl == NULL) {
			free(origin);
			return -1;
		}
		attach(table, origin, links);
		return 0;
	}
	former = origin->flow;
	LIST_REMOVE(origin, entry);
	former->origins_count--;
	if (former != links && former->origins_count == 0)
		*orphan = former;
	attach(table, origin, links);
	return 0;
}
