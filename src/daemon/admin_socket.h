/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listening socket of the admin endpoint: a UNIX socket that its owner and group may use, or a
 * TCP address. Main thread.
 */
#ifndef MMPROXY_ADMIN_SOCKET_H
#define MMPROXY_ADMIN_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "conf/conf.h"

/* All zero but for fd = -1 is a closed one. */
struct admin_socket {
	int fd;	      /* listening, non-blocking */
	char *path;   /* of a UNIX socket; NULL: it has an address */
	dev_t device; /* of the file, by which it is known to be this one's */
	ino_t inode;
	struct addr addr;
};

/* Whether the configuration has this socket; fine for a closed one. */
bool admin_socket_is_of(const struct admin_socket *socket, const struct conf *conf);

/*
 * Open what admin.listen says. The file of a process that has ended is replaced; that of one which
 * answers is left alone, unless replace says that it is being succeeded. former is the socket that
 * this one will be exchanged for, or NULL: both may listen on the same port for that moment. An
 * address of another process that is being succeeded has to be shared by it
 * (admin_socket_share()). Returns 0, or -1 having logged why.
 */
int admin_socket_open(struct admin_socket *socket, const struct conf *conf, bool replace,
		      const struct admin_socket *former) __attribute__((warn_unused_result));

/*
 * Let another socket of this user listen on the same address, beside or instead of this one. Of a
 * UNIX socket there is nothing to do. Returns 0, or -1 with errno.
 */
int admin_socket_share(const struct admin_socket *socket) __attribute__((warn_unused_result));

/* Whether it has a file that somebody has removed, so that nobody can connect to it. */
bool admin_socket_is_missing(const struct admin_socket *socket);

/* Close it, and remove its file unless another process has replaced that. */
void admin_socket_close(struct admin_socket *socket);

#endif
