/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server behind the proxies of "make bench": echo, source and sink in one, as the first byte of
 * a connection or of a datagram asks (backend_role.h).
 *
 *	backend [-w BYTES] [-r BYTES] ADDRESS:PORT [THREADS]
 *
 * -w is the size of a source's writes (128 KiB), -r how much one sends a second (what it can).
 * It runs until it is killed, and ends with its parent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend_role.h"
#include "backend_udp.h"
#include "clock_ns.h"

#define BUFFER_LEN  (128 * 1024)
#define WRITE_MAX   (256 * 1024)
#define BACKLOG	    4096
#define EVENTS	    256
#define ACCEPTS	    64
#define THREADS_MAX 64

struct conn {
	int fd;
	char role; /* 0: not said yet */
	uint32_t events;
	uint64_t stamp_ns; /* of the block under way */
	size_t block_at;   /* bytes of it that were sent */
	uint8_t *pending;  /* what the client has not taken yet; nothing is read meanwhile */
	size_t pending_at, pending_len;
};

struct thread {
	pthread_t id;
	int epoll_fd, listen_fd;
	uint8_t buffer[BUFFER_LEN];
};

static const uint8_t filler[WRITE_MAX];

/* How sources send, as the command line says. */
static unsigned write_len = BUFFER_LEN;
static unsigned rate; /* bytes a second; 0: no limit */

