/* SPDX-License-Identifier: BSD-2-Clause */
/* The signals of the daemon. */
#include "daemon/signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"

struct signal_row {
	int number;
	enum signals_request request;
	bool is_spaced; /* what it asks for is work, and asking again soon is no more of it */
};

static const struct signal_row rows[] = {
    {SIGTERM, SIGNALS_STOP, false},   {SIGINT, SIGNALS_STOP, false},
    {SIGHUP, SIGNALS_RELOAD, true},   {SIGUSR1, SIGNALS_REOPEN_LOGS, true},
    {SIGUSR2, SIGNALS_UPGRADE, true}, {SIGQUIT, SIGNALS_LEAVE, false},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct taker {
	const struct signal_row *row;
	struct signals *signals;
	struct event *event;
	struct event *pause; /* pending: no request is passed on; NULL: the row has none */
	bool is_due;	     /* it came during the pause */
};

struct signals {
	struct taker takers[ROWS];
	void (*on_request)(enum signals_request request, void *arg);
	void *arg;
};

/* Pass the request on, and then pause for as long as that took, so that half of the main thread's
 * time is left. Without memory for the timer there is no pause. */
static void pass_on(struct taker *taker)
{
	int64_t start_ms = clock_now_ms();
	struct timeval pause;
	int64_t took_ms;

	taker->is_due = false;
	taker->signals->on_request(taker->row->request, taker->signals->arg);
	if (taker->pause == NULL)
		return;
	took_ms = clock_now_ms() - start_ms;
	pause = clock_timeval(took_ms > SIGNALS_PAUSE_MS ? took_ms : SIGNALS_PAUSE_MS);
	(void)evtimer_add(taker->pause, &pause);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct taker *taker = arg;

	(void)fd;
	(void)what;
	if (taker->is_due)
		pass_on(taker);
}

/* libevent calls this once for each time that the handler has run, in one go. */
static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct taker *taker = arg;

	(void)number;
	(void)what;
	if (taker->pause != NULL && evtimer_pending(taker->pause, NULL))
		taker->is_due = true;
	else
		pass_on(taker);
}

static int start(struct taker *taker, struct event_base *base)
{
	taker->event = evsignal_new(base, taker->row->number, on_signal, taker);
	if (taker->event == NULL)
		return -1;
	if (taker->row->is_spaced) {
		taker->pause = evtimer_new(base, on_pause_over, taker);
		if (taker->pause == NULL)
			return -1;
	}
	return event_add(taker->event, NULL);
}

struct signals *signals_new(struct event_base *base,
			    void (*on_request)(enum signals_request request, void *arg), void *arg)
{
	struct signals *signals = calloc(1, sizeof(*signals));

	if (signals == NULL)
		return NULL;
	signals->on_request = on_request;
	signals->arg = arg;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ROWS; i++) {
		signals->takers[i] = (struct taker){.row = &rows[i], .signals = signals};
		if (start(&signals->takers[i], base) < 0) {
			signals_free(signals);
			return NULL;
		}
	}
	return signals;
}

void signals_flush(struct signals *signals)
{
	for (size_t i = 0; i < ROWS; i++)
		if (signals->takers[i].is_due)
			pass_on(&signals->takers[i]);
}

void signals_free(struct signals *signals)
{
	if (signals == NULL)
		return;
	for (size_t i = 0; i < ROWS; i++) {
		if (signals->takers[i].event != NULL)
			event_free(signals->takers[i].event);
		if (signals->takers[i].pause != NULL)
			event_free(signals->takers[i].pause);
	}
	free(signals);
}
