/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a connection whose other side was reset. */
#include "tcp/reset.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/sock.h"

/* How long undelivered bytes may hold a reset back. */
#define DELIVERY_MS 1000

#define CHECK_FIRST_MS 2
#define CHECK_LAST_MS  50

struct reset {
	LIST_ENTRY(reset) entry;
	struct reset_list *list;
	struct event *timer;
	struct evbuffer *undelivered;
	int fd;
	uint32_t mark;
	int64_t deadline_ms;
	int check_ms;
	bool foreign;
};

static void abort_now(int fd, bool foreign, uint32_t mark)
{
	if (foreign && sock_unacknowledged(fd) > 0)
		sock_abort_in_flight(fd, mark);
	else
		sock_abort(fd);
}

static void reset_free(struct reset *reset)
{
	LIST_REMOVE(reset, entry);
	if (reset->timer != NULL)
		event_free(reset->timer);
	if (reset->undelivered != NULL)
		evbuffer_free(reset->undelivered);
	abort_now(reset->fd, reset->foreign, reset->mark);
	free(reset);
}

static void arm(struct reset *reset, int delay_ms)
{
	const struct timeval delay = {.tv_sec = delay_ms / 1000,
				      .tv_usec = (delay_ms % 1000) * 1000};

	if (evtimer_add(reset->timer, &delay) < 0)
		reset_free(reset);
}

/* Whether there is nothing to wait for: all delivered and acknowledged, or the socket is dead. */
static bool is_settled(int fd, struct evbuffer *undelivered)
{
	while (undelivered != NULL && evbuffer_get_length(undelivered) > 0)
		if (evbuffer_write(undelivered, fd) <= 0)
			return errno != EAGAIN && errno != EINTR;
	return sock_unacknowledged(fd) == 0 || sock_take_error(fd) != 0;
}

static void check(struct reset *reset)
{
	if (clock_now_ms() >= reset->deadline_ms || is_settled(reset->fd, reset->undelivered)) {
		reset_free(reset);
		return;
	}
	if (reset->check_ms < CHECK_LAST_MS)
		reset->check_ms *= 2;
	arm(reset, reset->check_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct reset *reset = arg;
	struct reset_list *list = reset->list;

	(void)fd;
	(void)what;
	check(reset);
	if (LIST_EMPTY(&list->entries) && list->on_empty != NULL)
		list->on_empty(list->on_empty_arg);
}

void reset_list_init(struct reset_list *list, struct event_base *base, void (*on_empty)(void *arg),
		     void *arg)
{
	list->base = base;
	list->on_empty = on_empty;
	list->on_empty_arg = arg;
	LIST_INIT(&list->entries);
}

void reset_list_fini(struct reset_list *list)
{
	while (!LIST_EMPTY(&list->entries))
		reset_free(LIST_FIRST(&list->entries));
}

void reset_take(struct reset_list *list, int fd, struct evbuffer *undelivered, bool foreign,
		uint32_t mark)
{
	struct reset *reset = NULL;

	if (!is_settled(fd, undelivered))
		reset = calloc(1, sizeof(*reset));
	if (reset == NULL) {
		if (undelivered != NULL)
			evbuffer_free(undelivered);
		abort_now(fd, foreign, mark);
		return;
	}
	reset->list = list;
	reset->fd = fd;
	reset->undelivered = undelivered;
	reset->foreign = foreign;
	reset->mark = mark;
	reset->check_ms = CHECK_FIRST_MS;
	reset->deadline_ms = clock_now_ms() + DELIVERY_MS;
	LIST_INSERT_HEAD(&list->entries, reset, entry);
	reset->timer = evtimer_new(list->base, on_timer, reset);
	if (reset->timer == NULL)
		reset_free(reset);
	else
		arm(reset, reset->check_ms);
}
