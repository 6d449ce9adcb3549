/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edge-triggered readiness of many sockets behind one event of the worker's base.
 *
 * libevent reports a reset as "readable and writable", which an edge-triggered reader that stops at
 * a short read would miss behind the last bytes. So the sockets are watched by an epoll instance of
 * their own (epoll(7), Linux 2.6.17 for EPOLLRDHUP), which tells the kernel's own words, and which
 * costs no epoll_ctl(2) and no user memory after the socket has been added.
 * One worker thread.
 */
#ifndef MMPROXY_RELAY_POLL_H
#define MMPROXY_RELAY_POLL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include <event2/event.h>

/* Events of one epoll_wait(2). */
#define RELAY_POLL_BATCH 64

/* One socket, part of its owner's structure. */
struct relay_socket {
	TAILQ_ENTRY(relay_socket) later;
	int fd;
	bool queued;	    /* its turn comes again */
	uint32_t queued_in; /* the pass in which it was queued */

	/*
	 * EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR as they came; 0: its turn has
	 * come again.
	 */
	void (*on_ready)(struct relay_socket *socket, uint32_t events);
};

struct relay_poll {
	int fd;
	struct event *event;
	struct event *turns; /* when nothing else wakes the worker */
	uint32_t pass;	     /* changes with each pass of the loop: a turn is what fits into one */
	TAILQ_HEAD(relay_sockets, relay_socket) queue;
	struct epoll_event batch[RELAY_POLL_BATCH];
	int batch_at;
	int batch_len;
	/*
	 * Another process has the descriptors as well. Then closing one ends no watch (epoll(7)),
	 * and the kernel would go on telling of a socket whose structure is freed.
	 */
	bool shared;
};

/* Returns 0, or -1 with errno, after which relay_poll_fini() is safe. */
int relay_poll_init(struct relay_poll *poll, struct event_base *base)
    __attribute__((warn_unused_result));
void relay_poll_fini(struct relay_poll *poll);

/*
 * Watch a socket for everything until it is removed; on_ready comes from the loop, for the present
 * state first. Returns 0, or -1 with errno.
 */
int relay_poll_add(struct relay_poll *poll, struct relay_socket *socket)
    __attribute__((warn_unused_result));

/* Forget a socket, also events of it that were fetched already. Before its descriptor is closed. */
void relay_poll_remove(struct relay_poll *poll, struct relay_socket *socket);

/*
 * The same for a descriptor that is closed before the loop goes on: closing ends the watch, unless
 * it is shared.
 */
void relay_poll_forget(struct relay_poll *poll, struct relay_socket *socket);

/* Call on_ready again, with no events, in the next pass of the loop. */
void relay_poll_again(struct relay_poll *poll, struct relay_socket *socket);

#endif
