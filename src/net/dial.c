/* SPDX-License-Identifier: BSD-2-Clause */
/* The spoofed, non-blocking connect. */
#include "net/dial.h"

#include <errno.h>

#include "net/sock.h"
#include "net/udp_sock.h"

static int bind_source(int fd, const struct dial_request *request)
{
	struct addr source = request->source;

	if (request->any_port)
		addr_set_port(&source, 0);
	if (addr_port(&source) == 0)
		sock_bind_without_port(fd);
	return bind(fd, &source.sa, addr_len(&source));
}

static enum close_reason bind_reason(int error)
{
	switch (error) {
	case EACCES: /* a port below 1024, without CAP_NET_BIND_SERVICE */
	case EINVAL: /* a link-local IPv6 address without its interface */
		return REASON_SOURCE_INVALID;
	default:
		return dial_reason(error);
	}
}

int dial(const struct dial_request *request, enum close_reason *reason)
{
	const struct addr *target = &request->target;
	bool spoofed = addr_is_set(&request->source);
	bool own_port = spoofed && !request->any_port && addr_port(&request->source) != 0;
	int fd = request->datagrams
		     ? udp_sock_new(addr_family(target), spoofed, own_port, request->mark)
		     : sock_new_tcp(addr_family(target), spoofed, request->mark);

	if (fd < 0) {
		*reason = dial_reason(errno);
		return -1;
	}
	if (spoofed && bind_source(fd, request) < 0) {
		*reason = bind_reason(errno);
		return sock_fail(fd);
	}
	if (connect(fd, &target->sa, addr_len(target)) < 0 && errno != EINPROGRESS) {
		*reason = dial_reason(errno);
		return sock_fail(fd);
	}
	return fd;
}

enum close_reason dial_reason(int error)
{
	switch (error) {
	case EADDRINUSE:    /* bind(2) */
	case EADDRNOTAVAIL: /* connect(2) on a port already bound */
	case EAGAIN:	    /* connect(2) of UDP: the address has no port left */
		return REASON_SOURCE_CONFLICT;
	case ECONNREFUSED:
		return REASON_BACKEND_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return REASON_BACKEND_RESET;
	case ETIMEDOUT:
		return REASON_BACKEND_TIMEOUT;
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
	case EACCES: /* a prohibit route */
	case EPERM:  /* a firewall rule */
		return REASON_BACKEND_UNREACHABLE;
	case EMFILE:
	case ENFILE:
		return REASON_OUT_OF_DESCRIPTORS;
	default:
		return REASON_INTERNAL;
	}
}
