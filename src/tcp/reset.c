/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a connection whose other side was reset. */
#include "tcp/reset.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/dial.h"
#include "net/sock.h"

/* How long undelivered bytes may hold a reset back. */
#define DELIVERY_MS 1000

/*
 * How long a guard answers for a reset that the peer may not have accepted: its challenge ACK comes
 * at once, the first retransmission of its own data after a minimal RTO of 200 ms, the second 400
 * ms later. Shorter than a dialler's patience with a port in use, which a guard is.
 */
#define GUARD_MS 700

#define CHECK_FIRST_MS 2
#define CHECK_LAST_MS  50

struct reset {
	LIST_ENTRY(reset) entry;
	struct reset_list *list;
	struct event *timer;
	struct evbuffer *undelivered;
	int fd; /* the connection, later its guard */
	uint32_t mark;
	int64_t deadline_ms;
	int check_ms;
	bool foreign;
	bool guarding;
};

static void reset_free(struct reset *reset)
{
	LIST_REMOVE(reset, entry);
	if (reset->timer != NULL)
		event_free(reset->timer);
	if (reset->undelivered != NULL)
		evbuffer_free(reset->undelivered);
	sock_abort(reset->fd);
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

static void begin_guard(struct reset *reset)
{
	struct addr local;
	int guard;

	sock_local_addr(reset->fd, &local);
	guard = dial_guard(&local, reset->mark);
	sock_abort(reset->fd);
	reset->fd = guard;
	reset->guarding = true;
	arm(reset, GUARD_MS);
}

static void check(struct reset *reset)
{
	if (reset->guarding || is_settled(reset->fd, reset->undelivered)) {
		reset_free(reset);
	} else if (clock_now_ms() < reset->deadline_ms) {
		if (reset->check_ms < CHECK_LAST_MS)
			reset->check_ms *= 2;
		arm(reset, reset->check_ms);
	} else if (reset->foreign && sock_in_flight(reset->fd) > 0) {
		begin_guard(reset);
	} else {
		reset_free(reset);
	}
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
		sock_abort(fd);
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
