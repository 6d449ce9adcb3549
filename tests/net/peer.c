/* SPDX-License-Identifier: BSD-2-Clause */
/* Real sockets, as a load balancer and a backend use them. */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness.h"
#include "tcp_table.h"

#define FD_LIMIT 65536

/* Descriptors that peer_close_all() closes. */
static atomic_bool is_open[FD_LIMIT];

/* Connections that were reset before anyone had read from them; asking for their state took the
 * error. */
static atomic_bool was_reset[FD_LIMIT];

/* Listeners whose queue has room for all who come; before the daemon serves these are its probes.
 */
static atomic_bool is_roomy[FD_LIMIT];

int peer_adopt(int fd)
{
	ck_assert_int_lt(fd, FD_LIMIT);
	if (fd >= 0) {
		atomic_store(&is_open[fd], true);
		atomic_store(&was_reset[fd], false);
		atomic_store(&is_roomy[fd], false);
	}
	return fd;
}

struct addr peer_addr(const char *text)
{
	struct addr addr;

	ck_assert_msg(addr_parse(&addr, text) == 0, "not an address: %s", text);
	return addr;
}

static int new_socket(const struct addr *addr)
{
	const int on = 1;
	int fd = socket(addr_family(addr), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_msg(fd >= 0, "socket: %s", strerror(errno));
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	return peer_adopt(fd);
}

static void bind_to(int fd, const char *text)
{
	struct addr addr = peer_addr(text);

	ck_assert_msg(bind(fd, &addr.sa, addr_len(&addr)) == 0, "bind %s: %s", text,
		      strerror(errno));
}

int peer_listen_backlog(const char *address, int backlog)
{
	struct addr addr = peer_addr(address);
	int fd = new_socket(&addr);

	bind_to(fd, address);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

int peer_listen(const char *address)
{
	int fd = peer_listen_backlog(address, 4096);

	atomic_store(&is_roomy[fd], true);
	return fd;
}

int peer_poll(int fd, short events, int ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};
	int64_t deadline = harness_now_ms() + ms;
	int ready;

	do {
		int64_t left = deadline - harness_now_ms();

		ready = poll(&poll_fd, 1, left > 0 ? (int)left : 0);
	} while (ready < 0 && errno == EINTR);
	ck_assert_int_ge(ready, 0);
	return ready == 0 ? 0 : poll_fd.revents;
}

static void await_or_fail(int fd, short events, const char *what)
{
	ck_assert_msg(peer_poll(fd, events, harness_patience_ms()) != 0, "%s: nothing for %d ms",
		      what, harness_patience_ms());
}

int peer_begin_connect(const char *from, const char *to)
{
	struct addr addr = peer_addr(to);
	int fd = new_socket(&addr);

	if (from != NULL)
		bind_to(fd, from);
	if (connect(fd, &addr.sa, addr_len(&addr)) < 0 && errno != EINPROGRESS) {
		int error = errno;

		peer_close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int peer_try_connect(const char *from, const char *to)
{
	int fd = peer_begin_connect(from, to);
	socklen_t len = sizeof(int);
	int error;

	if (fd < 0)
		return -1;
	await_or_fail(fd, POLLOUT, "connect");
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	if (error != 0 && error != ECONNRESET) {
		peer_close(fd);
		errno = error;
		return -1;
	}
	/* Without a connection there is no reset, but a refusal. */
	atomic_store(&was_reset[fd], error == ECONNRESET);
	return fd;
}

int peer_connect(const char *from, const char *to)
{
	int fd = peer_try_connect(from, to);

	ck_assert_msg(fd >= 0, "connect to %s: %s", to, strerror(errno));
	return fd;
}

/* What accept(2) has to give now. */
static int accept_next(int listener, struct addr *from)
{
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);
	int fd = accept4(listener, (struct sockaddr *)&storage, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	ck_assert_msg(fd >= 0, "accept: %s", strerror(errno));
	ck_assert_int_eq(addr_from_sockaddr(from, (struct sockaddr *)&storage, len), 0);
	return peer_adopt(fd);
}

/*
 * Where the daemon's probes of its targets come from: from the host itself, or from the network of
 * documentation that it takes first for a client's.
 */
static bool may_be_probe(const struct addr *from)
{
	struct addr client =
	    peer_addr(addr_family(from) == AF_INET ? "192.0.2.0:0" : "[2001:db8:5a17::]:0");

	if (addr_is_loopback(from))
		return true;
	return addr_family(from) == AF_INET
		   ? memcmp(&from->in.sin_addr, &client.in.sin_addr, 3) == 0
		   : memcmp(&from->in6.sin6_addr, &client.in6.sin6_addr, 15) == 0;
}

static bool is_reset_unread(int fd)
{
	char byte;

	if (recv(fd, &byte, 1, MSG_PEEK) < 0 && errno == ECONNRESET)
		atomic_store(&was_reset[fd], true);
	return atomic_load(&was_reset[fd]);
}

/*
 * The daemon holds the last packet of a probe's handshake back and resets, so that no server sees
 * it; but the kernel sends that packet after 40 ms, for which the machine may stand still.
 */
int peer_accept(int listener, struct addr *from)
{
	struct addr addr;
	int fd;

	for (;;) {
		await_or_fail(listener, POLLIN, "accept");
		fd = accept_next(listener, &addr);
		if (!may_be_probe(&addr) || !is_reset_unread(fd))
			break;
		peer_close(fd);
	}
	if (from != NULL)
		*from = addr;
	return fd;
}

int peer_accept_from(int listener, const char *from)
{
	char text[ADDR_STRLEN];
	struct addr addr;
	int fd = peer_accept(listener, &addr);

	/* A probe that is not over yet. */
	while (strcmp(addr_format(&addr, text), from) != 0 && may_be_probe(&addr)) {
		HARNESS_AWAIT(is_reset_unread(fd));
		peer_close(fd);
		fd = peer_accept(listener, &addr);
	}
	ck_assert_str_eq(addr_format(&addr, text), from);
	return fd;
}

int peer_accept_from_ip(int listener, const char *ip, unsigned *port)
{
	char text[ADDR_STRLEN];
	struct addr addr;
	int fd = peer_accept(listener, &addr);

	ck_assert_str_eq(addr_format_ip(&addr, text), ip);
	*port = addr_port(&addr);
	return fd;
}

void peer_assert_no_connection(int listener)
{
	while (peer_is_readable(listener)) {
		char text[ADDR_STRLEN];
		struct addr from;
		int fd = accept_next(listener, &from);

		ck_assert_msg(may_be_probe(&from), "the backend got a connection from %s",
			      addr_format(&from, text));
		HARNESS_AWAIT(is_reset_unread(fd));
		peer_close(fd);
	}
}

void peer_drop_probes(void)
{
	struct addr from;

	for (int fd = 0; fd < FD_LIMIT; fd++)
		while (atomic_load(&is_open[fd]) && atomic_load(&is_roomy[fd]) &&
		       peer_is_readable(fd))
			peer_close(accept_next(fd, &from));
}

void peer_send(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);

		if (sent >= 0) {
			at += sent;
			len -= (size_t)sent;
		} else if (errno == EAGAIN) {
			await_or_fail(fd, POLLOUT, "send");
		} else {
			ck_assert_msg(errno == EINTR, "send: %s", strerror(errno));
		}
	}
}

void peer_send_text(int fd, const char *text)
{
	peer_send(fd, text, strlen(text));
}

size_t peer_fill(int fd, int quiet_ms)
{
	static const char zeros[65536];
	size_t total = 0;

	for (;;) {
		ssize_t sent = send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL);

		if (sent > 0)
			total += (size_t)sent;
		else if (errno == EAGAIN && peer_poll(fd, POLLOUT, quiet_ms) == 0)
			return total;
		else
			ck_assert_msg(errno == EAGAIN, "send: %s", strerror(errno));
	}
}

