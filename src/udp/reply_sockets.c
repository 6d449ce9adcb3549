/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets that replies leave by. */
#include "udp/reply_sockets.h"

#include <errno.h>
#include <stdlib.h>

#include "base/keyed_hash.h"
#include "net/sock.h"
#include "net/udp_sock.h"
#include "udp/outbox.h"

static unsigned hash_of(const struct addr *local)
{
	return (unsigned)keyed_hash(local, sizeof(*local));
}

int reply_socket_init(struct reply_socket *socket, int fd, struct event_base *base,
		      event_callback_fn on_writable)
{
	socket->fd = fd;
	socket->join_max = OUTBOX_JOIN_ALL;
	TAILQ_INIT(&socket->waiting);
	socket->writable = event_new(base, fd, EV_WRITE, on_writable, socket);
	return socket->writable != NULL ? 0 : -1;
}

void reply_socket_fini(struct reply_socket *socket)
{
	if (socket->writable != NULL)
		event_free(socket->writable);
	socket->writable = NULL;
}

void reply_socket_set_full(struct reply_socket *socket)
{
	/* Without the event nobody would say when it is over. */
	if (event_add(socket->writable, NULL) == 0)
		socket->full = true;
}

void reply_sockets_init(struct reply_sockets *sockets, struct event_base *base,
			event_callback_fn on_writable, struct descriptor_share *descriptors)
{
	sockets->base = base;
	sockets->on_writable = on_writable;
	sockets->descriptors = descriptors;
	sockets->by_local = NULL;
	TAILQ_INIT(&sockets->used);
}

void reply_sockets_fini(struct reply_sockets *sockets)
{
	while (sockets->by_local != NULL)
		reply_sockets_close(sockets, sockets->by_local);
}

struct reply_socket *reply_sockets_find(struct reply_sockets *sockets, const struct addr *local)
{
	struct reply_socket *socket;

	HASH_FIND_BYHASHVALUE(hh, sockets->by_local, local, sizeof(*local), hash_of(local), socket);
	if (socket != NULL) {
		TAILQ_REMOVE(&sockets->used, socket, used);
		TAILQ_INSERT_TAIL(&sockets->used, socket, used);
	}
	return socket;
}

static int bind_fd(const struct reply_sockets *sockets, const struct addr *local)
{
	int fd = udp_sock_bind_reply(local);

	if (fd >= 0 && !descriptor_share_allows(sockets->descriptors, fd)) {
		sock_close(fd);
		errno = EMFILE;
		return -1;
	}
	if (fd >= 0)
		udp_sock_set_buffers(fd, 0, REPLY_SOCKETS_BUFFER);
	return fd;
}

struct reply_socket *reply_sockets_open(struct reply_sockets *sockets, const struct addr *local)
{
	struct reply_socket *socket = calloc(1, sizeof(*socket));
	int fd;

	if (socket == NULL)
		return NULL;
	fd = bind_fd(sockets, local);
	if (fd < 0) {
		free(socket);
		return NULL;
	}
	socket->local = *local;
	if (reply_socket_init(socket, fd, sockets->base, sockets->on_writable) < 0)
		goto out_of_memory;
	HASH_ADD_BYHASHVALUE(hh, sockets->by_local, local, sizeof(socket->local), hash_of(local),
			     socket);
	if (socket->hh.tbl == NULL)
		goto out_of_memory;
	TAILQ_INSERT_TAIL(&sockets->used, socket, used);
	return socket;

out_of_memory:
	reply_socket_fini(socket);
	sock_close(fd);
	free(socket);
	errno = ENOMEM;
	return NULL;
}

bool reply_sockets_are_full(const struct reply_sockets *sockets)
{
	return HASH_COUNT(sockets->by_local) >= REPLY_SOCKETS_MAX;
}

struct reply_socket *reply_sockets_oldest(const struct reply_sockets *sockets)
{
	return TAILQ_FIRST(&sockets->used);
}

void reply_sockets_close(struct reply_sockets *sockets, struct reply_socket *socket)
{
	HASH_DELETE(hh, sockets->by_local, socket);
	TAILQ_REMOVE(&sockets->used, socket, used);
	reply_socket_fini(socket);
	sock_close(socket->fd);
	free(socket);
}
