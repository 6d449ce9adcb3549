/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether every worker's loop goes on. */
#include "daemon/pulse.h"

#include <stdlib.h>

#include "base/clock.h"

struct beat {
	struct worker_call call; /* first: its mail is the beat's */
	struct pulse *pulse;
	bool out; /* the worker has it: one that is silent is not called again */
};

struct pulse {
	struct worker *const *workers;
	size_t count;
	struct event *deadline;
	STAILQ_HEAD(, pulse_request) requests;
	struct beat beats[];
};

static size_t count_silent(const struct pulse *pulse)
{
	size_t silent = 0;

	for (size_t i = 0; i < pulse->count; i++)
		silent += pulse->beats[i].out;
	return silent;
}

static void answer(struct pulse *pulse, size_t silent)
{
	evtimer_del(pulse->deadline);
	while (!STAILQ_EMPTY(&pulse->requests)) {
		struct pulse_request *request = STAILQ_FIRST(&pulse->requests);

		STAILQ_REMOVE_HEAD(&pulse->requests, entry);
		request->done(request, silent);
	}
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	answer(arg, count_silent(arg));
}

static void on_beat(struct mail *mail, void *arg)
{
	struct beat *beat = (struct beat *)(void *)mail;

	(void)arg;
	beat->out = false;
	if (count_silent(beat->pulse) == 0)
		answer(beat->pulse, 0);
}

struct pulse *pulse_new(struct event_base *base, struct worker *const *workers, size_t count)
{
	struct pulse *pulse = calloc(1, sizeof(*pulse) + count * sizeof(struct beat));

	if (pulse == NULL)
		return NULL;
	pulse->workers = workers;
	pulse->count = count;
	STAILQ_INIT(&pulse->requests);
	pulse->deadline = evtimer_new(base, on_deadline, pulse);
	if (pulse->deadline == NULL) {
		free(pulse);
		return NULL;
	}
	return pulse;
}

void pulse_free(struct pulse *pulse)
{
	if (pulse == NULL)
		return;
	event_free(pulse->deadline);
	free(pulse);
}

int pulse_ask(struct pulse *pulse, struct pulse_request *request)
{
	const struct timeval patience = clock_timeval(PULSE_PATIENCE_MS);
	bool first = STAILQ_EMPTY(&pulse->requests);

	if (first && evtimer_add(pulse->deadline, &patience) < 0)
		return -1;
	STAILQ_INSERT_TAIL(&pulse->requests, request, entry);
	/* The workers have been called for the others, no longer than a second ago. */
	if (!first)
		return 0;
	for (size_t i = 0; i < pulse->count; i++) {
		struct beat *beat = &pulse->beats[i];

		if (beat->out)
			continue;
		beat->out = true;
		beat->pulse = pulse;
		beat->call.done = on_beat;
		worker_send_call(pulse->workers[i], &beat->call);
	}
	return 0;
}
