/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a connection whose other side was reset. */
#include "tcp/reset.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "net/exact_reset.h"
#include "net/sock.h"

/* How long undelivered bytes may hold a reset back. */
#define DELIVERY_MS 500

/* How long a peer is asked whether it has been reset: one that is there answers in a round trip. */
#define ANSWER_MS 3000

/* How long a stopping worker waits for such answers. */
#define STOP_MS 300

#define CHECK_FIRST_MS 2
#define CHECK_LAST_MS  50

enum reset_state {
	RESET_DELIVERING, /* what came before the reset is on its way */
	RESET_ASKING,	  /* the peer may not have got all of it, and is asked for an answer */
};

struct reset {
	LIST_ENTRY(reset) entry;
	struct reset_list *list;
	struct event *timer;
	struct evbuffer *undelivered;
	int fd;
	uint32_t mark;
	int64_t deadline_ms; /* of the state */
	int check_ms;
	enum reset_state state;
	bool foreign;
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
	const struct timeval delay = clock_timeval(delay_ms);

	if (evtimer_add(reset->timer, &delay) < 0)
		reset_free(reset);
}

static void arm_later(struct reset *reset)
{
	if (reset->check_ms < CHECK_LAST_MS)
		reset->check_ms *= 2;
	arm(reset, reset->check_ms);
}

/* Whether there is nothing to wait for: all delivered and acknowledged, or the socket is dead. */
static bool is_settled(int fd, struct evbuffer *undelivered)
{
	while (undelivered != NULL && evbuffer_get_length(undelivered) > 0)
		if (evbuffer_write(undelivered, fd) <= 0)
			return errno != EAGAIN && errno != EINTR;
	return sock_unacknowledged(fd) == 0 || sock_take_error(fd) != 0;
}

/* Reset exactly, unless the peer has answered already. Returns whether an answer is to come. */
static bool ask(struct reset *reset)
{
	if (sock_take_error(reset->fd) != 0)
		return false;
	if (clock_now_ms() < reset->deadline_ms && exact_reset_send(reset->fd, reset->mark) == 0)
		return true;
	exact_reset_give_up(reset->fd);
	return false;
}

static void begin_asking(struct reset *reset)
{
	reset->state = RESET_ASKING;
	reset->deadline_ms = clock_now_ms() + ANSWER_MS;
	reset->check_ms = CHECK_FIRST_MS;
	if (ask(reset))
		arm(reset, reset->check_ms);
	else
		reset_free(reset);
}

static void check_delivery(struct reset *reset)
{
	if (is_settled(reset->fd, reset->undelivered))
		reset_free(reset);
	else if (clock_now_ms() < reset->deadline_ms)
		arm_later(reset);
	else if (reset->foreign)
		begin_asking(reset);
	else
		reset_free(reset);
}

static void check_answer(struct reset *reset)
{
	if (ask(reset))
		arm_later(reset);
	else
		reset_free(reset);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct reset *reset = arg;
	struct reset_list *list = reset->list;

	(void)fd;
	(void)what;
	if (reset->state == RESET_DELIVERING)
		check_delivery(reset);
	else
		check_answer(reset);
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

/* Without the loop: one round for all that are left. */
static void finish_round(struct reset_list *list)
{
	struct reset *reset = LIST_FIRST(&list->entries);

	while (reset != NULL) {
		struct reset *next = LIST_NEXT(reset, entry);

		if (!reset->foreign || !ask(reset))
			reset_free(reset);
		reset = next;
	}
}

void reset_list_fini(struct reset_list *list)
{
	static const struct timespec pause = {.tv_nsec = CHECK_FIRST_MS * 1000 * 1000};
	int64_t deadline_ms = clock_now_ms() + STOP_MS;
	struct reset *reset;

	LIST_FOREACH(reset, &list->entries, entry)
	reset->deadline_ms = deadline_ms;
	finish_round(list);
	while (!LIST_EMPTY(&list->entries)) {
		(void)nanosleep(&pause, NULL);
		finish_round(list);
	}
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
	reset->state = RESET_DELIVERING;
	reset->check_ms = CHECK_FIRST_MS;
	reset->deadline_ms = clock_now_ms() + DELIVERY_MS;
	LIST_INSERT_HEAD(&list->entries, reset, entry);
	reset->timer = evtimer_new(list->base, on_timer, reset);
	if (reset->timer == NULL)
		reset_free(reset);
	else
		arm(reset, reset->check_ms);
}
