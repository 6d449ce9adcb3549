/* SPDX-License-Identifier: BSD-2-Clause */
/* What a namespace has of routes, rules and nftables, and what of it is the daemon's. */
#ifndef MMPROXY_TEST_ROUTES_H
#define MMPROXY_TEST_ROUTES_H

#include <stdbool.h>

/* Whether the daemon was built with what sets up routes, and marks; says so when it was not. */
bool routes_are_built(void);
bool routes_have_marks(void);

/* Routes of all tables, rules and nftables' ruleset as their programs show them; to be freed. */
char *routes_dump(void);

/* Lines of routes_dump() that hold the text. */
unsigned routes_count(const char *text);

/* A guest behind a veth, as a container is: what it has here is 192.0.2.1 and 2001:db8:2::1. */
#define ROUTES_GUEST_V4 "192.0.2.2:8000"
#define ROUTES_GUEST_V6 "[2001:db8:2::2]:8000"

/* Make the guest, whose way out is this namespace. Returns its namespace. */
int routes_add_guest(void);

/* A socket that listens in the guest: with TCP, or one of UDP. */
int routes_listen_in_guest(int guest, const char *address);
int routes_udp_in_guest(int guest, const char *address);

#endif
