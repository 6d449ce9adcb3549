/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells the service manager that the daemon works, as long as every worker shows that it does: each
 * is asked through its mailbox and answers from its loop.
 *
 * What writes the log has no part in it: a log that nobody reads is no reason to be ended.
 */
#ifndef MMPROXY_WATCHDOG_H
#define MMPROXY_WATCHDOG_H

#include <stddef.h>

#include <event2/event.h>

#include "daemon/notify.h"
#include "worker/worker.h"

struct watchdog;

/*
 * Ask these workers, which have started, from the base's loop, and tell notify, for as long as the
 * watchdog lives; all are borrowed. Returns NULL when the manager does not watch, or, having logged
 * it, when memory is out.
 */
struct watchdog *watchdog_new(struct event_base *base, struct notify *notify,
			      struct worker *const *workers, size_t count)
    __attribute__((warn_unused_result));

/* NULL is fine. */
void watchdog_free(struct watchdog *watchdog);

#endif
