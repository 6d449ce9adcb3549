/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ending the sessions and flows of clients that may not be served any more, in all workers. Main
 * thread.
 */
#ifndef MMPROXY_CUTTING_H
#define MMPROXY_CUTTING_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/roster.h"
#include "worker/worker.h"

/* Embedded; all zero is one that is not under way. */
struct cutting {
	struct visit *visits; /* one a worker; NULL: not under way */
	size_t left;
	struct service **services; /* as they are now */
	size_t services_count;
	void (*on_done)(void *arg);
	void *on_done_arg;
};

/*
 * Have workers end what the client lists of the roster's services deny now. Returns 0, and on_done
 * is called when all of it has ended; or -1 when memory is out.
 */
int cutting_start(struct cutting *cutting, const struct roster *roster,
		  struct worker *const *workers, size_t workers_count, void (*on_done)(void *arg),
		  void *arg) __attribute__((warn_unused_result));

bool cutting_is_under_way(const struct cutting *cutting);

/* The workers' threads have ended. */
void cutting_fini(struct cutting *cutting);

#endif
