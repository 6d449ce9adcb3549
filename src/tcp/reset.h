/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a connection whose other side was reset: deliver what had come before the reset, then
 * reset, and be sure that the peer has understood.
 *
 * One worker thread; a list belongs to a worker.
 */
#ifndef MMPROXY_RESET_H
#define MMPROXY_RESET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/event.h>

struct reset;

struct reset_list {
	struct event_base *base;
	LIST_HEAD(, reset) entries;
	void (*on_empty)(void *arg); /* the last entry has gone; may be NULL */
	void *on_empty_arg;
};

void reset_list_init(struct reset_list *list, struct event_base *base, void (*on_empty)(void *arg),
		     void *arg);

/* Reset all that are left, now; takes up to 300 ms when peers are slow to answer. */
void reset_list_fini(struct reset_list *list);

/*
 * Take a connected socket and the bytes it was to get (NULL for none), and reset it: at once when
 * all has been acknowledged, else when it has been or after half a second. foreign: its local
 * address is not this host's, which takes more than closing (see net/exact_reset.h) when the peer
 * has not got all of it; mark is what it was dialled with.
 */
void reset_take(struct reset_list *list, int fd, struct evbuffer *undelivered, bool foreign,
		uint32_t mark);

#endif
