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

/* Between a reset's first two looks; each further pause takes twice as long, up to the last one. */
#define PAUSE_FIRST_MS 2
#define PAUSE_LAST     (RESET_PAUSES - 1)

/* Looked at in one pass of the loop, with a dozen system calls each. */
#define TURN 32

enum reset_state {
	RESET_DELIVERING, /* what was written is on its way */
	RESET_ASKING,	  /* the peer may not have got all of it, and is asked for an answer */
};

struct reset {
	TAILQ_ENTRY(reset) entry;
	TAILQ_ENTRY(reset) pause_entry;
	struct reset_list *list;
	struct service *service;
	struct client_place *client_place;
	struct exact_reset exact;
	int fd;
	uint32_t mark;
	int64_t deadline_ms; /* of the state */
	int64_t look_ms;     /* when its pause is over */
	unsigned pause;	     /* PAUSE_FIRST_MS << pause */
	enum reset_state state;
	bool foreign;
};

static void reset_free(struct reset *reset)
{
	struct reset_list *list = reset->list;

	TAILQ_REMOVE(&list->held, reset, entry);
	TAILQ_REMOVE(&list->pauses[reset->pause], reset, pause_entry);
	list->count--;
	sock_abort(reset->fd);
	client_limits_leave(reset->client_place, clock_now_ms());
	service_leave(reset->service);
	free(reset);
	if (list->count == 0)
		exact_reset_raw_close(&list->raw);
}

/* Close one as it is. */
static void give_up(struct reset *reset)
{
	if (reset->exact.frozen)
		exact_reset_give_up(reset->fd);
	reset_free(reset);
}

static void begin_pause(struct reset *reset, unsigned pause)
{
	reset->pause = pause;
	reset->look_ms = clock_now_ms() + (PAUSE_FIRST_MS << pause);
	TAILQ_INSERT_TAIL(&reset->list->pauses[pause], reset, pause_entry);
}

static void change_pause(struct reset *reset, unsigned pause)
{
	TAILQ_REMOVE(&reset->list->pauses[reset->pause], reset, pause_entry);
	begin_pause(reset, pause);
}

/* Look again, later each time. */
static void pause_longer(struct reset *reset)
{
	change_pause(reset, reset->pause < PAUSE_LAST ? reset->pause + 1 : PAUSE_LAST);
}

/* The one whose pause ends next, NULL when nothing is held. Equal pauses end in their order. */
static struct reset *find_next(const struct reset_list *list)
{
	struct reset *next = NULL;

	for (size_t i = 0; i < RESET_PAUSES; i++) {
		struct reset *first = TAILQ_FIRST(&list->pauses[i]);

		if (first != NULL && (next == NULL || first->look_ms < next->look_ms))
			next = first;
	}
	return next;
}

/* Set the timer for the pause that ends next. */
static void arm(struct reset_list *list)
{
	struct reset *next;

	while ((next = find_next(list)) != NULL) {
		int64_t left_ms = next->look_ms - clock_now_ms();
		const struct timeval delay = clock_timeval(left_ms > 0 ? left_ms : 0);

		if (evtimer_add(&list->timer, &delay) == 0)
			return;
		/* Without memory for the timer nobody would ever look again. */
		give_up(next);
	}
}

/*
 * Whether there is nothing to wait for: all is acknowledged, or the connection is dead. One that
 * was refused still has its SYN unacknowledged, and its error may have been taken.
 */
static bool is_settled(int fd)
{
	return sock_unacknowledged(fd) == 0 || sock_take_error(fd) != 0 || !sock_is_connected(fd);
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
	if (ask(reset))
		change_pause(reset, 0);
	else
		reset_free(reset);
}

static void check_delivery(struct reset *reset)
{
	if (is_settled(reset->fd))
		reset_free(reset);
	else if (clock_now_ms() < reset->deadline_ms)
		pause_longer(reset);
	else if (reset->foreign)
		begin_asking(reset);
	else
		reset_free(reset);
}

static void check_answer(struct reset *reset)
{
	if (ask(reset))
		pause_longer(reset);
	else
		reset_free(reset);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct reset_list *list = arg;
	int64_t now = clock_now_ms();

	(void)fd;
	(void)what;
	for (int i = 0; i < TURN; i++) {
		struct reset *reset = find_next(list);

		if (reset == NULL || reset->look_ms > now)
			break;
		if (reset->state == RESET_DELIVERING)
			check_delivery(reset);
		else
			check_answer(reset);
	}
	arm(list);
	if (list->count == 0 && list->on_empty != NULL)
		list->on_empty(list->on_empty_arg);
}

void reset_list_init(struct reset_list *list, struct event_base *base, size_t count_max,
		     void (*on_empty)(void *arg), void *arg)
{
	evtimer_assign(&list->timer, base, on_timer, list);
	exact_reset_raw_init(&list->raw);
	TAILQ_INIT(&list->held);
	for (size_t i = 0; i < RESET_PAUSES; i++)
		TAILQ_INIT(&list->pauses[i]);
	list->count = 0;
	list->count_max = count_max;
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
	change_pause(reset, 0);
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
	arm(list);
}

bool reset_list_is_empty(const struct reset_list *list)
{
	return list->count == 0;
}

void reset_list_fini(struct reset_list *list)
{
	while (list->count > 0)
		give_up(TAILQ_FIRST(&list->held));
	event_del(&list->timer);
}

static void make_room(struct reset_list *list)
{
	if (list->count >= list->count_max)
		give_up(TAILQ_FIRST(&list->held));
}

void reset_take(struct reset_list *list, int fd, bool foreign, uint32_t mark,
		struct service *service, struct client_place *client_place)
{
	struct reset *reset = is_settled(fd) ? NULL : calloc(1, sizeof(*reset));

	if (reset == NULL) {
		sock_abort(fd);
		return;
	}
	make_room(list);
	reset->list = list;
	reset->service = service;
	service_enter(service);
	reset->client_place = client_place;
	client_limits_enter_again(client_place);
	reset->fd = fd;
	reset->foreign = foreign;
	reset->mark = mark;
	reset->state = RESET_DELIVERING;
	reset->deadline_ms = clock_now_ms() + DELIVERY_MS;
	TAILQ_INSERT_TAIL(&list->held, reset, entry);
	list->count++;
	begin_pause(reset, 0);
	/* Otherwise the timer is set for another one. */
	if (find_next(list) == reset)
		arm(list);
}
