/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a connection by a reset: at once when the peer has acknowledged all it was sent, else
 * held until it has, or until it is certain to have understood.
 *
 * A connection that is held costs its socket with what the kernel keeps there, and under 512 bytes;
 * it still counts as one of its service. One worker thread; a list belongs to a worker.
 */
#ifndef MMPROXY_RESET_H
#define MMPROXY_RESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "net/exact_reset.h"
#include "service/service.h"

/*
 * Held by a worker at one time. Beyond that the one held longest is closed as it is, which leaves a
 * backend that has not got all bytes with a connection that nobody answers.
 */
#define RESET_HELD_MAX 4096

/* Lengths of the pause between two looks at a connection: 2 ms, and doubled up to 512 ms. */
#define RESET_PAUSES 9

struct reset;

struct reset_list {
	struct exact_reset_raw raw;		  /* open only while something is held */
	TAILQ_HEAD(, reset) held;		  /* the one held longest first */
	TAILQ_HEAD(, reset) pauses[RESET_PAUSES]; /* by length; the one that ends next first */
	struct event timer;			  /* of the pause that ends next */
	size_t count;
	size_t count_max;
	bool stopping;
	void (*on_empty)(void *arg); /* the last one has gone; may be NULL */
	void *on_empty_arg;
};

/* count_max: held at one time, RESET_HELD_MAX. */
void reset_list_init(struct reset_list *list, struct event_base *base, size_t count_max,
		     void (*on_empty)(void *arg), void *arg);

/*
 * From now on nothing is held for longer than a second. on_empty comes from the loop, unless the
 * list is empty already.
 */
void reset_list_stop(struct reset_list *list);

bool reset_list_is_empty(const struct reset_list *list);

/* Close all that are left, as they are. */
void reset_list_fini(struct reset_list *list);

/*
 * Take a connected socket and reset it: at once when all has been acknowledged, else when it has
 * been or after half a second. foreign: its local address is not this host's, which takes more than
 * closing (net/exact_reset.h) when the peer has not got all of it; mark is what it was dialled
 * with.
 *
 * While it is held it has a place of its own in the service, and one more of its client's (NULL:
 * he has none).
 */
void reset_take(struct reset_list *list, int fd, bool foreign, uint32_t mark,
		struct service *service, struct client_place *client_place);

#endif
