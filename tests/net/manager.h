/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stand-in for systemd: it hears what the daemon tells its service manager, and keeps descriptors
 * for the next daemon. One a test.
 */
#ifndef MMPROXY_TEST_MANAGER_H
#define MMPROXY_TEST_MANAGER_H

#include <stdbool.h>
#include <stddef.h>

#include "command.h"

/* Be there for daemons that are started from now on (NOTIFY_SOCKET), at a path of the test's. */
void manager_open(void);

/* The same at an address of one's own choice, such as "@name". */
void manager_open_at(const char *address);

/* Lines that begin with this, of all that was said since manager_forget(). */
unsigned manager_count(const char *line);

/* Wait for one; returns its rest, of the last such line, valid until the next call. */
const char *manager_await(const char *line);

/* Whether a line was said before another one; both must have been. */
bool manager_heard_before(const char *first, const char *second);

void manager_forget(void);

/* Descriptors in the store, and whether one has this name. */
size_t manager_kept(void);
bool manager_keeps(const char *name);

/* Pass everything in the store to this program, as systemd does at the next start. */
void manager_pass(struct command *command);

#endif
