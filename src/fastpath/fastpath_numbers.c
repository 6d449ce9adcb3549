/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbers of flows, and the ports that flows have. */
#include "fastpath/fastpath_numbers.h"

#include <pthread.h>
#include <stdlib.h>

#define PORTS 65536

/* A number that waits to be taken. */
struct resting {
	uint32_t number;
	int64_t until_ms;
};

struct fastpath_numbers {
	pthread_mutex_t lock; /* of all below; held for some memory accesses only */
	struct fastpath_shared *shared;
	size_t first; /* of the queue, the one that has rested longest */
	size_t count;
	struct resting queue[FASTPATH_FLOWS];
	uint32_t listening[PORTS]; /* flows of each port */
	uint32_t target[PORTS];
};

/* One thread writes at a time; the programs read a word as it was or as it is. */
static void add_port(uint32_t flows[PORTS], __u64 bits[PORTS / 64], uint16_t port)
{
	if (flows[port]++ == 0)
		bits[port / 64] |= UINT64_C(1) << port % 64;
}

static void remove_port(uint32_t flows[PORTS], __u64 bits[PORTS / 64], uint16_t port)
{
	if (--flows[port] == 0)
		bits[port / 64] &= ~(UINT64_C(1) << port % 64);
}

struct fastpath_numbers *fastpath_numbers_new(struct fastpath_shared *shared)
{
	struct fastpath_numbers *numbers = calloc(1, sizeof(*numbers));

	if (numbers == NULL)
		return NULL;
	pthread_mutex_init(&numbers->lock, NULL);
	numbers->shared = shared;
	numbers->count = FASTPATH_FLOWS;
	for (uint32_t i = 0; i < FASTPATH_FLOWS; i++)
		numbers->queue[i].number = i + 1;
	return numbers;
}

void fastpath_numbers_free(struct fastpath_numbers *numbers)
{
	if (numbers == NULL)
		return;
	pthread_mutex_destroy(&numbers->lock);
	free(numbers);
}

uint32_t fastpath_numbers_take(struct fastpath_numbers *numbers, int64_t now_ms,
			       uint16_t listening_port, uint16_t target_port)
{
	const struct resting *oldest;
	uint32_t number = 0;

	pthread_mutex_lock(&numbers->lock);
	oldest = &numbers->queue[numbers->first];
	if (numbers->count > 0 && oldest->until_ms <= now_ms) {
		number = oldest->number;
		numbers->first = (numbers->first + 1) % FASTPATH_FLOWS;
		numbers->count--;
		add_port(numbers->listening, numbers->shared->listening_ports, listening_port);
		add_port(numbers->target, numbers->shared->target_ports, target_port);
	}
	pthread_mutex_unlock(&numbers->lock);
	return number;
}

void fastpath_numbers_give(struct fastpath_numbers *numbers, uint32_t number, int64_t now_ms,
			   uint16_t listening_port, uint16_t target_port)
{
	size_t last;

	pthread_mutex_lock(&numbers->lock);
	last = (numbers->first + numbers->count++) % FASTPATH_FLOWS;
	numbers->queue[last] =
	    (struct resting){.number = number, .until_ms = now_ms + FASTPATH_REST_MS};
	remove_port(numbers->listening, numbers->shared->listening_ports, listening_port);
	remove_port(numbers->target, numbers->shared->target_ports, target_port);
	pthread_mutex_unlock(&numbers->lock);
}
