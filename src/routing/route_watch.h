/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's notifications that return routes, rules or the nft table may have been changed by
 * somebody else. Main thread.
 */
#ifndef MMPROXY_ROUTE_WATCH_H
#define MMPROXY_ROUTE_WATCH_H

#include <stdbool.h>

struct route_watch {
	int route_fd; /* routes, rules, interfaces and addresses; -1: not open */
	int nft_fd;   /* nftables; -1: not open */
	bool places;  /* any change of interfaces and addresses counts, not only of loopback */
};

void route_watch_init(struct route_watch *watch);
void route_watch_fini(struct route_watch *watch);

/* Open what is not open yet. -1 with errno. */
int route_watch_open(struct route_watch *watch, bool nft) __attribute__((warn_unused_result));

/*
 * Read what has been notified of, a bounded number of messages. Whether something in it makes a
 * look necessary; notifications that the kernel had no room for do.
 */
bool route_watch_hear(struct route_watch *watch);

#endif
