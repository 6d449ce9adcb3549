/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs such as docker-proxy, which take connections to a published port and make others to the
 * container, from an address of their own. Any thread.
 */
#ifndef MMPROXY_CONTAINER_PROXY_H
#define MMPROXY_CONTAINER_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "conf/conf.h"
#include "doctor/socket_list.h"

#define CONTAINER_PROXY_MAX	 256
#define CONTAINER_PROXY_NAME_MAX 16

/* One that runs. */
struct container_proxy {
	int pid;
	char name[CONTAINER_PROXY_NAME_MAX];
	/* From its command line; AF_UNSPEC: that does not tell. */
	enum conf_protocol protocol;
	struct addr host;
	struct addr container;
};

struct container_proxies {
	struct container_proxy *found; /* CONTAINER_PROXY_MAX of them at most */
	size_t count;
	bool has_bridge; /* an interface is named as Docker's bridges are */
};

/* Look through /proc until deadline_ms. Returns 0, or -1 when memory is out. */
int container_proxies_read(struct container_proxies *proxies, int64_t deadline_ms)
    __attribute__((warn_unused_result));
void container_proxies_fini(struct container_proxies *proxies);

/* The one that has the socket; NULL: none, as far as this process may know. */
const struct container_proxy *container_proxies_find(const struct container_proxies *proxies,
						     enum conf_protocol protocol,
						     const struct listed_socket *socket);

#endif
