/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets to answer from where listen_transparent caught datagrams for other ports than the
 * listener's own. A foreign address can be given with each reply, but a port only by binding to it.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_REPLY_SOCKETS_H
#define MMPROXY_REPLY_SOCKETS_H

#include <stddef.h>

#include "base/addr.h"

/* As many as have been used lately; the one unused longest makes room. */
#define REPLY_SOCKETS_MAX 1024

struct reply_socket;

struct reply_sockets {
	struct reply_socket *sockets; /* longest unused first */
};

/* A socket bound to this address, which stays the table's, or -1 with errno. */
int reply_sockets_get(struct reply_sockets *table, const struct addr *local);

/* Close all of them. */
void reply_sockets_fini(struct reply_sockets *table);

#endif
