/* SPDX-License-Identifier: BSD-2-Clause */
/* How long a receiver may take over what the other side sent before it reset. */
#include "tcp/relay_delivery.h"

#include "base/clock.h"

/* Given up in one pass of the loop, each with a log line and two sockets to close. */
#define TURN 32

static int arm(struct relay_deliveries *deliveries)
{
	const struct relay_delivery *first = TAILQ_FIRST(&deliveries->waiting);
	int64_t left_ms = first->moved_ms + RELAY_DELIVERY_STALL_MS - clock_now_ms();
	const struct timeval delay = clock_timeval(left_ms > 0 ? left_ms : 0);

	return evtimer_add(deliveries->timer, &delay);
}

static void give_up(struct relay_deliveries *deliveries, struct relay_delivery *delivery)
{
	relay_delivery_end(deliveries, delivery);
	delivery->on_given_up(delivery);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct relay_deliveries *deliveries = arg;
	int64_t since = clock_now_ms() - RELAY_DELIVERY_STALL_MS;
	struct relay_delivery *first;

	(void)fd;
	(void)what;
	for (int i = 0; i < TURN; i++) {
		first = TAILQ_FIRST(&deliveries->waiting);
		if (first == NULL || first->moved_ms > since)
			break;
		give_up(deliveries, first);
	}
	/* Without memory for the timer nobody would ever look again. */
	while (!TAILQ_EMPTY(&deliveries->waiting) && arm(deliveries) < 0)
		give_up(deliveries, TAILQ_FIRST(&deliveries->waiting));
}

int relay_deliveries_init(struct relay_deliveries *deliveries, struct event_base *base)
{
	TAILQ_INIT(&deliveries->waiting);
	deliveries->timer = evtimer_new(base, on_timer, deliveries);
	return deliveries->timer != NULL ? 0 : -1;
}

void relay_deliveries_fini(struct relay_deliveries *deliveries)
{
	if (deliveries->timer != NULL)
		event_free(deliveries->timer);
	deliveries->timer = NULL;
}

bool relay_delivery_moved(struct relay_deliveries *deliveries, struct relay_delivery *delivery)
{
	int64_t now = clock_now_ms();

	if (delivery->waiting)
		TAILQ_REMOVE(&deliveries->waiting, delivery, entry);
	else
		delivery->began_ms = now;
	delivery->waiting = true;
	delivery->moved_ms = now;
	TAILQ_INSERT_TAIL(&deliveries->waiting, delivery, entry);
	if (now - delivery->began_ms < RELAY_DELIVERY_TOTAL_MS &&
	    (evtimer_pending(deliveries->timer, NULL) || arm(deliveries) == 0))
		return true;
	relay_delivery_end(deliveries, delivery);
	return false;
}

void relay_delivery_end(struct relay_deliveries *deliveries, struct relay_delivery *delivery)
{
	if (delivery->waiting)
		TAILQ_REMOVE(&deliveries->waiting, delivery, entry);
	delivery->waiting = false;
}
