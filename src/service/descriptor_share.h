/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many of the process's descriptors flows may have: their numbers stay below an eighth of the
 * limit (RLIMIT_NOFILE) from its end, which is left to connections, accepting and logs. The kernel
 * gives out the lowest free number, so that a higher one says that all below are in use.
 *
 * Any thread; no locks.
 */
#ifndef MMPROXY_DESCRIPTOR_SHARE_H
#define MMPROXY_DESCRIPTOR_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>

struct descriptor_share {
	atomic_int limit;  /* as it was last seen */
	atomic_uint flows; /* that there are */
};

void descriptor_share_init(struct descriptor_share *share);

/* A flow has begun, or ended. */
void descriptor_share_enter(struct descriptor_share *share);
void descriptor_share_leave(struct descriptor_share *share);

/* Whether a flow may have this descriptor. Asks for the limit only when it seems not. */
bool descriptor_share_allows(struct descriptor_share *share, int fd);

/* Whether a flow could have none now: opens one to see its number, and closes it. */
bool descriptor_share_is_short(struct descriptor_share *share);

#endif