ssize_t peer_receive(int fd, void *bytes, size_t len)
{
	ssize_t got;

	if (atomic_load(&was_reset[fd]))
		return -1;
	for (;;) {
		await_or_fail(fd, POLLIN, "receive");
		got = recv(fd, bytes, len, 0);
		if (got >= 0)
			return got;
		if (errno == ECONNRESET || errno == EPIPE)
			return -1;
		ck_assert_msg(errno == EAGAIN || errno == EINTR, "recv: %s", strerror(errno));
	}
}

/* Returns how many of the bytes came, and in *last what the latest peer_receive() did. */
static size_t receive_these(int fd, const void *bytes, size_t len, ssize_t *last)
{
	const char *at = bytes;
	char got[16384];
	size_t done = 0;

	*last = 1;
	while (done < len) {
		size_t want = len - done < sizeof(got) ? len - done : sizeof(got);

		*last = peer_receive(fd, got, want);
		if (*last <= 0)
			break;
		ck_assert_msg(memcmp(got, at + done, (size_t)*last) == 0,
			      "other bytes than expected from offset %zu", done);
		done += (size_t)*last;
	}
	return done;
}

size_t peer_receive_some(int fd, const void *bytes, size_t len)
{
	ssize_t last;

	return receive_these(fd, bytes, len, &last);
}

