/* SPDX-License-Identifier: BSD-2-Clause */
/* How many connections or flows each client has open, and has begun lately. */
#include "service/client_limits.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/keyed_hash.h"

/* 8 bytes each, of which memory is used where a client has been. */
#define CHAINS 16384

/* A chain belongs to the lock of its number modulo this. */
#define LOCKS 64

#define IDLE_MAX (CLIENT_LIMITS_IDLE_MAX / LOCKS)

/* Idle clients that one call looks at: it makes one idle at most, so that two catch up. */
#define TURN 2

/* Bytes of an IPv6 address that tell clients apart. */
#define IPV6_CLIENT_LEN 8

/* What one connection takes out of a bucket, so that a rate a second is a whole number a
 * millisecond. */
#define ONE 1000U

/* A bucket holds a second's worth. */
#define SECOND_MS 1000

struct part;

/* Guarded by the lock of its part. */
struct client_place {
	uint8_t ip[ADDR_IP_LEN];
	struct client_place *next; /* of its chain */
	TAILQ_ENTRY(client_place) idle;
	struct part *part;
	uint64_t spent; /* taken out of its bucket, as of at_ms */
	int64_t at_ms;
	uint32_t rate; /* that the bucket fills with; 0: it was not asked for */
	uint32_t open; /* 0: it is among the idle */
};

TAILQ_HEAD(idle_places, client_place);

/* What one lock guards: every LOCKSth chain, and the idle clients in those, longest idle first. */
struct part {
	pthread_mutex_t lock;
	struct client_limits *table;
	struct idle_places idle;
	size_t idle_count;
	size_t count;
};

struct client_limits {
	struct client_place *chains[CHAINS];
	struct part parts[LOCKS];
};

/* ---- clients ---- */

static void set_ip(uint8_t ip[static ADDR_IP_LEN], const struct addr *client)
{
	struct addr addr = *client;

	addr_unmap(&addr);
	addr_write_ip(&addr, ip);
	if (addr_family(&addr) == AF_INET6)
		memset(ip + IPV6_CLIENT_LEN, 0, ADDR_IP_LEN - IPV6_CLIENT_LEN);
}

static size_t chain_of(const uint8_t ip[static ADDR_IP_LEN])
{
	return (size_t)keyed_hash(ip, ADDR_IP_LEN) % CHAINS;
}

static struct client_place *find(const struct client_limits *table, size_t chain,
				 const uint8_t ip[static ADDR_IP_LEN])
{
	struct client_place *place = table->chains[chain];

	while (place != NULL && memcmp(place->ip, ip, ADDR_IP_LEN) != 0)
		place = place->next;
	return place;
}

/* ---- buckets ---- */

/* Let what time has brought flow back. Another thread's clock may be a little ahead of this one's.
 */
static void refill(struct client_place *place, int64_t now_ms)
{
	int64_t passed_ms = now_ms - place->at_ms;
	uint64_t gained;

	if (passed_ms <= 0)
		return;
	/* No bucket takes longer to be full, and more would overflow. */
	if (passed_ms > SECOND_MS)
		passed_ms = SECOND_MS;
	gained = (uint64_t)passed_ms * place->rate;
	place->spent -= gained < place->spent ? gained : place->spent;
	place->at_ms = now_ms;
}

/* Take one out of the bucket; false when there is none in it. */
static bool take(struct client_place *place, uint32_t rate, int64_t now_ms)
{
	uint64_t holds = (uint64_t)rate * ONE;

	refill(place, now_ms);
	place->rate = rate;
	/* The rate may have been higher. */
	if (place->spent > holds)
		place->spent = holds;
	if (rate == 0)
		return true;
	if (holds - place->spent < ONE)
		return false;
	place->spent += ONE;
	return true;
}

static void give_back(struct client_place *place)
{
	place->spent -= place->spent < ONE ? place->spent : ONE;
}

/* ---- coming and going; with the lock of the part held ---- */

static void add(struct client_limits *table, size_t chain, struct client_place *place,
		const uint8_t ip[static ADDR_IP_LEN], int64_t now_ms)
{
	struct part *part = &table->parts[chain % LOCKS];

	*place = (struct client_place){.part = part, .at_ms = now_ms, .next = table->chains[chain]};
	memcpy(place->ip, ip, ADDR_IP_LEN);
	table->chains[chain] = place;
	part->count++;
}

/* Take a client out that is not among the idle. */
static void take_out(struct client_place *place)
{
	struct client_place **link = &place->part->table->chains[chain_of(place->ip)];

	while (*link != place)
		link = &(*link)->next;
	*link = place->next;
	place->part->count--;
}

static void begin_idling(struct client_place *place)
{
	TAILQ_INSERT_TAIL(&place->part->idle, place, idle);
	place->part->idle_count++;
}

static void end_idling(struct client_place *place)
{
	TAILQ_REMOVE(&place->part->idle, place, idle);
	place->part->idle_count--;
}

