/* SPDX-License-Identifier: BSD-2-Clause */
/* Pipes for splicing. */
#include "tcp/pipe_pool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * What a socket can hand over in one wake-up, about. More makes fewer system calls, but works
 * through more memory than the processor's cache holds.
 */
#define PIPE_WANTED (256 * 1024)

/* Pipes kept while nobody needs them, and for how long: descriptors are worth more than
 * microseconds. */
#define IDLE_MAX 16
#define IDLE_S	 1

static struct pipe_pair *pair_new(void)
{
	struct pipe_pair *pair = malloc(sizeof(*pair));
	int fds[2];
	int capacity;

	if (pair == NULL)
		return NULL;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(pair);
		return NULL;
	}
	pair->read_fd = fds[0];
	pair->write_fd = fds[1];
	pair->filled = 0;
	/* Refused beyond fs.pipe-max-size; a pipe of the usual 64 KiB serves as well. */
	(void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_WANTED);
	capacity = fcntl(fds[1], F_GETPIPE_SZ);
	pair->capacity = capacity > 0 ? (size_t)capacity : 0;
	return pair;
}

static void pair_free(struct pipe_pair *pair)
{
	close(pair->read_fd);
	close(pair->write_fd);
	free(pair);
}

static void close_idle(struct pipe_pool *pool)
{
	while (!SLIST_EMPTY(&pool->idle)) {
		struct pipe_pair *pair = SLIST_FIRST(&pool->idle);

		SLIST_REMOVE_HEAD(&pool->idle, link);
		pair_free(pair);
	}
	pool->idle_count = 0;
}

static void on_trim(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	close_idle(arg);
}

int pipe_pool_init(struct pipe_pool *pool, struct event_base *base)
{
	SLIST_INIT(&pool->idle);
	pool->idle_count = 0;
	pool->splice_refused = false;
	atomic_init(&pool->shortages, 0);
	pool->trim = evtimer_new(base, on_trim, pool);
	return pool->trim == NULL ? -1 : 0;
}

void pipe_pool_fini(struct pipe_pool *pool)
{
	close_idle(pool);
	if (pool->trim != NULL)
		event_free(pool->trim);
}

struct pipe_pair *pipe_pool_get(struct pipe_pool *pool)
{
	struct pipe_pair *pair = SLIST_FIRST(&pool->idle);

	if (pair != NULL) {
		SLIST_REMOVE_HEAD(&pool->idle, link);
		pool->idle_count--;
		return pair;
	}
	pair = pair_new();
	if (pair != NULL && pair->capacity < PIPE_POOL_CAPACITY_MIN) {
		pair_free(pair);
		pair = NULL;
	}
	if (pair == NULL)
		stats_add(&pool->shortages, 1);
	return pair;
}

void pipe_pool_put(struct pipe_pool *pool, struct pipe_pair *pair)
{
	static const struct timeval while_idle = {.tv_sec = IDLE_S};

	if (pair == NULL)
		return;
	if (pair->filled > 0 || pool->idle_count >= IDLE_MAX) {
		pair_free(pair);
		return;
	}
	SLIST_INSERT_HEAD(&pool->idle, pair, link);
	pool->idle_count++;
	if (!evtimer_pending(pool->trim, NULL))
		(void)evtimer_add(pool->trim, &while_idle);
}