void peer_expect(int fd, const void *bytes, size_t len)
{
	ssize_t last;
	size_t done = receive_these(fd, bytes, len, &last);

	ck_assert_msg(done == len, "%s after %zu of %zu bytes", last < 0 ? "reset" : "end", done,
		      len);
}

void peer_expect_text(int fd, const char *text)
{
	peer_expect(fd, text, strlen(text));
}

static const char *next_event(int fd)
{
	char byte;
	ssize_t got = peer_receive(fd, &byte, 1);

	return got > 0 ? "a byte" : got == 0 ? "the end" : "a reset";
}

void peer_expect_end(int fd)
{
	ck_assert_str_eq(next_event(fd), "the end");
}

void peer_expect_reset(int fd)
{
	ck_assert_str_eq(next_event(fd), "a reset");
}

void peer_expect_closed(int fd)
{
	ck_assert_str_ne(next_event(fd), "a byte");
}

static bool is_dead(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_state == TCP_CLOSE;
}

void peer_await_dead(int fd)
{
	HARNESS_AWAIT(is_dead(fd));
}

void peer_expect_silence(int fd, int ms)
{
	ck_assert_msg(peer_poll(fd, POLLIN, ms) == 0, "%s came, not silence", next_event(fd));
}

bool peer_is_readable(int fd)
{
	return peer_poll(fd, POLLIN, 0) != 0;
}

static bool all_is_acknowledged(int fd)
{
	int unacknowledged;

	ck_assert_int_eq(ioctl(fd, SIOCOUTQ, &unacknowledged), 0);
	return unacknowledged == 0;
}

void peer_await_acknowledged(int fd)
{
	HARNESS_AWAIT(all_is_acknowledged(fd));
}

static bool all_was_read(int fd)
{
	struct addr here;
	struct addr there;
	struct tcp_table_row row;
	socklen_t len = sizeof(here);

	if (!all_is_acknowledged(fd))
		return false;
	ck_assert_int_eq(getsockname(fd, &here.sa, &len), 0);
	len = sizeof(there);
	if (getpeername(fd, &there.sa, &len) < 0)
		return true; /* closed by the other end */
	return !tcp_table_find(&there, &here, &row) || row.rx_queue == 0;
}

void peer_await_read(int fd)
{
	HARNESS_AWAIT(all_was_read(fd));
}

void peer_finish(int fd)
{
	ck_assert_msg(shutdown(fd, SHUT_WR) == 0, "shutdown: %s", strerror(errno));
}

void peer_close(int fd)
{
	atomic_store(&is_open[fd], false);
	close(fd);
}

void peer_reset(int fd)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	peer_close(fd);
}

void peer_vanish(int fd)
{
	const int on = 1;

	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)), 0);
	peer_close(fd);
}

void peer_close_all(void)
{
	for (int fd = 0; fd < FD_LIMIT; fd++)
		if (atomic_load(&is_open[fd]))
			peer_close(fd);
}

void peer_set_buffers(int fd, int receive_bytes, int send_bytes)
{
	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes)), 0);
}

unsigned peer_local_port(int fd)
{
	struct addr addr;
	socklen_t len = sizeof(addr);

	ck_assert_int_eq(getsockname(fd, &addr.sa, &len), 0);
	return addr_port(&addr);
}
