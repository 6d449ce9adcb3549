/* SPDX-License-Identifier: BSD-2-Clause */
/* A backend in a process of its own that keeps its connections busy until they end. */
#include "busy_backend.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

#define EVENTS_MAX 256

/* One visit moves at most this much, so that no connection waits for another. */
#define VISIT_MAX (256 * 1024)

/* Bytes of an echo that wait to be sent. */
struct guest {
	int fd;
	bool unfinished; /* a visit ended because it had moved enough */
	size_t len;
	char bytes[16384];
};

static enum busy_kind kind;

/* Each function returns false when the connection is over. */

static bool pour(struct guest *guest)
{
	for (size_t done = 0; done < VISIT_MAX;) {
		ssize_t sent = send(guest->fd, guest->bytes, sizeof(guest->bytes), MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN;
		done += (size_t)sent;
	}
	guest->unfinished = true;
	return true;
}

static bool drain(struct guest *guest)
{
	for (size_t done = 0; done < VISIT_MAX;) {
		ssize_t got = recv(guest->fd, guest->bytes, sizeof(guest->bytes), 0);

		if (got <= 0)
			return got < 0 && errno == EAGAIN;
		done += (size_t)got;
	}
	guest->unfinished = true;
	return true;
}

static bool echo(struct guest *guest)
{
	for (size_t done = 0; done < VISIT_MAX;) {
		ssize_t sent;
		ssize_t got = recv(guest->fd, guest->bytes + guest->len,
				   sizeof(guest->bytes) - guest->len, 0);

		if (guest->len < sizeof(guest->bytes) && (got == 0 || (got < 0 && errno != EAGAIN)))
			return false;
		guest->len += got > 0 ? (size_t)got : 0;
		if (guest->len == 0)
			return true;
		sent = send(guest->fd, guest->bytes, guest->len, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN;
		guest->len -= (size_t)sent;
		memmove(guest->bytes, guest->bytes + sent, guest->len);
		done += (size_t)sent;
	}
	guest->unfinished = true;
	return true;
}

static bool visit(struct guest *guest, uint32_t events)
{
	if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		return false;
	switch (kind) {
	case BUSY_STUCK:
		return pour(guest);
	case BUSY_ECHO:
		return echo(guest);
	case BUSY_PUMP:
		return drain(guest) && pour(guest);
	case BUSY_SINK:
		return drain(guest);
	default:
		return true;
	}
}

static uint32_t interests(void)
{
	/* Edge-triggered: an end is told of in any case, and a full socket wakes nobody. */
	return (kind == BUSY_SILENT ? 0 : EPOLLIN | EPOLLOUT) | EPOLLET;
}

static void receive_guest(int epoll_fd, int listener)
{
	struct epoll_event event = {.events = interests()};
	struct guest *guest = calloc(1, sizeof(*guest));

	if (guest == NULL)
		_exit(1);
	guest->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	event.data.ptr = guest;
	if (guest->fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, guest->fd, &event) < 0)
		free(guest);
}

/* Nothing new need happen for the next visit. */
static void come_again(int epoll_fd, struct guest *guest)
{
	struct epoll_event event = {.events = interests(), .data.ptr = guest};

	guest->unfinished = false;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, guest->fd, &event) < 0)
		_exit(1);
}

static _Noreturn void serve(int listener)
{
	struct epoll_event events[EVENTS_MAX];
	struct epoll_event accepting = {.events = EPOLLIN, .data.ptr = NULL};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &accepting) < 0)
		_exit(1);
	for (;;) {
		int count = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);

		for (int i = 0; i < count; i++) {
			struct guest *guest = events[i].data.ptr;

			if (guest == NULL) {
				receive_guest(epoll_fd, listener);
			} else if (!visit(guest, events[i].events)) {
				close(guest->fd);
				free(guest);
			} else if (guest->unfinished) {
				come_again(epoll_fd, guest);
			}
		}
	}
}

pid_t busy_backend_start(int listener, enum busy_kind wanted)
{
	struct rlimit limit;
	pid_t parent = getpid();
	pid_t pid;

	kind = wanted;
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	serve(listener);
}
