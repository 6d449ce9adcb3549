/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server behind the proxies of "make bench": echo, source and sink in one, as the first byte of
 * a connection or of a datagram asks (backend_role.h).
 *
 *	backend ADDRESS:PORT [THREADS]
 *
 * It runs until it is killed, and ends with its parent.
 */
#include <arpa/inet.h>
#include <errno.h>
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

#define BUFFER_LEN  (128 * 1024)
#define BACKLOG	    4096
#define EVENTS	    256
#define ACCEPTS	    64
#define THREADS_MAX 64

struct conn {
	int fd;
	char role; /* 0: not said yet */
	uint32_t events;
	uint8_t *pending; /* what the client has not taken yet; nothing is read meanwhile */
	size_t pending_at, pending_len;
};

struct thread {
	pthread_t id;
	int epoll_fd, listen_fd;
	uint8_t buffer[BUFFER_LEN];
};

static const uint8_t filler[BUFFER_LEN];

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

static int on_conn(struct thread *thread, struct conn *conn, uint32_t events)
{
	ssize_t got;

	if (!conn->role) {
		errno = 0;
		return conn_begin(thread, conn);
	}
	if (events & EPOLLERR)
		return -1;
	if (conn->role == BACKEND_SOURCE) {
		if (send(conn->fd, filler, sizeof(filler), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			return -1;
		return 0;
	}
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

int main(int argc, char **argv)
{
	struct thread *threads[THREADS_MAX];
	long count = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
	struct sockaddr_in addr;
	struct rlimit limit;

	if (argc < 2 || argc > 3 || !read_address(argv[1], &addr) || count < 1 ||
	    count > THREADS_MAX) {
		fprintf(stderr, "usage: backend ADDRESS:PORT [THREADS]\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	/* Who finds the port of TCP open finds that of UDP as well. */
	if (backend_udp_start(&addr, (unsigned)count) < 0)
		die("UDP");
	for (long i = 0; i < count; i++)
		threads[i] = thread_new(&addr);
	for (long i = 1; i < count; i++) {
		errno = pthread_create(&threads[i]->id, NULL, thread_main, threads[i]);
		if (errno != 0)
			die("pthread_create");
	}
	thread_main(threads[0]);
	return EXIT_SUCCESS;
}
