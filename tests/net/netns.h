/* SPDX-License-Identifier: BSD-2-Clause */
/* A network namespace of a test's own. */
#ifndef MMPROXY_TEST_NETNS_H
#define MMPROXY_TEST_NETNS_H

#include <stdbool.h>

/* Whether netns_enter() works here, found out in a child. */
bool netns_is_available(void);

/*
 * Move this single-threaded process into a new network namespace, and as its root: with a user
 * namespace around it unless it is root already. Returns 0, or -1 with errno.
 */
int netns_enter(void);

/*
 * Have this process and its children keep their mounts to themselves. Returns whether it may mount
 * then; says so on standard output when it may not.
 */
bool netns_enter_mounts(void);

/* Bring loopback up, and route what backends answer to foreign addresses back to this host. */
void netns_set_up_loopback(void);

/* Bring loopback up, and nothing else. */
void netns_bring_loopback_up(void);

/*
 * A further namespace beside this one, which the process stays in: a descriptor to enter it with,
 * open until the test ends. Fails the test when there can be none.
 */
int netns_make_another(void);

/* Enter a namespace by its descriptor; returns one of the namespace that was left. */
int netns_change(int fd);

/*
 * Wait until what was sent to the IPv6 addresses of devices that are up comes here, which on a busy
 * machine is some time after they were added; for two seconds at most, since a device without a
 * carrier has no such routes.
 */
void netns_settle_ipv6(void);

/* Whether the namespace has IPv6; says so on standard output when it has not. */
bool netns_has_ipv6(void);

#endif
