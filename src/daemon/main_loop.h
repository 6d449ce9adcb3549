/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main thread's loop: signals, what workers tell, and what is due each second, and by these the
 * ways out: drain, leave (daemon/leave), and a successor (daemon/upgrade).
 */
#ifndef MMPROXY_MAIN_LOOP_H
#define MMPROXY_MAIN_LOOP_H

#include <stdbool.h>

#include <event2/event.h>

#include "daemon/admin.h"
#include "daemon/checkup.h"
#include "daemon/notify.h"
#include "daemon/reload.h"
#include "daemon/serving.h"
#include "daemon/signals.h"
#include "daemon/status_line.h"
#include "daemon/upgrade.h"
#include "daemon/watchdog.h"
#include "worker/mailbox.h"

enum main_loop_state {
	MAIN_LOOP_RUNNING,
	MAIN_LOOP_SUCCEEDED, /* by another process: what is open goes on until it ends */
	MAIN_LOOP_LEAVING,
	MAIN_LOOP_DRAINING,
	MAIN_LOOP_CLOSING
};

/* The first five are the owner's, who sets them before anything can happen in the loop. */
struct main_loop {
	const struct reload_source *source;
	struct serving *serving;
	struct admin *admin;
	struct checkup *checkup;
	struct event_base *base;
	struct mailbox mailbox; /* what workers tell */
	struct signals *signals;
	struct event *tick;
	struct event *drain_timer;
	struct upgrade upgrade;
	struct notify *notify;	   /* NULL: nobody asked to be told */
	struct watchdog *watchdog; /* NULL: nobody watches */
	struct status_line status;
	enum main_loop_state state;
	bool reload_due;  /* asked for while a change was under way */
	bool leave_due;	  /* likewise */
	bool upgrade_due; /* likewise */
};

/* What main_loop_fini() can free, whether or not main_loop_init() was called. */
#define MAIN_LOOP_INITIALIZER                                         \
	{                                                             \
		.mailbox = {.fd = -1}, .upgrade = UPGRADE_INITIALIZER \
	}

/* Behind upgrade_prepare(). Returns 0, or -1 with errno when memory or descriptors are out. */
int main_loop_init(struct main_loop *loop) __attribute__((warn_unused_result));

/* The workers' threads have ended: nobody posts any more. Before the base is freed. */
void main_loop_fini(struct main_loop *loop);

/* Takes what this process tells the service manager by; NULL: nothing. */
void main_loop_meet_manager(struct main_loop *loop, struct notify *notify);

/* The start has come to its good end: give the listening sockets to be kept, and say so. */
void main_loop_tell_ready(struct main_loop *loop);

#endif
