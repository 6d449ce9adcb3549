/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread of the load generator: opens connections, greets through them, hands them to the mode.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock_ns.h"

#define EVENTS 256

/* Connections that wait for their answer at one time while a thread opens its share. */
#define OPENING_MAX 128

/* How often connections over UDP are looked at, whose greeting may be lost. */
#define TICK_MS 50

/* After so long a greeting in a datagram is sent again. */
#define GREET_AGAIN_NS ((uint64_t)200 * 1000 * 1000)

/* Of a UDP socket: a window of bulk, and more. */
#define UDP_BUFFER (1024 * 1024)

/* After so many, what is wrong is known. */
#define ERRORS_MAX 1000

static void conn_close(struct load_thread *thread, struct load_conn *conn)
{
	if (conn->state == LOAD_CONNECTING || conn->state == LOAD_GREETING)
		thread->opening--;
	conn->state = LOAD_CLOSED;
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
}

int load_failed(struct load_thread *thread, struct load_conn *conn, const char *what, int error)
{
	char client[INET_ADDRSTRLEN] = "";

	if (atomic_load_explicit(&thread->shared->phase, memory_order_relaxed) != LOAD_STOP) {
		inet_ntop(AF_INET, &conn->client.sin_addr, client, sizeof(client));
		if (thread->errors == 0)
			snprintf(thread->first_error, sizeof(thread->first_error),
				 "%s: %s (client %s:%u)", what,
				 error ? strerror(error) : "the other side ended the connection",
				 client, ntohs(conn->client.sin_port));
		thread->errors++;
		atomic_fetch_add(&thread->shared->errors, 1);
	}
	conn_close(thread, conn);
	return -1;
}

int load_watch(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = conn};

	if (epoll_ctl(thread->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) < 0)
		return load_failed(thread, conn, "epoll_ctl", errno);
	return 0;
}

/* The header and the role, in one segment. Returns 0, 1 when it has to wait, or -1. */
static int conn_greet(struct load_thread *thread, struct load_conn *conn)
{
	uint8_t greeting[TUPLE_HEADER_MAX + 1];
	size_t len = conn->header_len;
	ssize_t sent;

	memcpy(greeting, conn->header, len);
	greeting[len++] = (uint8_t)thread->options->mode->role;
	sent = send(conn->fd, greeting, len, MSG_NOSIGNAL);
	if (sent == (ssize_t)len) {
		conn->state = LOAD_GREETING;
		return 0;
	}
	if (sent < 0 && errno == EAGAIN)
		return 1;
	/* An ICMP error of an earlier greeting; this one is not sent. */
	if (sent < 0 && errno == ECONNREFUSED && thread->options->mode->datagrams)
		return 0;
	return load_failed(thread, conn, "connect", sent < 0 ? errno : EMSGSIZE);
}

/* Of the header's version, and for the mode's transport. */
static void make_header(struct load_thread *thread, struct load_conn *conn)
{
	const struct load_options *options = thread->options;

	conn->header_len =
	    tuple_header(options->version, options->mode->datagrams, &conn->client, conn->header);
}

static void prepare_socket(const struct load_thread *thread, int fd)
{
	const int bytes = UDP_BUFFER;
	int one = 1;

	/* connect(2) then chooses a port that is free for this destination. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (!thread->options->mode->datagrams) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		return;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static void conn_open(struct load_thread *thread, struct load_conn *conn)
{
	struct epoll_event event = {.data.ptr = conn};
	struct sockaddr_in local;
	int type = thread->options->mode->datagrams ? SOCK_DGRAM : SOCK_STREAM;
	int greeted;

	conn->state = LOAD_CONNECTING;
	conn->number = 0;
	conn->got = 0;
	conn->under_way = 0;
	conn->sent = conn->received = 0;
	conn->finished = 0;
	conn->arrived = conn->counted = 0;
	thread->opening++;
	conn->started_ns = clock_ns();
	conn->fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (conn->fd < 0) {
		load_failed(thread, conn, "socket", errno);
		return;
	}
	if (!tuples_take(&thread->tuples, &conn->client, &local)) {
		load_failed(thread, conn, "out of client addresses for one run", EADDRNOTAVAIL);
		return;
	}
	make_header(thread, conn);
	prepare_socket(thread, conn->fd);
	if (bind(conn->fd, (const struct sockaddr *)&local, sizeof(local)) < 0) {
		load_failed(thread, conn, "bind", errno);
		return;
	}
	if (connect(conn->fd, (const struct sockaddr *)&thread->options->target,
		    sizeof(thread->options->target)) < 0 &&
	    errno != EINPROGRESS) {
		load_failed(thread, conn, "connect", errno);
		return;
	}
	/* Over the loopback the handshake is over when connect(2) returns, whatever it returns. */
	greeted = conn_greet(thread, conn);
	if (greeted < 0)
		return;
	event.events = greeted == 0 ? EPOLLIN : EPOLLOUT;
	if (epoll_ctl(thread->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) < 0)
		load_failed(thread, conn, "epoll_ctl", errno);
}

