/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of several sockets on one address gets a datagram: one for each client, by a program in the
 * kernel that reads the client out of the header (SO_ATTACH_REUSEPORT_CBPF, Linux 4.5, no
 * privilege).
 *
 * Without it the kernel picks by the peer's address and port, so that a client changes socket when
 * its load balancer takes another port.
 */
#ifndef MMPROXY_STEER_H
#define MMPROXY_STEER_H

#include <stdint.h>

/*
 * Of sockets that share the address of fd, numbered as they were bound, give datagrams to the one
 * that their client's address and port pick. Datagrams that name no client stay with the kernel's
 * choice. Returns 0, or -1 with errno when the kernel refuses. Any thread.
 */
int steer_by_proxy_v2(int fd, uint32_t sockets) __attribute__((warn_unused_result));
int steer_by_spp(int fd, uint32_t sockets) __attribute__((warn_unused_result));

/* The kernel's choice again, after one of these (SO_DETACH_REUSEPORT_BPF, Linux 5.3). */
int steer_by_port(int fd) __attribute__((warn_unused_result));

#endif
