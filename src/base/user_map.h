/* SPDX-License-Identifier: BSD-2-Clause */
/* The users that the process's user namespace knows (user_namespaces(7)). Any thread. */
#ifndef MMPROXY_USER_MAP_H
#define MMPROXY_USER_MAP_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether the namespace maps the user: nobody can become one that it does not map. */
bool user_map_has(uid_t uid);

/*
 * Whether what has this owner belongs to root: to that of the namespace or, where the kernel shows
 * the overflow user for somebody outside of it, to nobody whom this namespace has.
 */
bool user_map_is_root(uid_t owner);

#endif
