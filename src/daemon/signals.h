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
 * Ignore SIGPIPE and call on_request in the base's loop for the others. NULL when memory is out.
 * Freeing gives the signals their former dispositions back, SIGPIPE excepted.
 */
struct signals *signals_new(struct event_base *base,
			    void (*on_request)(enum signals_request request, void *arg), void *arg)
    __attribute__((warn_unused_result));
void signals_free(struct signals *signals);

#endif
