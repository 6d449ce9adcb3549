/* SPDX-License-Identifier: BSD-2-Clause */
/* accept(2), and what its errors mean. */
#include "net/accept.h"

#include <errno.h>

#include "net/sock.h"

static enum accept_result result_of(int error)
{
	switch (error) {
	case EAGAIN:
		return ACCEPT_NOTHING;
	case EMFILE:
	case ENFILE:
		return ACCEPT_NO_DESCRIPTOR;
	case ENOMEM:
	case ENOBUFS:
		return ACCEPT_NO_MEMORY;
	case EINTR:
	case EPERM: /* a firewall's rule */
	/* Errors of the connection itself, which Linux hands over in its place: accept(2). */
	case ECONNABORTED:
	case EPROTO:
	case ENOPROTOOPT:
	case EPROTONOSUPPORT:
	case ESOCKTNOSUPPORT:
	case ETIMEDOUT:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
		return ACCEPT_LOST;
	default:
		return ACCEPT_FAILED;
	}
}

enum accept_result accept_connection(int listener, int *fd, struct addr *peer)
{
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);

	*fd = accept4(listener, (struct sockaddr *)&storage, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (*fd < 0)
		return result_of(errno);
	if (addr_from_sockaddr(peer, (struct sockaddr *)&storage, len) < 0) {
		*fd = sock_fail(*fd);
		return ACCEPT_LOST;
	}
	return ACCEPT_CONNECTION;
}
