/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ending at once without ending what is open: a child process goes on with every connection, and
 * drains, while the service manager sees this process end and starts the next one.
 *
 * The child is a copy, with the same sockets, events and memory, and with threads of its own. Main
 * thread.
 */
#ifndef MMPROXY_LEAVE_H
#define MMPROXY_LEAVE_H

#include "daemon/serving.h"

/* Ask the workers to leave (WORKER_LEAVE), each of which says so by WORKER_HAS_LEFT. */
void leave_begin(struct serving *serving);

/* Whether all have. */
bool leave_is_ready(const struct serving *serving);

/*
 * Then: fork. The parent ends here, with exit code 0. Returns in the child, with the workers'
 * threads running again and the listening sockets closed: 0; or, having logged why, in this process
 * if it cannot fork, the same way: -1.
 */
int leave_fork(struct serving *serving);

/* Have those that have left go on: not all did, in time. */
void leave_undo(const struct serving *serving);

#endif
