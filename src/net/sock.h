/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP sockets, and what sockets of every kind are set and asked, each with what it is for. Options
 * that only UDP has are in net/udp_sock and net/steer, those of an exact reset in net/exact_reset.
 *
 * Functions return 0, or -1 with errno, unless stated. Any thread.
 */
#ifndef MMPROXY_SOCK_H
#define MMPROXY_SOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* setsockopt(2) of an int, for what this room and net/udp_sock know of; and options of both. */
int sock_set_int(int fd, int level, int option, int value);
int sock_set_transparent(int fd, int family) __attribute__((warn_unused_result));
int sock_set_mark(int fd, uint32_t mark) __attribute__((warn_unused_result));

/* What a listening socket is to be, and what the sockets accepted from it inherit. */
struct sock_listen_options {
	bool transparent; /* accept what a TPROXY rule sends here (Linux 2.6.28) */
	bool v6only;	  /* an IPv6 socket leaves IPv4 alone */
};

/*
 * A bound, non-blocking, close-on-exec TCP socket that does not listen yet, with TCP_NODELAY and
 * SO_OOBINLINE, which accepted sockets inherit. It is bound without SO_REUSEPORT, so an address
 * that anyone else listens on, even another mmproxy, is refused with EADDRINUSE; sock_share_port()
 * then lets this process bind it again for further workers.
 */
int sock_bind_tcp(const struct addr *addr, const struct sock_listen_options *options)
    __attribute__((warn_unused_result));

/* Another socket on an address that sock_bind_tcp() got and sock_share_port() opened. */
int sock_bind_tcp_again(const struct addr *addr, const struct sock_listen_options *options)
    __attribute__((warn_unused_result));

/*
 * Make a bound socket of somebody else's what sock_bind_tcp() would have made. EINVAL: it takes, or
 * leaves, IPv4 unlike options, which cannot be changed any more.
 */
int sock_adopt_tcp(int fd, int family, const struct sock_listen_options *options)
    __attribute__((warn_unused_result));

/* Whether a bound socket is as options say in what cannot be changed any more. Else EINVAL. */
int sock_check_v6only(int fd, int family, const struct sock_listen_options *options)
    __attribute__((warn_unused_result));

/* Change whether a listening socket of either protocol accepts what a TPROXY rule sends there. */
int sock_set_listening_transparent(int fd, int family, bool transparent)
    __attribute__((warn_unused_result));

/* SO_REUSEPORT (Linux 3.9), set after bind(2): the first socket was bound exclusively. */
int sock_share_port(int fd) __attribute__((warn_unused_result));

/*
 * A non-blocking, close-on-exec TCP socket that may use any address of the host or, with
 * transparent, of anybody (IP_TRANSPARENT; needs CAP_NET_RAW or CAP_NET_ADMIN), with SO_REUSEADDR,
 * TCP_NODELAY and SO_OOBINLINE, and SO_MARK unless mark is 0.
 */
int sock_new_tcp(int family, bool transparent, uint32_t mark) __attribute__((warn_unused_result));

/*
 * A non-blocking, close-on-exec socket that sends whole IP packets and receives none (IPPROTO_RAW;
 * needs CAP_NET_RAW), with SO_MARK unless mark is 0.
 */
int sock_new_raw(int family, uint32_t mark) __attribute__((warn_unused_result));

/*
 * IP_BIND_ADDRESS_NO_PORT (Linux 4.2): with port 0, choose the port at connect(2), where it need
 * only be unique for the destination. A kernel without it still works, with fewer ports.
 */
void sock_bind_without_port(int fd);

/*
 * TCP_QUICKACK off, before connect(2): the handshake's last packet is then held back for 40 ms or
 * more, in case there is something to send with it. A reset meanwhile ends the connection before
 * the other host's program has seen it.
 */
void sock_hold_acknowledgement(int fd);

/*
 * Fix the room for bytes received and not read, and for bytes sent and not acknowledged (SO_RCVBUF,
 * SO_SNDBUF), which the kernel else fits to the way's speed and delay (tcp(7)). net.core.rmem_max
 * and wmem_max bound them.
 */
void sock_set_buffers(int fd, uint32_t bytes);

/*
 * Take no more while so many bytes wait unsent, behind what the way carries and the other host has
 * room for (TCP_NOTSENT_LOWAT, Linux 3.12). The socket is writable again when half of them are
 * gone. What was sent and is not acknowledged does not count, so a long way stays full.
 */
void sock_limit_unsent(int fd, uint32_t bytes);

/*
 * Whether what is sent waits for its time, so that a connection never sends faster than its way can
 * carry: congestion control BBR (Linux 4.9) asks for that, even on loopback.
 */
bool sock_is_paced(int fd);

/*
 * Bytes written that the other host's kernel has not acknowledged (SIOCOUTQ); 0 when the socket
 * cannot say.
 */
int sock_unacknowledged(int fd);

/* Whether connect(2) has come to its good end; never waits. */
bool sock_is_connected(int fd);

/*
 * Whether an urgent byte is the next to be read (SIOCATMARK). With SO_OOBINLINE, which every
 * connection has, it is read like any other: without, Linux drops it unless it is fetched in time.
 */
bool sock_is_at_urgent_mark(int fd);

/* Bytes received that have not been read (SIOCINQ); 0 when the socket cannot say. */
int sock_unread(int fd);

/*
 * Be ready for reading when so many bytes have come, or the end, an urgent byte, an error, or when
 * the other host has no more room to send (SO_RCVLOWAT, which poll(2) heeds since Linux 2.6.28); 1:
 * for any byte.
 */
void sock_wake_after(int fd, uint32_t bytes);

/* The pending error of a socket (SO_ERROR), cleared by asking. */
int sock_take_error(int fd);

/* The socket's own address, and its peer's. On failure *addr is AF_UNSPEC. */
int sock_local_addr(int fd, struct addr *addr);
int sock_remote_addr(int fd, struct addr *addr);

/* Close with a FIN after what was written. */
void sock_close(int fd);

/* Close a socket that could not be made ready, keeping errno. Returns -1. */
int sock_fail(int fd);

/* Close with a RST: SO_LINGER with 0 s. What was not sent is lost. */
void sock_abort(int fd);

/*
 * Whether the process may use IP_TRANSPARENT and, if mark, SO_MARK, found out by trying. Returns 0,
 * or -1 with EPERM (or the error of socket(2)).
 */
int sock_check_privileges(bool mark) __attribute__((warn_unused_result));

#endif
