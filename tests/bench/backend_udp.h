/* SPDX-License-Identifier: BSD-2-Clause */
/* The backend's UDP side: threads of its own, which sleep while nothing comes. */
#ifndef MMPROXY_TEST_BACKEND_UDP_H
#define MMPROXY_TEST_BACKEND_UDP_H

#include <netinet/in.h>

/* Bind so many sockets to an address and serve them until the process ends. Returns 0, or -1 with
 * errno. */
int backend_udp_start(const struct sockaddr_in *addr, unsigned threads)
    __attribute__((warn_unused_result));

#endif
