/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets to answer from where listen_transparent caught datagrams. */
#include "udp/reply_sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/keyed_hash.h"
#include "net/sock.h"
#include "net/udp_sock.h"

struct reply_socket {
	struct addr local;
	UT_hash_handle hh; /* in the order of use */
	int fd;
};

static unsigned hash_of(const struct addr *local)
{
	return (unsigned)keyed_hash(local, sizeof(*local));
}

static void forget(struct reply_sockets *table, struct reply_socket *socket)
{
	HASH_DELETE(hh, table->sockets, socket);
	sock_close(socket->fd);
	free(socket);
}

static struct reply_socket *open_socket(struct reply_sockets *table, const struct addr *local)
{
	struct reply_socket *socket = calloc(1, sizeof(*socket));

	if (socket == NULL)
		return NULL;
	socket->local = *local;
	socket->fd = udp_sock_bind_reply(local);
	if (socket->fd < 0) {
		free(socket);
		return NULL;
	}
	HASH_ADD_BYHASHVALUE(hh, table->sockets, local, sizeof(socket->local), hash_of(local),
			     socket);
	if (socket->hh.tbl == NULL) {
		sock_close(socket->fd);
		free(socket);
		errno = ENOMEM;
		return NULL;
	}
	return socket;
}

int reply_sockets_get(struct reply_sockets *table, const struct addr *local)
{
	struct reply_socket *socket;

	HASH_FIND_BYHASHVALUE(hh, table->sockets, local, sizeof(*local), hash_of(local), socket);
	if (socket == NULL) {
		/* The table is in the order of adding, which is that of use: see below. */
		if (HASH_COUNT(table->sockets) >= REPLY_SOCKETS_MAX)
			forget(table, table->sockets);
		socket = open_socket(table, local);
		return socket != NULL ? socket->fd : -1;
	}
	if (socket->hh.next != NULL) {
		HASH_DELETE(hh, table->sockets, socket);
		HASH_ADD_BYHASHVALUE(hh, table->sockets, local, sizeof(socket->local),
				     hash_of(local), socket);
		if (socket->hh.tbl == NULL) {
			sock_close(socket->fd);
			free(socket);
			errno = ENOMEM;
			return -1;
		}
	}
	return socket->fd;
}

void reply_sockets_fini(struct reply_sockets *table)
{
	while (table->sockets != NULL)
		forget(table, table->sockets);
}
