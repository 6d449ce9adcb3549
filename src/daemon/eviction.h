/* SPDX-License-Identifier: BSD-2-Clause */
/* Ending the sessions and flows of a network's clients, in all workers. Main thread. */
#ifndef MMPROXY_EVICTION_H
#define MMPROXY_EVICTION_H

#include <stddef.h>

#include "base/network.h"
#include "base/reason.h"
#include "worker/worker.h"

struct eviction;

/*
 * Have workers end what clients in the network have open, for this reason. done is told how many
 * that were, when all have ended; the eviction is freed behind it. Returns NULL when memory is out.
 */
struct eviction *eviction_start(const struct network *network, enum close_reason reason,
				struct worker *const *workers, size_t workers_count,
				void (*done)(void *arg, size_t ended), void *arg)
    __attribute__((warn_unused_result));

/* One that is not done, when the workers' threads have ended. NULL is fine. */
void eviction_free(struct eviction *eviction);

#endif
