/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The side of a daemon that was started to succeed another one, from which it has its listening
 * sockets (daemon/activation) and takes its flows (daemon/handover).
 *
 * These functions wait for the other daemon, with an end; nothing is served by this one yet. If the
 * other ends, this one goes on with what it has. Main thread.
 */
#ifndef MMPROXY_TAKEOVER_H
#define MMPROXY_TAKEOVER_H

#include <stdbool.h>

#include "daemon/serving.h"

/*
 * The socket to the former daemon, as the environment says, which has nothing of it any more then;
 * -1 when there is none. It stays open until the program ends: its end says what became of this
 * one.
 */
int takeover_open(void);

/* Tell the former daemon why this one ends before it could take over. Fine for -1. */
void takeover_refuse(int fd, const char *why);

/*
 * Take its flows, before the workers' threads are started, once they have been made to wait.
 * Returns 0, or -1 having logged why not.
 */
int takeover_take_flows(int fd, struct serving *serving) __attribute__((warn_unused_result));

/*
 * Say that all is ready, the workers' threads too, and wait for the former daemon to stop serving.
 * *reload: it was told to reload meanwhile. Returns 0, or -1 having logged why not.
 */
int takeover_begin(int fd, bool *reload) __attribute__((warn_unused_result));

#endif