static void die(const char *what)
{
	fprintf(stderr, "backend: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void conn_close(struct conn *conn)
{
	close(conn->fd);
	free(conn->pending);
	free(conn);
}

static int conn_watch(struct thread *thread, struct conn *conn, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = conn};

	if (conn->events == events)
		return 0;
	conn->events = events;
	return epoll_ctl(thread->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

/* Send, and keep what is not taken. Returns -1 when the connection is over. */
static int conn_send(struct thread *thread, struct conn *conn, const uint8_t *bytes, size_t len)
{
	ssize_t sent = send(conn->fd, bytes, len, MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN)
		return -1;
	if (sent < 0)
		sent = 0;
	if ((size_t)sent == len)
		return 0;
	conn->pending_len = len - (size_t)sent;
	conn->pending_at = 0;
	conn->pending = malloc(conn->pending_len);
	if (!conn->pending)
		return -1;
	memcpy(conn->pending, bytes + sent, conn->pending_len);
	return conn_watch(thread, conn, EPOLLOUT);
}

static int conn_flush(struct thread *thread, struct conn *conn)
{
	ssize_t sent = send(conn->fd, conn->pending + conn->pending_at,
			    conn->pending_len - conn->pending_at, MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN ? 0 : -1;
	conn->pending_at += (size_t)sent;
	if (conn->pending_at < conn->pending_len)
		return 0;
	free(conn->pending);
	conn->pending = NULL;
	return conn_watch(thread, conn, EPOLLIN);
}

static int conn_tell_who(struct thread *thread, struct conn *conn)
{
	char text[INET_ADDRSTRLEN + 16], address[INET_ADDRSTRLEN];
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	int len;

	if (getpeername(conn->fd, (struct sockaddr *)&peer, &size) < 0)
		return -1;
	inet_ntop(AF_INET, &peer.sin_addr, address, sizeof(address));
	len = snprintf(text, sizeof(text), "%c%s:%u\n", BACKEND_WHO, address, ntohs(peer.sin_port));
	return conn_send(thread, conn, (const uint8_t *)text, (size_t)len);
}

/* The first byte. */
static int conn_begin(struct thread *thread, struct conn *conn)
{
	uint8_t role;

	if (recv(conn->fd, &role, 1, 0) != 1)
		return errno == EAGAIN ? 0 : -1;
	conn->role = (char)role;
	switch (role) {
	case BACKEND_WHO:
		return conn_tell_who(thread, conn);
	case BACKEND_SOURCE:
		/* TCP itself paces, so bytes wait in this socket and not in the proxy's. */
		if (rate > 0 &&
		    setsockopt(conn->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)) < 0)
			return -1;
		/* fall through */
	case BACKEND_STAMPED:
		if (conn_watch(thread, conn, EPOLLOUT) < 0)
			return -1;
		break;
	case BACKEND_ECHO:
	case BACKEND_SINK:
		break;
	default:
		fprintf(stderr, "backend: a client asks for role %#x\n", role);
		return -1;
	}
	return conn_send(thread, conn, &role, 1);
}

/* One write of a source. Returns -1 when the connection is over. */
static int conn_send_filler(struct conn *conn)
{
	ssize_t sent = send(conn->fd, filler, write_len, MSG_NOSIGNAL);

	return sent < 0 && errno != EAGAIN ? -1 : 0;
}

/* Some of a block, which has the time when its first byte was taken. Returns as above. */
static int conn_send_stamped(struct thread *thread, struct conn *conn)
{
	ssize_t sent;

	if (conn->block_at == 0)
		conn->stamp_ns = clock_ns();
	memset(thread->buffer, 0, BACKEND_BLOCK_LEN);
	memcpy(thread->buffer, &conn->stamp_ns, sizeof(conn->stamp_ns));
	sent = send(conn->fd, thread->buffer + conn->block_at, BACKEND_BLOCK_LEN - conn->block_at,
		    MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN ? 0 : -1;
	conn->block_at = (conn->block_at + (size_t)sent) % BACKEND_BLOCK_LEN;
	return 0;
}

static int on_conn(struct thread *thread, struct conn *conn, uint32_t events)
{
	ssize_t got;

	if (!conn->role) {
		errno = 0;
		return conn_begin(thread, conn);
	}
	if (events & EPOLLERR)
		return -1;
	if (conn->role == BACKEND_SOURCE)
		return conn_send_filler(conn);
	if (conn->role == BACKEND_STAMPED)
		return conn_send_stamped(thread, conn);
	if (conn->pending)
		return conn_flush(thread, conn);
	got = recv(conn->fd, thread->buffer, sizeof(thread->buffer), 0);
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	if (got == 0)
		return -1;
	if (conn->role == BACKEND_ECHO)
		return conn_send(thread, conn, thread->buffer, (size_t)got);
	return 0;
}

static void on_accept(struct thread *thread)
{
	for (int i = 0; i < ACCEPTS; i++) {
		struct epoll_event event = {.events = EPOLLIN};
		struct conn *conn;
		int one = 1, fd;

		fd = accept4(thread->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
			return;
		if (fd < 0)
			die("accept");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		conn = calloc(1, sizeof(*conn));
		if (!conn)
			die("calloc");
		conn->fd = fd;
		conn->events = event.events;
		event.data.ptr = conn;
		if (epoll_ctl(thread->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
			die("epoll_ctl");
	}
}

static void *thread_main(void *arg)
{
	struct thread *thread = arg;

	for (;;) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(thread->epoll_fd, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			struct conn *conn = events[i].data.ptr;

			if (!conn)
				on_accept(thread);
			else if (on_conn(thread, conn, events[i].events) < 0)
				conn_close(conn);
		}
	}
	return NULL;
}

static struct thread *thread_new(const struct sockaddr_in *addr)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct thread *thread = calloc(1, sizeof(*thread));
	int one = 1;

	if (!thread)
		die("calloc");
	thread->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	thread->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (thread->epoll_fd < 0 || thread->listen_fd < 0)
		die("socket");
	setsockopt(thread->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(thread->listen_fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (bind(thread->listen_fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		die("bind");
	if (listen(thread->listen_fd, BACKLOG) < 0)
		die("listen");
	if (epoll_ctl(thread->epoll_fd, EPOLL_CTL_ADD, thread->listen_fd, &event) < 0)
		die("epoll_ctl");
	return thread;
}

static bool read_address(const char *text, struct sockaddr_in *addr)
{
	char host[INET_ADDRSTRLEN];
	unsigned port;

	memset(addr, 0, sizeof(*addr));
	addr->sin_family = AF_INET;
	if (sscanf(text, "%15[0-9.]:%u", host, &port) != 2 || port == 0 || port > UINT16_MAX)
		return false;
	addr->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &addr->sin_addr) == 1;
}

static bool read_number(const char *text, unsigned max, unsigned *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < 1 || value > max)
		return false;
	*number = (unsigned)value;
	return true;
}

static bool read_arguments(int argc, char **argv, struct sockaddr_in *addr, unsigned *threads)
{
	int option;

	while ((option = getopt(argc, argv, "w:r:")) != -1) {
		if (option == 'w' && read_number(optarg, WRITE_MAX, &write_len))
			continue;
		if (option == 'r' && read_number(optarg, UINT_MAX, &rate))
			continue;
		return false;
	}
	if (optind == argc || argc - optind > 2 || !read_address(argv[optind], addr))
		return false;
	*threads = 1;
	return argc - optind == 1 || read_number(argv[optind + 1], THREADS_MAX, threads);
}

int main(int argc, char **argv)
{
	struct thread *threads[THREADS_MAX];
	unsigned count;
	struct sockaddr_in addr;
	struct rlimit limit;

	if (!read_arguments(argc, argv, &addr, &count)) {
		fprintf(stderr, "usage: backend [-w BYTES] [-r BYTES] ADDRESS:PORT [THREADS]\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	/* Who finds the port of TCP open finds that of UDP as well. */
	if (backend_udp_start(&addr, count) < 0)
		die("UDP");
	for (unsigned i = 0; i < count; i++)
		threads[i] = thread_new(&addr);
	for (unsigned i = 1; i < count; i++) {
		errno = pthread_create(&threads[i]->id, NULL, thread_main, threads[i]);
		if (errno != 0)
			die("pthread_create");
	}
	thread_main(threads[0]);
	return EXIT_SUCCESS;
}
