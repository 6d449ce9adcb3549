/* SPDX-License-Identifier: BSD-2-Clause */
/* Edge-triggered readiness of many sockets behind one event of the worker's base. */
#include "tcp/relay_poll.h"

#include <stddef.h>
#include <unistd.h>

/*
 * Where several sockets were ready at once, further ones are by the time these have been served:
 * asking again at once saves the way through libevent. Not for ever, for it has sockets as well.
 */
#define CROWD  2
#define ROUNDS 4

static void serve_batch(struct relay_poll *poll)
{
	for (poll->batch_at = 0; poll->batch_at < poll->batch_len; poll->batch_at++) {
		const struct epoll_event *event = &poll->batch[poll->batch_at];
		struct relay_socket *socket = event->data.ptr;

		if (socket != NULL)
			socket->on_ready(socket, event->events);
	}
}

/* Those that queue in this very pass stand behind all others, and wait for the next one. */
static void serve_queue(struct relay_poll *poll)
{
	struct relay_socket *socket;

	while ((socket = TAILQ_FIRST(&poll->queue)) != NULL && socket->queued_in != poll->pass) {
		TAILQ_REMOVE(&poll->queue, socket, later);
		socket->queued = false;
		socket->on_ready(socket, 0);
	}
}

static void on_events(evutil_socket_t fd, short what, void *arg)
{
	struct relay_poll *poll = arg;

	(void)what;
	poll->pass++;
	if (!TAILQ_EMPTY(&poll->queue)) {
		/* It may be due in this very pass, and would be a second turn. */
		evtimer_del(poll->turns);
		serve_queue(poll);
	}
	for (int round = 0; round < ROUNDS; round++) {
		poll->batch_len = epoll_wait(fd, poll->batch, RELAY_POLL_BATCH, 0);
		serve_batch(poll);
		if (poll->batch_len < CROWD)
			break;
	}
	poll->batch_len = 0;
}

static void on_turns(evutil_socket_t fd, short what, void *arg)
{
	struct relay_poll *poll = arg;

	(void)fd;
	(void)what;
	poll->pass++;
	serve_queue(poll);
}

int relay_poll_init(struct relay_poll *poll, struct event_base *base)
{
	poll->event = NULL;
	poll->turns = NULL;
	poll->batch_len = 0;
	poll->pass = 0;
	poll->shared = false;
	TAILQ_INIT(&poll->queue);
	poll->fd = epoll_create1(EPOLL_CLOEXEC);
	if (poll->fd < 0)
		return -1;
	poll->event = event_new(base, poll->fd, EV_READ | EV_PERSIST, on_events, poll);
	poll->turns = evtimer_new(base, on_turns, poll);
	if (poll->event == NULL || poll->turns == NULL || event_add(poll->event, NULL) < 0)
		return -1;
	return 0;
}

void relay_poll_fini(struct relay_poll *poll)
{
	if (poll->event != NULL)
		event_free(poll->event);
	if (poll->turns != NULL)
		event_free(poll->turns);
	if (poll->fd >= 0)
		close(poll->fd);
	poll->fd = -1;
}

int relay_poll_add(struct relay_poll *poll, struct relay_socket *socket)
{
	struct epoll_event event = {
	    .events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET,
	    .data.ptr = socket,
	};

	socket->queued = false;
	return epoll_ctl(poll->fd, EPOLL_CTL_ADD, socket->fd, &event);
}

static void forget(struct relay_poll *poll, struct relay_socket *socket)
{
	if (socket->queued)
		TAILQ_REMOVE(&poll->queue, socket, later);
	socket->queued = false;
	for (int i = poll->batch_at; i < poll->batch_len; i++)
		if (poll->batch[i].data.ptr == socket)
			poll->batch[i].data.ptr = NULL;
}

void relay_poll_remove(struct relay_poll *poll, struct relay_socket *socket)
{
	(void)epoll_ctl(poll->fd, EPOLL_CTL_DEL, socket->fd, NULL);
	forget(poll, socket);
}

void relay_poll_forget(struct relay_poll *poll, struct relay_socket *socket)
{
	if (poll->shared)
		relay_poll_remove(poll, socket);
	else
		forget(poll, socket);
}

void relay_poll_again(struct relay_poll *poll, struct relay_socket *socket)
{
	static const struct timeval at_once = {0};

	if (!socket->queued) {
		TAILQ_INSERT_TAIL(&poll->queue, socket, later);
		socket->queued_in = poll->pass;
	}
	socket->queued = true;
	/*
	 * Through the timers: a plain activation, which is for want of memory, is served before the
	 * loop looks at the sockets.
	 */
	if (!evtimer_pending(poll->turns, NULL) && evtimer_add(poll->turns, &at_once) < 0)
		event_active(poll->turns, EV_TIMEOUT, 0);
}