static void open_more(struct load_thread *thread)
{
	while (thread->started < thread->count && thread->opening < OPENING_MAX &&
	       thread->errors < ERRORS_MAX)
		conn_open(thread, &thread->conns[thread->started++]);
}

void load_reopen(struct load_thread *thread, struct load_conn *conn)
{
	conn_close(thread, conn);
	conn_open(thread, conn);
}

static void on_greeted(struct load_thread *thread, struct load_conn *conn)
{
	uint8_t answer;
	bool datagrams = thread->options->mode->datagrams;
	ssize_t got = recv(conn->fd, &answer, 1, datagrams ? MSG_PEEK : 0);

	if (got < 0 && (errno == EAGAIN || (errno == ECONNREFUSED && datagrams)))
		return;
	if (got != 1) {
		load_failed(thread, conn, "waiting for the first byte", got < 0 ? errno : 0);
		return;
	}
	if (answer != (uint8_t)thread->options->mode->role) {
		load_failed(thread, conn, "the first byte is another one", EBADMSG);
		return;
	}
	thread->opening--;
	conn->state = LOAD_OPEN;
	if (thread->options->mode->on_open(thread, conn) == 0)
		atomic_fetch_add_explicit(&thread->shared->open, 1, memory_order_relaxed);
}

static void on_ready(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	switch (conn->state) {
	case LOAD_CLOSED:
		break;
	case LOAD_CONNECTING:
		if (conn_greet(thread, conn) == 0)
			(void)load_watch(thread, conn, EPOLLIN);
		break;
	case LOAD_GREETING:
		on_greeted(thread, conn);
		break;
	case LOAD_OPEN:
		(void)thread->options->mode->on_ready(thread, conn, events);
		break;
	}
}

static void tick(struct load_thread *thread)
{
	uint64_t now_ns = clock_ns();

	for (unsigned i = 0; i < thread->started; i++) {
		struct load_conn *conn = &thread->conns[i];

		if (conn->state == LOAD_OPEN && thread->options->mode->on_tick)
			(void)thread->options->mode->on_tick(thread, conn, now_ns);
		else if (conn->state == LOAD_GREETING &&
			 now_ns - conn->started_ns > GREET_AGAIN_NS) {
			conn->started_ns = now_ns;
			(void)conn_greet(thread, conn);
		}
	}
}

/* For epoll_wait(2): -1 where nothing is looked at. */
static int tick_ms_of(const struct load_mode *mode)
{
	if (mode->tick_ms > 0)
		return mode->tick_ms;
	return mode->datagrams ? TICK_MS : -1;
}

struct load_thread *load_thread_new(struct load_shared *shared, unsigned index)
{
	const struct load_options *options = shared->options;
	struct epoll_event event = {.events = EPOLLIN};
	struct load_thread *thread = calloc(1, sizeof(*thread));

	if (!thread)
		return NULL;
	thread->shared = shared;
	thread->options = options;
	thread->count = options->connections / options->threads +
			(index < options->connections % options->threads);
	tuples_init(&thread->tuples, options->local_net, options->run, index, options->threads);
	thread->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	thread->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	thread->conns = calloc(thread->count, sizeof(*thread->conns));
	if (!thread->conns || thread->epoll_fd < 0 || thread->wake_fd < 0 ||
	    epoll_ctl(thread->epoll_fd, EPOLL_CTL_ADD, thread->wake_fd, &event) < 0) {
		load_thread_free(thread);
		return NULL;
	}
	for (unsigned i = 0; i < thread->count; i++)
		thread->conns[i].fd = -1;
	return thread;
}

void *load_thread_main(void *arg)
{
	struct load_thread *thread = arg;
	int tick_ms = tick_ms_of(thread->options->mode);
	uint64_t ticked_ns = clock_ns();

	while (atomic_load_explicit(&thread->shared->phase, memory_order_relaxed) != LOAD_STOP) {
		struct epoll_event events[EVENTS];
		int count;

		open_more(thread);
		count = epoll_wait(thread->epoll_fd, events, EVENTS, tick_ms);
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				on_ready(thread, events[i].data.ptr, events[i].events);
		}
		if (tick_ms > 0 && clock_ns() - ticked_ns >= (uint64_t)tick_ms * 1000 * 1000) {
			ticked_ns = clock_ns();
			tick(thread);
		}
	}
	for (unsigned i = 0; i < thread->count; i++)
		conn_close(thread, &thread->conns[i]);
	return NULL;
}

void load_thread_wake(struct load_thread *thread)
{
	uint64_t one = 1;

	if (write(thread->wake_fd, &one, sizeof(one)) < 0)
		fprintf(stderr, "load: eventfd: %s\n", strerror(errno));
}

void load_thread_free(struct load_thread *thread)
{
	if (!thread)
		return;
	if (thread->epoll_fd >= 0)
		close(thread->epoll_fd);
	if (thread->wake_fd >= 0)
		close(thread->wake_fd);
	free(thread->conns);
	free(thread);
}
