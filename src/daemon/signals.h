/* SPDX-License-Identifier: BSD-2-Clause */
/* The signals of the daemon, taken in the main thread's event loop. */
#ifndef MMPROXY_SIGNALS_H
#define MMPROXY_SIGNALS_H

#include <event2/event.h>

enum signals_request {
	SIGNALS_STOP,	     /* SIGTERM, SIGINT: drain, then stop; a second one: at once */
	SIGNALS_RELOAD,	     /* SIGHUP */
	SIGNALS_REOPEN_LOGS, /* SIGUSR1 */
	SIGNALS_UPGRADE,     /* SIGUSR2 */
	SIGNALS_LEAVE,	     /* SIGQUIT: end at once, and leave the drain to a child */
};

struct signals;

/*
 * At least this long after a reload, after the log was opened again and after an upgrade was asked
 * for, the next request of that kind waits, and all that come meanwhile are one: whoever sends
 * signals without end costs ten of each a second, and half of the main thread's time at most.
 */
#define SIGNALS_PAUSE_MS 100

/*
 * Ignore SIGPIPE and call on_request in the base's loop for the others. NULL when memory is out.
 * Freeing gives the signals their former dispositions back, SIGPIPE excepted.
 */
struct signals *signals_new(struct event_base *base,
			    void (*on_request)(enum signals_request request, void *arg), void *arg)
    __attribute__((warn_unused_result));

/* Call on_request for what waits, now. */
void signals_flush(struct signals *signals);
void signals_free(struct signals *signals);

#endif
