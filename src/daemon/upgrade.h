/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Upgrading to the program on disk: it is started with the listening sockets, given the UDP flows,
 * and begins when this daemon stops accepting and reading; this one's connections stay with it.
 *
 * Until the successor says that it is ready, everything can be taken back: datagrams wait in the
 * kernel while flows are given, and connections are accepted here. Main thread.
 */
#ifndef MMPROXY_UPGRADE_H
#define MMPROXY_UPGRADE_H

#include <stdbool.h>
#include <sys/types.h>

#include <event2/event.h>

#include "daemon/serving.h"
#include "daemon/upgrade_flows.h"
#include "daemon/upgrade_launcher.h"
#include "daemon/upgrade_talk.h"

enum upgrade_state {
	UPGRADE_NONE,
	UPGRADE_STARTING, /* until the successor's HELLO */
	UPGRADE_GIVING,	  /* flows, until all have been taken */
	UPGRADE_ASKING,	  /* until the successor is ready */
	UPGRADE_LEAVING,  /* the successor works, and this one lets go of what it has */
	UPGRADE_FAILING,  /* until the successor has ended and everything is as before */
	UPGRADE_DONE,
};

/* Who wants to know. */
struct upgrade_owner {
	/* The successor is about to begin. Returns whether it has to read its configuration again.
	 */
	bool (*on_ready)(pid_t successor, void *arg);
	/* It has begun, and this daemon accepts and reads nothing any more; 0: all is as before. */
	void (*on_end)(pid_t successor, void *arg);
	void *arg;
};

struct upgrade {
	struct upgrade_launcher launcher;
	char *program; /* its path */
	struct serving *serving;
	struct upgrade_owner owner;
	enum upgrade_state state;
	struct upgrade_talk talk; /* with the successor */
	struct event *launched;
	struct upgrade_flows flows;
	bool batch_sent; /* and not taken yet */
	pid_t successor;
	bool alive;	  /* the successor has not ended yet */
	char reason[512]; /* that it gave, or why it could not be run; "": none */
};

/* Before upgrade_prepare(); fini is fine then. */
#define UPGRADE_INITIALIZER                                 \
	{                                                   \
		.talk = {.fd = -1}, .launcher = {.fd = -1 } \
	}

/*
 * Learn which program this is, and fork what starts it, with these arguments. Before there are
 * threads. A failure is logged, and then upgrade_start() refuses.
 */
void upgrade_prepare(struct upgrade *upgrade, char *const *argv);

/* Behind upgrade_prepare(). Returns 0, or -1 when memory is out; fini is fine then. */
int upgrade_init(struct upgrade *upgrade, struct event_base *base, struct serving *serving,
		 const struct upgrade_owner *owner) __attribute__((warn_unused_result));

/* The workers' threads have ended. */
void upgrade_fini(struct upgrade *upgrade);

/* Have no process beside this one: there will be no upgrade any more. */
void upgrade_forgo(struct upgrade *upgrade);

/*
 * Begin, unless that is under way or was done, which is logged. No change of what is served is
 * under way. on_end is called some time after it returned true.
 */
bool upgrade_start(struct upgrade *upgrade);

/* Whether upgrade_start() has been called, and it has neither failed nor come to its end. */
bool upgrade_is_under_way(const struct upgrade *upgrade);

/* Take it back, for this reason, if that is still possible. */
void upgrade_cancel(struct upgrade *upgrade, const char *reason);

#endif
