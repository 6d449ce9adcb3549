/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes use the return routes of a table: a daemon, its successor, and the child that its
 * open connections were left to may do so at once, and only the last one may take anything away.
 *
 * Each has an abstract UNIX socket, whose name belongs to the network namespace as the routes do,
 * and which the kernel forgets with the last process that has the descriptor. A child shares its
 * parent's.
 */
#ifndef MMPROXY_ROUTE_HOLDERS_H
#define MMPROXY_ROUTE_HOLDERS_H

#include <stdbool.h>
#include <stdint.h>

#define ROUTE_HOLDERS_NAME_MAX 64

struct route_holder {
	int fd; /* -1: none */
	char name[ROUTE_HOLDERS_NAME_MAX];
};

void route_holder_init(struct route_holder *holder);
void route_holder_fini(struct route_holder *holder);

/* Use the table's routes from now on, and not those of another one any more. -1 with errno. */
int route_holder_join(struct route_holder *holder, uint32_t table)
    __attribute__((warn_unused_result));

/* Whether another process uses them; also if that cannot be told. */
bool route_holder_has_others(const struct route_holder *holder, uint32_t table);

#endif
