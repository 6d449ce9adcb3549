/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon: ordered start, the main loop, ordered stop. Main thread. */
#ifndef MMPROXY_DAEMON_H
#define MMPROXY_DAEMON_H

#include "conf/conf.h"
#include "daemon/reload.h"

/* Exit codes of the program. */
enum exit_code { EXIT_STOPPED = 0, EXIT_RUNTIME = 1, EXIT_USAGE = 2 };

/* How this process was started. */
struct daemon_origin {
	char *const *argv;
	int former;	    /* socket to the process that it succeeds (daemon/takeover); -1: none */
	const char *set_up; /* the command that sets up its return routes */
};

/*
 * Serve the snapshot, and what source has on a reload, until told to stop. The log is open. Returns
 * the exit code, having logged any failure.
 */
enum exit_code daemon_run(struct conf *conf, const struct reload_source *source,
			  const struct daemon_origin *origin);

#endif
