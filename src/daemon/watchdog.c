/* SPDX-License-Identifier: BSD-2-Clause */
/* Liveness of every worker, for the service manager's watchdog. */
#include "daemon/watchdog.h"

#include <stdlib.h>

#include "base/clock.h"

/*
 * Looks in one interval of the manager's. A worker that is late at one look has two more before the
 * manager acts, so that a busy second ends nobody; with looks at half the interval the next one
 * would come as late as the end.
 */
#define LOOKS 4

struct watchdog {
	struct event *timer;
	struct notify *notify;
	struct worker *const *workers;
	size_t count;
	uint64_t *beats; /* each worker's when it was asked */
};

static void ask(struct watchdog *watchdog)
{
	for (size_t i = 0; i < watchdog->count; i++) {
		watchdog->beats[i] = worker_beats(watchdog->workers[i]);
		worker_tell(watchdog->workers[i], WORKER_PING);
	}
}

static bool have_all_answered(const struct watchdog *watchdog)
{
	for (size_t i = 0; i < watchdog->count; i++)
		if (worker_beats(watchdog->workers[i]) == watchdog->beats[i])
			return false;
	return true;
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct watchdog *watchdog = arg;

	(void)fd;
	(void)what;
	/* Who has not answered is still asked. */
	if (!have_all_answered(watchdog))
		return;
	notify_alive(watchdog->notify);
	ask(watchdog);
}

struct watchdog *watchdog_new(struct event_base *base, struct notify *notify,
			      struct worker *const *workers, size_t count)
{
	int64_t interval_ms = notify_watchdog_ms(notify);
	struct timeval look;
	struct watchdog *watchdog;

	if (interval_ms <= 0)
		return NULL;
	look = clock_timeval(interval_ms / LOOKS > 0 ? interval_ms / LOOKS : 1);
	watchdog = calloc(1, sizeof(*watchdog));
	if (watchdog == NULL)
		goto out_of_memory;
	watchdog->notify = notify;
	watchdog->workers = workers;
	watchdog->count = count;
	watchdog->beats = calloc(count, sizeof(*watchdog->beats));
	watchdog->timer = event_new(base, -1, EV_PERSIST, on_look, watchdog);
	if (watchdog->beats == NULL || watchdog->timer == NULL ||
	    event_add(watchdog->timer, &look) < 0)
		goto out_of_memory;
	ask(watchdog);
	return watchdog;

out_of_memory:
	log_msg(LOG_LEVEL_ERROR, "out of memory: the service manager's watchdog gets no answer");
	watchdog_free(watchdog);
	return NULL;
}

void watchdog_free(struct watchdog *watchdog)
{
	if (watchdog == NULL)
		return;
	if (watchdog->timer != NULL)
		event_free(watchdog->timer);
	free(watchdog->beats);
	free(watchdog);
}
