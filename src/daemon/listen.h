/* SPDX-License-Identifier: BSD-2-Clause */
/* Binding every address of the configuration, once for each worker. Main thread. */
#ifndef MMPROXY_LISTEN_H
#define MMPROXY_LISTEN_H

#include <stddef.h>

#include "conf/conf.h"

/* The sockets of one listener block: worker w's are fds[w * count] to fds[(w + 1) * count - 1]. */
struct listen_set {
	int *fds; /* -1 once taken */
	size_t workers;
	size_t count; /* addresses of the block */
};

/*
 * Bind, and for TCP listen, for one listener block of the snapshot. Returns 0, or -1 having logged
 * the address and why, with nothing left open.
 */
int listen_set_open(struct listen_set *set, const struct conf *conf,
		    const struct conf_listener *listener, size_t workers)
    __attribute__((warn_unused_result));

/* One worker's sockets, count of them; the caller hands them on and calls listen_set_taken(). */
const int *listen_set_of(const struct listen_set *set, size_t worker);

/* The worker's sockets belong to somebody else now. */
void listen_set_taken(struct listen_set *set, size_t worker);

/* Close what was not taken. */
void listen_set_close(struct listen_set *set);

#endif
