/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a connection by a reset. */
#include "tcp/reset.h"

#include <stdlib.h>

#include "base/clock.h"
#include "net/sock.h"

/* How long bytes on their way may hold a reset back. */
#define DELIVERY_MS 500

/* How long a peer is asked whether it has been reset: one that is there answers in a round trip. */
#define ANSWER_MS 3000

/* The same when the worker is stopping, which with the delivery before it makes a second. */
#define STOP_MS 500

/*
 * Between two looks: the first is for a peer on this host, and each takes twice as long as the one
 * before, so that one who never answers is asked a dozen times.
 */
#define CHECK_FIRST_MS 2
#define CHECK_LAST_MS  512

/* Looked at in one millisecond, which is a third of it; others are looked at in the next. */
#define TURN 32u

enum reset_state {
	RESET_DELIVERING, /* what was written is on its way */
	RESET_ASKING,	  /* the peer may not have got all of it, and is asked for an answer */
};

struct reset {
	TAILQ_ENTRY(reset) entry;
	struct reset_list *list;
	struct service *service;
	struct event *timer;
	struct exact_reset exact;
	int fd;
	uint32_t mark;
	int64_t deadline_ms; /* of the state */
	int check_ms;
	enum reset_state state;
	bool foreign;
};

static void reset_free(struct reset *reset)
{
	struct reset_list *list = reset->list;

	TAILQ_REMOVE(&list->held, reset, entry);
	list->count--;
	event_free(reset->timer);
	sock_abort(reset->fd);
	service_leave(reset->service);
	free(reset);
	if (list->count == 0)
		exact_reset_raw_close(&list->raw);
}

static void arm(struct reset *reset, int64_t delay_ms)
{
	const struct timeval delay = clock_timeval(delay_ms);

	if (evtimer_add(reset->timer, &delay) < 0)
		reset_free(reset);
}

/* Look again, later each time, but not behind the deadline. */
static void arm_later(struct reset *reset)
{
	int64_t left_ms = reset->deadline_ms - clock_now_ms();

	if (reset->check_ms < CHECK_LAST_MS)
		reset->check_ms *= 2;
	if (left_ms > reset->check_ms)
		left_ms = reset->check_ms;
	arm(reset, left_ms > 0 ? left_ms : 0);
}

/* Whether there is nothing to wait for: all is acknowledged, or the connection is dead. */
static bool is_settled(int fd)
{
	return sock_unacknowledged(fd) == 0 || sock_take_error(fd) != 0;
}

/* Reset exactly, unless the peer has answered already. Returns whether an answer is to come. */
static bool ask(struct reset *reset)
{
	if (sock_take_error(reset->fd) != 0)
		return false;
	if (clock_now_ms() < reset->deadline_ms &&
	    exact_reset_send(&reset->exact, &reset->list->raw, reset->fd, reset->mark) == 0)
		return true;
	exact_reset_give_up(reset->fd);
	return false;
}

static void begin_asking(struct reset *reset)
{
	reset->state = RESET_ASKING;
	reset->deadline_ms = clock_now_ms() + (reset->list->stopping ? STOP_MS : ANSWER_MS);
	reset->check_ms = CHECK_FIRST_MS;
	if (ask(reset))
		arm(reset, reset->check_ms);
	else
		reset_free(reset);
}

static void check_delivery(struct reset *reset)
{
	if (is_settled(reset->fd))
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

/* Many may be due at once: in how many milliseconds this one has its turn, 0 for now. */
static int64_t wait_for_turn(struct reset_list *list)
{
	int64_t now = clock_now_ms();

	if (list->turn_ms != now) {
		list->turn_ms = now;
		list->turn_count = 0;
	}
	return list->turn_count++ / TURN;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct reset *reset = arg;
	struct reset_list *list = reset->list;
	int64_t wait_ms = wait_for_turn(list);

	(void)fd;
	(void)what;
	if (wait_ms > 0)
		arm(reset, wait_ms);
	else if (reset->state == RESET_DELIVERING)
		check_delivery(reset);
	else
		check_answer(reset);
	if (list->count == 0 && list->on_empty != NULL)
		list->on_empty(list->on_empty_arg);
}

void reset_list_init(struct reset_list *list, struct event_base *base, size_t count_max,
		     void (*on_empty)(void *arg), void *arg)
{
	list->base = base;
	exact_reset_raw_init(&list->raw);
	TAILQ_INIT(&list->held);
	list->count = 0;
	list->count_max = count_max;
	list->turn_ms = 0;
	list->turn_count = 0;
	list->stopping = false;
	list->on_empty = on_empty;
	list->on_empty_arg = arg;
}

static void hurry(struct reset *reset)
{
	int64_t limit_ms = clock_now_ms() + STOP_MS;

	if (reset->state == RESET_DELIVERING)
		return;
	if (reset->deadline_ms > limit_ms)
		reset->deadline_ms = limit_ms;
	reset->check_ms = CHECK_FIRST_MS;
	arm(reset, 0);
}

void reset_list_stop(struct reset_list *list)
{
	struct reset *reset = TAILQ_FIRST(&list->held);

	list->stopping = true;
	while (reset != NULL) {
		struct reset *next = TAILQ_NEXT(reset, entry);

		hurry(reset);
		reset = next;
	}
}

bool reset_list_is_empty(const struct reset_list *list)
{
	return list->count == 0;
}

/* Close one as it is. */
static void give_up(struct reset *reset)
{
	if (reset->exact.frozen)
		exact_reset_give_up(reset->fd);
	reset_free(reset);
}

void reset_list_fini(struct reset_list *list)
{
	while (list->count > 0)
		give_up(TAILQ_FIRST(&list->held));
}

static struct reset *reset_new(struct reset_list *list)
{
	struct reset *reset = calloc(1, sizeof(*reset));

	if (reset == NULL)
		return NULL;
	reset->timer = evtimer_new(list->base, on_timer, reset);
	if (reset->timer == NULL) {
		free(reset);
		return NULL;
	}
	return reset;
}

static void make_room(struct reset_list *list)
{
	if (list->count >= list->count_max)
		give_up(TAILQ_FIRST(&list->held));
}

bool reset_take(struct reset_list *list, int fd, bool foreign, uint32_t mark,
		struct service *service)
{
	const struct timeval delay = clock_timeval(CHECK_FIRST_MS);
	struct reset *reset = is_settled(fd) ? NULL : reset_new(list);

	if (reset != NULL && evtimer_add(reset->timer, &delay) < 0) {
		event_free(reset->timer);
		free(reset);
		reset = NULL;
	}
	if (reset == NULL) {
		sock_abort(fd);
		return false;
	}
	make_room(list);
	reset->list = list;
	reset->service = service;
	reset->fd = fd;
	reset->foreign = foreign;
	reset->mark = mark;
	reset->state = RESET_DELIVERING;
	reset->check_ms = CHECK_FIRST_MS;
	reset->deadline_ms = clock_now_ms() + DELIVERY_MS;
	TAILQ_INSERT_TAIL(&list->held, reset, entry);
	list->count++;
	return true;
}
