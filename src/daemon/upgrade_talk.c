/* SPDX-License-Identifier: BSD-2-Clause */
/* The talk with a successor. */
#include "daemon/upgrade_talk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/sock.h"

/* Messages that are heard in one pass of the loop, at most. */
#define TURN 64

static void hear(struct upgrade_talk *talk, unsigned max)
{
	/* What it says may end the talk. */
	for (unsigned i = 0; i < max && talk->fd >= 0 && !talk->stopped; i++) {
		int result = handover_receive(talk->fd, talk->message);

		if (result < 0 && errno == EAGAIN)
			return;
		if (result <= 0) {
			talk->ears->on_gone(result < 0 ? errno : 0, talk->arg);
			return;
		}
		for (size_t j = 0; j < talk->message->count; j++)
			close(talk->message->fds[j]);
		talk->ears->on_message(talk->message, talk->arg);
	}
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct upgrade_talk *talk = arg;

	(void)fd;
	(void)what;
	talk->ears->on_silence(talk->late, talk->arg);
}

static void on_heard(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	hear(arg, TURN);
}

int upgrade_talk_init(struct upgrade_talk *talk, struct event_base *base,
		      const struct upgrade_talk_ears *ears, void *arg)
{
	talk->ears = ears;
	talk->arg = arg;
	talk->base = base;
	talk->message = malloc(sizeof(*talk->message));
	talk->deadline = evtimer_new(base, on_deadline, talk);
	return talk->message != NULL && talk->deadline != NULL ? 0 : -1;
}

void upgrade_talk_fini(struct upgrade_talk *talk)
{
	upgrade_talk_close(talk);
	if (talk->deadline != NULL)
		event_free(talk->deadline);
	free(talk->message);
}

int upgrade_talk_open(struct upgrade_talk *talk)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	talk->fd = fds[0];
	talk->stopped = false;
	talk->heard = event_new(talk->base, fds[0], EV_READ | EV_PERSIST, on_heard, talk);
	if (talk->heard == NULL || event_add(talk->heard, NULL) < 0 ||
	    fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		return sock_fail(fds[1]);
	return fds[1];
}

void upgrade_talk_expect(struct upgrade_talk *talk, int64_t ms, const char *late)
{
	const struct timeval delay = clock_timeval(ms);

	talk->late = late;
	(void)evtimer_add(talk->deadline, &delay);
}

void upgrade_talk_expect_nothing(struct upgrade_talk *talk)
{
	evtimer_del(talk->deadline);
}

void upgrade_talk_await_end(struct upgrade_talk *talk, int64_t ms, const char *late)
{
	event_del(talk->heard);
	upgrade_talk_expect(talk, ms, late);
}

void upgrade_talk_hear(struct upgrade_talk *talk)
{
	/* It has ended, so there is no more than its socket holds. */
	hear(talk, UINT_MAX);
}

void upgrade_talk_stop(struct upgrade_talk *talk)
{
	talk->stopped = true;
	if (talk->heard != NULL)
		event_del(talk->heard);
}

void upgrade_talk_close(struct upgrade_talk *talk)
{
	if (talk->heard != NULL)
		event_free(talk->heard);
	talk->heard = NULL;
	sock_close(talk->fd);
	talk->fd = -1;
}
