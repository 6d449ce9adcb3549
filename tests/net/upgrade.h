/* SPDX-License-Identifier: BSD-2-Clause */
/* Upgrades of the daemon under test, whose program is a copy in the test's directory. */
#ifndef MMPROXY_TEST_UPGRADE_H
#define MMPROXY_TEST_UPGRADE_H

#include <sys/types.h>

/* Before the daemon is started. Returns the path of the copy. */
const char *upgrade_prepare(void);

/*
 * SIGUSR2, and wait until the successor alone accepts, which is the daemon from here on. Returns
 * the former one.
 */
pid_t upgrade_daemon(void);

/* The same where the former one has nothing left and ends. */
void upgrade_daemon_idle(void);

/* Wait until a former one has ended, by itself and with exit code 0. */
void upgrade_await_end(pid_t former);

/* SIGUSR2, and wait for the line that says why it is not upgraded; the daemon is the same. */
const char *upgrade_fails(const char *reason);

#endif
