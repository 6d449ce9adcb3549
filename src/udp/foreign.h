/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets to answer from where listen_transparent caught datagrams for other ports than the
 * listener's own. A foreign address can be given with each reply, but a port only by binding to it.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_FOREIGN_H
#define MMPROXY_FOREIGN_H

#include <stddef.h>

#include "base/addr.h"

/* As many as have been used lately; the one unused longest makes room. */
#define FOREIGN_MAX 1024

struct foreign;

struct foreign_table {
	struct foreign *sockets; /* longest unused first */
};

/* A socket bound to this address, which stays the table's, or -1 with errno. */
int foreign_socket(struct foreign_table *table, const struct addr *local);

/* Close all of them. */
void foreign_fini(struct foreign_table *table);

#endif
