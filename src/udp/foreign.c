/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets to answer from where listen_transparent caught datagrams. */
#include "udp/foreign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "net/sock.h"
#include "net/udp_sock.h"

struct foreign {
	struct addr local;
	UT_hash_handle hh; /* in the order of use */
	int fd;
};

static void forget(struct foreign_table *table, struct foreign *foreign)
{
	HASH_DELETE(hh, table->sockets, foreign);
	sock_close(foreign->fd);
	free(foreign);
}

static struct foreign *open_foreign(struct foreign_table *table, const struct addr *local)
{
	struct foreign *foreign = calloc(1, sizeof(*foreign));

	if (foreign == NULL)
		return NULL;
	foreign->local = *local;
	foreign->fd = udp_sock_bind_foreign(local);
	if (foreign->fd < 0) {
		free(foreign);
		return NULL;
	}
	HASH_ADD(hh, table->sockets, local, sizeof(foreign->local), foreign);
	if (foreign->hh.tbl == NULL) {
		sock_close(foreign->fd);
		free(foreign);
		errno = ENOMEM;
		return NULL;
	}
	return foreign;
}

int foreign_socket(struct foreign_table *table, const struct addr *local)
{
	struct foreign *foreign;

	HASH_FIND(hh, table->sockets, local, sizeof(*local), foreign);
	if (foreign == NULL) {
		/* The table is in the order of adding, which is that of use: see below. */
		if (HASH_COUNT(table->sockets) >= FOREIGN_MAX)
			forget(table, table->sockets);
		foreign = open_foreign(table, local);
		return foreign != NULL ? foreign->fd : -1;
	}
	if (foreign->hh.next != NULL) {
		HASH_DELETE(hh, table->sockets, foreign);
		HASH_ADD(hh, table->sockets, local, sizeof(foreign->local), foreign);
		if (foreign->hh.tbl == NULL) {
			sock_close(foreign->fd);
			free(foreign);
			errno = ENOMEM;
			return -1;
		}
	}
	return foreign->fd;
}

void foreign_fini(struct foreign_table *table)
{
	while (table->sockets != NULL)
		forget(table, table->sockets);
}
