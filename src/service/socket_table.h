/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listening sockets that one listener of one worker has been lent, by their places. A kind of
 * listener embeds struct table_socket, as the first member, in what it has for each.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_SOCKET_TABLE_H
#define MMPROXY_SOCKET_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/listener.h"

struct table_socket {
	struct listener_socket lent;
	bool leaves; /* it is not in the setup in hand, or is another process's */
};

/* All zero is an empty one. */
struct socket_table {
	struct table_socket **places; /* NULL: it is free */
	size_t count;
};

/* What a kind of listener does with its sockets. */
struct socket_table_kind {
	/* Some sockets leave; they are still in the table. May be NULL. */
	void (*before_leaving)(void *listener);
	/* Free it; it is in the table no more. lent.passed_on: another process has it now. */
	void (*drop)(void *listener, struct table_socket *socket);
	/* Make one; the table sets what is lent. Returns NULL when memory is out. */
	struct table_socket *(*add)(void *listener, const struct listener_socket *lent);
};

/*
 * Have what the setup lists: sockets that it does not list, or that have been passed on, are
 * dropped, then the new ones are added. Returns 0, or -1 when memory is out, and then it may be
 * called again with the same.
 */
int socket_table_apply(struct socket_table *table, const struct listener_setup *setup,
		       const struct socket_table_kind *kind, void *listener)
    __attribute__((warn_unused_result));

/* Drop all of them. */
void socket_table_clear(struct socket_table *table, const struct socket_table_kind *kind,
			void *listener);

/* Free an empty table's memory. */
void socket_table_fini(struct socket_table *table);

/* The socket with this number; NULL when it has gone, whoever has its place now. */
struct table_socket *socket_table_find(const struct socket_table *table, uint32_t number);

/*
 * For walks: the first socket at this place or behind it, of which *at becomes the next place; NULL
 * when there is none.
 */
struct table_socket *socket_table_next(const struct socket_table *table, size_t *at);

#endif
