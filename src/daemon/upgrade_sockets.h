/* SPDX-License-Identifier: BSD-2-Clause */
/* Passing the listening sockets on to a successor. Main thread. */
#ifndef MMPROXY_UPGRADE_SOCKETS_H
#define MMPROXY_UPGRADE_SOCKETS_H

#include "daemon/handover.h"
#include "daemon/listen.h"
#include "daemon/upgrade_launcher.h"

/*
 * Pass all that are wanted, by the names that daemon/activation reads. Returns 0, or -1 with errno.
 */
int upgrade_sockets_pass(const struct upgrade_launcher *launcher, const struct listen_room *room)
    __attribute__((warn_unused_result));

/* Mark the addresses that a message of the successor's says it has (ADDRESSES). */
void upgrade_sockets_mark(const struct listen_room *room, const struct handover_message *message);

#endif
