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

static enum close_reason connect_reason(int error)
{
	/* Of an address of the right family: a link-local IPv6 one without its interface. */
	return error == EINVAL ? REASON_DESTINATION_DENIED : dial_reason(error);
}

/*
 * Whether the kernel has chosen the target's own port as the source: with nobody listening there,
 * such a socket is connected to itself (RFC 9293, section 3.5) and answers with what it is sent.
 * Only a port that the kernel chose can be that one: a source that names it never gets here.
 */
static bool is_connected_to_itself(int fd, const struct dial_request *request)
{
	bool chosen = request->any_port || addr_port(&request->source) == 0;
	struct addr local;

	if (!chosen ||
	    (addr_is_set(&request->source) && !addr_equal_ip(&request->source, &request->target)))
		return false;
	return sock_local_addr(fd, &local) == 0 && addr_equal(&local, &request->target);
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
	/* Before connect(2), which says how large a window there may ever be. */
	if (request->buffer != 0)
		sock_set_buffers(fd, request->buffer);
	if (spoofed && bind_source(fd, request) < 0) {
		*reason = bind_reason(errno);
		return sock_fail(fd);
	}
	if (request->unseen)
		sock_hold_acknowledgement(fd);
	if (connect(fd, &target->sa, addr_len(target)) < 0 && errno != EINPROGRESS) {
		*reason = connect_reason(errno);
		return sock_fail(fd);
	}
	if (is_connected_to_itself(fd, request)) {
		sock_abort(fd);
		errno = ECONNREFUSED;
		*reason = REASON_BACKEND_REFUSED;
		return -1;
	}
	return fd;
}

enum close_reason dial_reason(int error)
{
	switch (error) {
	case EADDRINUSE:    /* bind(2): another socket has the port, a listening one for instance */
	case EADDRNOTAVAIL: /* connect(2): source and target are a pair in use */
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
