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
 * environment. What is no listening socket of TCP or UDP is closed, with a line in the log. notify
 * is borrowed, and hears which ones the manager need not keep any more. Returns NULL when there is
 * nothing, or, having logged it, when memory is out; NULL is fine in every function.
 */
struct activation *activation_new(struct notify *notify) __attribute__((warn_unused_result));

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

/* For how many workers there are sockets; 0: there are none. */
size_t activation_workers(const struct activation *activation);

/* Before any is taken: close those that no listener of the snapshot is on, one line in the log
 * each, which would be in the way of what is bound instead. */
void activation_close_unwanted(struct activation *activation, const struct conf *conf);

/* Close what nobody took, for want of so many workers. */
void activation_close_rest(struct activation *activation);

/* Whether the manager is still to close some, so that their addresses may be in use for a moment.
 */
bool activation_is_releasing(const struct activation *activation);

/* The name by which the manager keeps a worker's socket. */
const char *activation_name(enum conf_protocol protocol, const struct addr *addr, size_t worker,
			    char buf[static NOTIFY_NAME_MAX + 1]);

#endif
