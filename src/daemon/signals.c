/* SPDX-License-Identifier: BSD-2-Clause */
/* The signals of the daemon. */
#include "daemon/signals.h"

#include <signal.h>
#include <stdlib.h>

struct signal_row {
	int number;
	enum signals_request request;
};

static const struct signal_row rows[] = {
    {SIGTERM, SIGNALS_STOP},	    {SIGINT, SIGNALS_STOP},	{SIGHUP, SIGNALS_RELOAD},
    {SIGUSR1, SIGNALS_REOPEN_LOGS}, {SIGUSR2, SIGNALS_UPGRADE}, {SIGQUIT, SIGNALS_LEAVE},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct signals {
	struct event *events[ROWS];
	void (*on_request)(enum signals_request request, void *arg);
	void *arg;
};

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct signals *signals = arg;

	(void)what;
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].number == number)
			signals->on_request(rows[i].request, signals->arg);
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
		signals->events[i] = evsignal_new(base, rows[i].number, on_signal, signals);
		if (signals->events[i] == NULL || event_add(signals->events[i], NULL) < 0) {
			signals_free(signals);
			return NULL;
		}
	}
	return signals;
}

void signals_free(struct signals *signals)
{
	if (signals == NULL)
		return;
	for (size_t i = 0; i < ROWS; i++)
		if (signals->events[i] != NULL)
			event_free(signals->events[i]);
	free(signals);
}
