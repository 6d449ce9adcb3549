/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes for splicing, which the relays of one worker share. One worker thread.
 */
#ifndef MMPROXY_PIPE_POOL_H
#define MMPROXY_PIPE_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/stats.h"

/* Bytes that a pipe must have room for: with less than a read moves, copying is faster. */
#define PIPE_POOL_CAPACITY_MIN (64u * 1024)

struct pipe_pair {
	SLIST_ENTRY(pipe_pair) link;
	int read_fd;
	int write_fd;
	size_t capacity; /* bytes */
	size_t filled;	 /* bytes in it */
};

struct pipe_pool {
	SLIST_HEAD(, pipe_pair) idle;
	size_t idle_count;
	struct event *trim;		/* closes pipes that nobody needed for a while */
	bool splice_refused;		/* splice(2) does not work here: copy for good */
	atomic_uint_fast64_t shortages; /* pipes that could not be had; any thread may read it */
};

/* Returns 0, or -1 when memory is out, after which pipe_pool_fini() is safe. */
int pipe_pool_init(struct pipe_pool *pool, struct event_base *base)
    __attribute__((warn_unused_result));
void pipe_pool_fini(struct pipe_pool *pool);

/*
 * An empty pipe, grown with F_SETPIPE_SZ (Linux 2.6.35) as far as the system lets it. NULL, and
 * counted, when descriptors are out or the system gives only pipes that are too small
 * (fs.pipe-user-pages-soft, Linux 4.5): copying still works, and is then faster.
 */
struct pipe_pair *pipe_pool_get(struct pipe_pool *pool);

/* Give a pipe back; one that is not empty is closed. NULL is fine. */
void pipe_pool_put(struct pipe_pool *pool, struct pipe_pair *pair);

#endif
