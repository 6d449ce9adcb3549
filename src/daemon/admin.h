/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The admin endpoint: metrics, status and sessions of the daemon over HTTP, and denying clients.
 *
 * A reload may move it to another address, all or nothing. Main thread.
 */
#ifndef MMPROXY_ADMIN_H
#define MMPROXY_ADMIN_H

#include <stdbool.h>

#include <event2/event.h>

#include "daemon/serving.h"

struct admin;

/*
 * Without an address yet. serving is borrowed, and its workers are made. NULL when memory is out.
 */
struct admin *admin_new(struct event_base *base, const struct serving *serving)
    __attribute__((warn_unused_result));

/* Close its address. The workers' threads have ended. NULL is fine. */
void admin_free(struct admin *admin);

/*
 * Open the address that the configuration has, unless it is open already. Nothing else changes
 * until admin_commit() or admin_undo(). replace: although another process listens there, which is
 * being succeeded; of an address, after its admin_share(). Returns 0, or -1 having logged why.
 */
int admin_prepare(struct admin *admin, const struct conf *conf, bool replace)
    __attribute__((warn_unused_result));

/* Serve there, and no longer where it served before. */
void admin_commit(struct admin *admin);

/* Close what the latest admin_prepare() has opened. */
void admin_undo(struct admin *admin);

/*
 * Another process of the same user is about to succeed this one, and may listen on the same address
 * already (replace). Returns 0, or -1 with errno.
 */
int admin_share(struct admin *admin) __attribute__((warn_unused_result));

/* It has: serve no longer. Requests that wait are dropped. */
void admin_close(struct admin *admin);

#endif
