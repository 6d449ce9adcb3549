/* SPDX-License-Identifier: BSD-2-Clause */
/* accept(2), and what its errors mean. Any thread. */
#ifndef MMPROXY_ACCEPT_H
#define MMPROXY_ACCEPT_H

#include "base/addr.h"

enum accept_result {
	ACCEPT_CONNECTION,
	ACCEPT_NOTHING,	      /* none waits */
	ACCEPT_LOST,	      /* one had failed before it was accepted; the next one may be fine */
	ACCEPT_NO_DESCRIPTOR, /* of the process (EMFILE) or the system (ENFILE) */
	ACCEPT_NO_MEMORY,     /* of the kernel (ENOMEM, ENOBUFS) */
	ACCEPT_FAILED,	      /* anything else, such as a socket that does not listen */
};

/*
 * Take one connection off a listening, non-blocking socket. On ACCEPT_CONNECTION *fd is its
 * non-blocking, close-on-exec descriptor, the caller's, and *peer whom it comes from; otherwise
 * errno says why. After the last three the socket stays readable, so the caller has to wait.
 */
enum accept_result accept_connection(int listener, int *fd, struct addr *peer)
    __attribute__((warn_unused_result));

#endif
