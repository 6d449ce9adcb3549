/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening sockets that were open before this process: the service manager's, by the protocol of
 * sd_listen_fds(3). They come from a .socket unit, or from its store of descriptors, where a former
 * process of this service left its own (notify_keep()); connections that came meanwhile wait in
 * them.
 *
 * They are known by what they are bound to, not by their order. Main thread.
 */
#ifndef MMPROXY_ACTIVATION_H
#define MMPROXY_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "daemon/notify.h"
#include "net/sock.h"

struct activation;

/*
 * Take what LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES announce, and remove these from the
 * environment. What is no listening socket of TCP or UDP is closed, with a line in the log. Returns
 * NULL when there is nothing, or, having logged it, when memory is out; NULL is fine in every
 * function.
 */
struct activation *activation_new(void) __attribute__((warn_unused_result));

/* Closes what was not taken. */
void activation_free(struct activation *activation);

/*
 * A socket on this address for this worker, made what net/sock or net/udp_sock would have bound
 * (one of TCP may not listen yet), the caller's from now on. A socket that was kept under another
 * worker's name is that worker's, but worker 0 gets any rather than none. *from_unit: it is not one
 * that the manager has kept for a process of this service, but one that it opens itself. Returns -1
 * when there is none, or, having logged why, when it cannot be used; then it is closed.
 */
int activation_take(struct activation *activation, enum conf_protocol protocol,
		    const struct addr *addr, size_t worker,
		    const struct sock_listen_options *options, bool *from_unit)
    __attribute__((warn_unused_result));

/* Close what nobody took, one line in the log each, and have the manager forget it. */
void activation_close_rest(struct activation *activation, struct notify *notify);

/* The name by which the manager keeps a worker's socket. */
const char *activation_name(enum conf_protocol protocol, const struct addr *addr, size_t worker,
			    char buf[static NOTIFY_NAME_MAX + 1]);

#endif
