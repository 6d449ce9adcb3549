/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listening sockets of the process, each worker's own for each address, for as long as mmproxy
 * lives. Workers borrow them.
 *
 * They are found by protocol and address, so that a configuration that is read again keeps what it
 * still names: bound sockets cannot be bound anew after the change of user, and closing them would
 * reset the connections that wait in them. Main thread.
 */
#ifndef MMPROXY_LISTEN_H
#define MMPROXY_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "daemon/activation.h"
#include "daemon/listen_address.h"
#include "daemon/notify.h"

/* notify and activation are borrowed, and may be NULL. */
struct listen_room {
	struct listen_address *addresses;
	size_t workers;
	struct notify *notify;	       /* where sockets are kept beyond this process */
	struct activation *activation; /* sockets that were there before it */
	bool keep_failed;	       /* the service manager lacks at least one socket */
};

void listen_init(struct listen_room *room, size_t workers);

/* Close all of them. */
void listen_fini(struct listen_room *room);

/*
 * Bind, and for TCP listen on, each address of the snapshot that is not there yet, or take what
 * activation has for it. Returns 0; or -1 having logged which and why, and then nothing has
 * changed.
 */
int listen_open(struct listen_room *room, const struct conf *conf)
    __attribute__((warn_unused_result));

/* Close what the last listen_open() has opened: its snapshot will not be used. */
void listen_undo(struct listen_room *room);

/* The address of a block; it has been opened. */
struct listen_address *listen_find(const struct listen_room *room, enum conf_protocol protocol,
				   const struct addr *addr);

/*
 * The snapshot of the last listen_open() is used from now on: what it names is wanted, and has the
 * options that it says; other TCP addresses are no ledger's any more, UDP ones are leaving.
 */
void listen_commit(struct listen_room *room, const struct conf *conf, int64_t now_ms);

/*
 * Have the service manager keep what was opened here, for the next process, and forget it when
 * listen_close_unwanted() closes it. What it does not take is logged once.
 */
void listen_keep(struct listen_room *room);

/*
 * Whether the next process will find every socket, as far as can be told: a manager that was told
 * to keep none does not say so.
 */
bool listen_is_kept(const struct listen_room *room);

/*
 * Addresses of UDP that have been leaving since until_ms have no ledger any more. Returns whether
 * there were any: a plan that has them no more is due.
 */
bool listen_leave(struct listen_room *room, int64_t until_ms);

/* Close addresses of TCP that are not wanted, and those of UDP that have no ledger any more. */
void listen_close_unwanted(struct listen_room *room);

/* Close all addresses of TCP: no worker uses them. */
void listen_close_tcp(struct listen_room *room);

/* Have the manager forget what another process does not take over. */
void listen_forget_rest(const struct listen_room *room);

/* Close what another process has: no worker uses it. */
void listen_close_passed_on(struct listen_room *room);

/* Close all addresses: no worker uses them. What is kept stays with the service manager. */
void listen_close_all(struct listen_room *room);

#endif
