/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP sockets: every option mmproxy sets on one, and the control messages that go with datagrams.
 *
 * Functions return 0, or -1 with errno, unless stated. Any thread.
 */
#ifndef MMPROXY_UDP_SOCK_H
#define MMPROXY_UDP_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "net/sock.h"

/* The longest payload of a UDP datagram over IPv4: 65535 less 20 of IP and 8 of UDP. */
#define UDP_SOCK_PAYLOAD_MAX 65507

/* Room for the control messages of one datagram, received or to be sent. */
#define UDP_SOCK_CONTROL_MAX 128

/*
 * Between whom a datagram came: peer and local in the family of the socket, so that IPv4 on a
 * dual-stack socket is IPv4-mapped. local is AF_UNSPEC when the socket has one address only; its
 * port is set only when the socket reports original destinations (transparent), and 0 otherwise.
 */
struct udp_path {
	struct addr peer;
	struct addr local;
	uint32_t interface; /* of a link-local local address; 0: any */
	uint32_t device;    /* that it came by, as the kernel tells it; 0: not told */
};

/*
 * Whether they are the same in every part that a reply needs: all but the device. Either may be
 * NULL, which equals only NULL.
 */
bool udp_path_equal(const struct udp_path *a, const struct udp_path *b);

/*
 * A bound, non-blocking, close-on-exec UDP socket, bound without SO_REUSEPORT, so that an address
 * in use is EADDRINUSE; sock_share_port() then lets udp_sock_bind_again() bind it for further
 * workers. It reports local addresses where it can have more than one.
 */
int udp_sock_bind(const struct addr *addr, const struct sock_listen_options *options)
    __attribute__((warn_unused_result));
int udp_sock_bind_again(const struct addr *addr, const struct sock_listen_options *options)
    __attribute__((warn_unused_result));

/*
 * Make a bound socket of somebody else's what udp_sock_bind() would have made. EINVAL: it takes, or
 * leaves, IPv4 unlike options, which cannot be changed any more.
 */
int udp_sock_adopt(int fd, const struct addr *addr, const struct sock_listen_options *options)
    __attribute__((warn_unused_result));

/*
 * Change whether a socket of udp_sock_bind() with this address takes what a TPROXY rule sends
 * there, and says where to. Returns 0, or -1 with errno.
 */
int udp_sock_set_listening_transparent(int fd, const struct addr *addr, bool transparent)
    __attribute__((warn_unused_result));

/*
 * Have a socket of udp_sock_bind() with this address, which is not transparent, tell of the local
 * address and the device of every datagram, or only as udp_sock_bind() does.
 */
int udp_sock_tell_device(int fd, const struct addr *addr, bool tell)
    __attribute__((warn_unused_result));

/*
 * A non-blocking, close-on-exec UDP socket for one flow, which may use any address of the host or,
 * with transparent, of anybody (needs what sock_new_tcp() needs), with SO_MARK unless mark is 0. It
 * queues ICMP errors (IP_RECVERR).
 *
 * With share its address and port may also be another flow's, of the same client to another target
 * or in another worker (SO_REUSEADDR). A port that the kernel is to choose must not be shared: it
 * would choose one that another flow has.
 */
int udp_sock_new(int family, bool transparent, bool share, uint32_t mark)
    __attribute__((warn_unused_result));

/*
 * A non-blocking socket to answer from an address that may be anybody's (IP_TRANSPARENT), of
 * path->local's family. Nothing is read from it.
 */
int udp_sock_bind_reply(const struct addr *addr) __attribute__((warn_unused_result));

/* Whether the kernel may hand over runs of equal datagrams as one (UDP_GRO, Linux 5.0). */
int udp_sock_set_gro(int fd, bool join) __attribute__((warn_unused_result));

/* Ask for a receive and send buffer of this many bytes each (0: as it is); takes what the system
 * allows. */
void udp_sock_set_buffers(int fd, int receive, int send);

/*
 * Read what a received message's control data say: local address and interface into *path (left as
 * it is where there are none), and the length of a segment in a run joined by UDP_GRO, or 0.
 */
size_t udp_sock_read_control(struct msghdr *message, struct udp_path *path);

/*
 * Write control data into buf, to send from path's local address (none if path is NULL or has none)
 * and cut into segments of this length by UDP_SEGMENT (0: not), and point message at them.
 */
void udp_sock_write_control(struct msghdr *message, uint8_t buf[static UDP_SOCK_CONTROL_MAX],
			    const struct udp_path *path, size_t segment_len);

/*
 * Bytes of kernel memory that the socket's send buffer has room for (SO_MEMINFO, Linux 4.12), which
 * count more for a datagram than its length; SIZE_MAX where the kernel cannot say. *empty: nothing
 * is in it.
 */
size_t udp_sock_send_room(int fd, bool *empty);

/*
 * Take one error off the socket's error queue: its errno, 0 for one that no ICMP message brought,
 * or -1 when the queue is empty.
 */
int udp_sock_take_icmp(int fd);

#endif
