/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets that replies leave by: a listener's own, and those for the other ports that a TPROXY rule
 * catches with listen_transparent. A reply can be given any address that it comes from, but a port
 * only by a socket that is bound to it.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_REPLY_SOCKETS_H
#define MMPROXY_REPLY_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <event2/event.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/addr.h"
#include "service/descriptor_share.h"

/* As many for other ports as have been used lately; the one unused longest makes room. */
#define REPLY_SOCKETS_MAX 1024

/*
 * Buffers of a listening socket, which serves all flows: a burst of a thousand datagrams of each
 * 1200 bytes has room while the worker does something else. What replies leave by has the same.
 */
#define REPLY_SOCKETS_BUFFER (4 * 1024 * 1024)

struct flow;

struct reply_socket {
	int fd;
	size_t join_max; /* as outbox.h has it */
	size_t room;	 /* bytes of its buffer that are certainly free */
	bool full;	 /* its buffer was full: flows whose replies leave by it wait */
	struct event *writable;
	TAILQ_HEAD(, flow) waiting; /* not read until it is writable */
	/* Of those for other ports alone: */
	struct addr local;
	UT_hash_handle hh;
	TAILQ_ENTRY(reply_socket) used; /* longest unused first */
};

/* Those for other ports. */
struct reply_sockets {
	struct event_base *base;
	event_callback_fn on_writable; /* called with the struct reply_socket */
	struct descriptor_share *descriptors;
	struct reply_socket *by_local;
	TAILQ_HEAD(, reply_socket) used;
};

/*
 * Make a socket of a bound descriptor, which stays the caller's. on_writable is called with it some
 * time after reply_socket_set_full(). Returns 0, or -1 when memory is out; fini is fine then.
 */
int reply_socket_init(struct reply_socket *socket, int fd, struct event_base *base,
		      event_callback_fn on_writable) __attribute__((warn_unused_result));

/* No flow waits for it. */
void reply_socket_fini(struct reply_socket *socket);

/* Have flows wait, until it is writable. */
void reply_socket_set_full(struct reply_socket *socket);

void reply_sockets_init(struct reply_sockets *sockets, struct event_base *base,
			event_callback_fn on_writable, struct descriptor_share *descriptors);

/* Close all of them; no flow waits for one. */
void reply_sockets_fini(struct reply_sockets *sockets);

/* The socket that is bound to this address, which becomes the one used last, or NULL. */
struct reply_socket *reply_sockets_find(struct reply_sockets *sockets, const struct addr *local);

/*
 * Bind one, which stays the table's. Returns NULL with errno; EMFILE says that no descriptor is
 * left that it may have.
 */
struct reply_socket *reply_sockets_open(struct reply_sockets *sockets, const struct addr *local)
    __attribute__((warn_unused_result));

/* Whether another can be opened while there are all of these. */
bool reply_sockets_are_full(const struct reply_sockets *sockets);

/* The one unused longest, or NULL. */
struct reply_socket *reply_sockets_oldest(const struct reply_sockets *sockets);

/* Close one that no flow waits for. */
void reply_sockets_close(struct reply_sockets *sockets, struct reply_socket *socket);

#endif