/* Take clients out that have been idle until their buckets are full; they go to *over. */
static void collect(struct part *part, int64_t now_ms, struct client_place **over)
{
	for (int i = 0; i < TURN; i++) {
		struct client_place *place = TAILQ_FIRST(&part->idle);

		if (place == NULL)
			return;
		refill(place, now_ms);
		if (place->spent > 0)
			return;
		end_idling(place);
		take_out(place);
		place->next = *over;
		*over = place;
	}
}

/*
 * Count one more of a client, who gets the first of *spare if he is new. Returns REASON_INTERNAL
 * when there is none.
 */
static enum close_reason enter(struct client_limits *table, const uint8_t ip[static ADDR_IP_LEN],
			       const struct client_rule *rule, int64_t now_ms,
			       struct client_place **spare, struct client_place **entered)
{
	size_t chain = chain_of(ip);
	struct client_place *place = find(table, chain, ip);

	if (place == NULL && *spare == NULL)
		return REASON_INTERNAL;
	if (place == NULL) {
		place = *spare;
		*spare = place->next;
		add(table, chain, place, ip, now_ms);
		begin_idling(place);
	}
	if (rule->connections != 0 && place->open >= rule->connections)
		return REASON_CLIENT_LIMIT;
	if (!take(place, rule->rate, now_ms))
		return REASON_CLIENT_LIMIT;
	if (place->open++ == 0)
		end_idling(place);
	*entered = place;
	return REASON_DONE;
}

/* One less. Returns a client that is not to be kept, or NULL. */
static struct client_place *leave(struct client_place *place, int64_t now_ms)
{
	struct part *part = place->part;

	if (--place->open > 0)
		return NULL;
	refill(place, now_ms);
	if (place->spent > 0) {
		begin_idling(place);
		if (part->idle_count <= IDLE_MAX)
			return NULL;
		place = TAILQ_FIRST(&part->idle);
		end_idling(place);
	}
	take_out(place);
	return place;
}

/* ---- the table ---- */

struct client_limits *client_limits_new(void)
{
	struct client_limits *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	for (size_t i = 0; i < LOCKS; i++) {
		pthread_mutex_init(&table->parts[i].lock, NULL);
		TAILQ_INIT(&table->parts[i].idle);
		table->parts[i].table = table;
	}
	return table;
}

static void free_all(struct client_place *first)
{
	while (first != NULL) {
		struct client_place *next = first->next;

		free(first);
		first = next;
	}
}

void client_limits_free(struct client_limits *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < CHAINS; i++)
		free_all(table->chains[i]);
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&table->parts[i].lock);
	free(table);
}

enum close_reason client_limits_enter(struct client_limits *table, const struct addr *client,
				      const struct client_rule *rule, int64_t now_ms,
				      struct client_place **place)
{
	struct client_place *spare = NULL;
	uint8_t ip[ADDR_IP_LEN];
	enum close_reason reason;
	struct part *part;

	*place = NULL;
	if (rule->connections == 0 && rule->rate == 0)
		return REASON_DONE;
	set_ip(ip, client);
	part = &table->parts[chain_of(ip) % LOCKS];
	pthread_mutex_lock(&part->lock);
	collect(part, now_ms, &spare);
	reason = enter(table, ip, rule, now_ms, &spare, place);
	pthread_mutex_unlock(&part->lock);
	if (reason == REASON_INTERNAL) {
		spare = calloc(1, sizeof(*spare));
		if (spare == NULL)
			return REASON_INTERNAL;
		/* The same client may have come to another thread meanwhile. */
		pthread_mutex_lock(&part->lock);
		reason = enter(table, ip, rule, now_ms, &spare, place);
		pthread_mutex_unlock(&part->lock);
	}
	free_all(spare);
	return reason;
}

void client_limits_enter_again(struct client_place *place)
{
	if (place == NULL)
		return;
	pthread_mutex_lock(&place->part->lock);
	place->open++;
	pthread_mutex_unlock(&place->part->lock);
}

static void end(struct client_place *place, int64_t now_ms, bool begun)
{
	struct part *part = place->part;
	struct client_place *over;

	pthread_mutex_lock(&part->lock);
	if (!begun)
		give_back(place);
	over = leave(place, now_ms);
	pthread_mutex_unlock(&part->lock);
	free(over);
}

void client_limits_leave(struct client_place *place, int64_t now_ms)
{
	if (place != NULL)
		end(place, now_ms, true);
}

void client_limits_undo(struct client_place *place, int64_t now_ms)
{
	if (place != NULL)
		end(place, now_ms, false);
}

size_t client_limits_count(struct client_limits *table)
{
	size_t count = 0;

	for (size_t i = 0; i < LOCKS; i++) {
		pthread_mutex_lock(&table->parts[i].lock);
		count += table->parts[i].count;
		pthread_mutex_unlock(&table->parts[i].lock);
	}
	return count;
}
