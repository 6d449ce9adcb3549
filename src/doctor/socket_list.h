/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets of this network namespace that others can reach: listening ones of TCP, and those of
 * UDP that are not connected, from sock_diag(7). A value of one moment; any thread.
 */
#ifndef MMPROXY_SOCKET_LIST_H
#define MMPROXY_SOCKET_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "conf/conf.h"

/* With more of one protocol nothing is known of it. */
#define SOCKET_LIST_MAX 32768

struct listed_socket {
	struct addr addr;
	bool v6only;
	uid_t uid;
	uint32_t inode;
};

struct socket_list {
	struct listed_socket *sockets;
	size_t count;
	bool known; /* false: the kernel does not tell */
};

/* Read those of one protocol. Returns 0, or -1 when memory is out; the list is to be freed. */
int socket_list_read(struct socket_list *list, enum conf_protocol protocol, int64_t deadline_ms)
    __attribute__((warn_unused_result));
void socket_list_fini(struct socket_list *list);

/* The one that takes what is sent to the address: bound to it, or to all addresses. NULL: none. */
const struct listed_socket *socket_list_find(const struct socket_list *list,
					     const struct addr *addr);

/* One that is bound to the port, and to another address of the family. NULL: none. */
const struct listed_socket *socket_list_find_port(const struct socket_list *list,
						  const struct addr *addr);

#endif
