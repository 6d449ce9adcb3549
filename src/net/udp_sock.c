/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP sockets and their control messages. */
#include "net/udp_sock.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* It takes <time.h> for granted. */
#include <linux/errqueue.h>

/* Headers of Debian 10 and glibc 2.28 lack these, of linux/udp.h. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

bool udp_path_equal(const struct udp_path *a, const struct udp_path *b)
{
	if (a == b)
		return true;
	return a != NULL && b != NULL && a->interface == b->interface &&
	       addr_equal(&a->peer, &b->peer) && addr_equal(&a->local, &b->local) &&
	       (addr_family(&a->peer) != AF_INET6 ||
		a->peer.in6.sin6_scope_id == b->peer.in6.sin6_scope_id);
}

/*
 * Report where datagrams were sent to. A dual-stack socket needs both families' options for
 * original destinations; IPV6_RECVPKTINFO alone reports IPv4 as well, as mapped addresses.
 */
static int report_local(int fd, int family, bool transparent)
{
	if (family == AF_INET)
		return sock_set_int(fd, SOL_IP, transparent ? IP_RECVORIGDSTADDR : IP_PKTINFO, 1);
	if (!transparent)
		return sock_set_int(fd, SOL_IPV6, IPV6_RECVPKTINFO, 1);
	(void)sock_set_int(fd, SOL_IP, IP_RECVORIGDSTADDR, 1);
	return sock_set_int(fd, SOL_IPV6, IPV6_RECVORIGDSTADDR, 1);
}

static int bind_udp(const struct addr *addr, const struct sock_listen_options *options, bool share)
{
	int family = addr_family(addr);
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if ((share && sock_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) ||
	    (family == AF_INET6 && sock_set_int(fd, SOL_IPV6, IPV6_V6ONLY, options->v6only) < 0) ||
	    (options->transparent && sock_set_transparent(fd, family) < 0) ||
	    ((options->transparent || addr_is_wildcard(addr)) &&
	     report_local(fd, family, options->transparent) < 0) ||
	    bind(fd, &addr->sa, addr_len(addr)) < 0)
		return sock_fail(fd);
	return fd;
}

int udp_sock_set_listening_transparent(int fd, const struct addr *addr, bool transparent)
{
	int family = addr_family(addr);

	if (sock_set_listening_transparent(fd, family, transparent) < 0)
		return -1;
	/* The other way of reporting, if any, goes. */
	(void)sock_set_int(fd, SOL_IP, transparent ? IP_PKTINFO : IP_RECVORIGDSTADDR, 0);
	if (family == AF_INET6)
		(void)sock_set_int(fd, SOL_IPV6,
				   transparent ? IPV6_RECVPKTINFO : IPV6_RECVORIGDSTADDR, 0);
	return transparent || addr_is_wildcard(addr) ? report_local(fd, family, transparent) : 0;
}

int udp_sock_tell_device(int fd, const struct addr *addr, bool tell)
{
	if (tell || addr_is_wildcard(addr))
		return report_local(fd, addr_family(addr), false);
	if (addr_family(addr) == AF_INET)
		return sock_set_int(fd, SOL_IP, IP_PKTINFO, 0);
	return sock_set_int(fd, SOL_IPV6, IPV6_RECVPKTINFO, 0);
}

int udp_sock_adopt(int fd, const struct addr *addr, const struct sock_listen_options *options)
{
	if (sock_check_v6only(fd, addr_family(addr), options) < 0)
		return -1;
	return udp_sock_set_listening_transparent(fd, addr, options->transparent);
}

int udp_sock_bind(const struct addr *addr, const struct sock_listen_options *options)
{
	return bind_udp(addr, options, false);
}

int udp_sock_bind_again(const struct addr *addr, const struct sock_listen_options *options)
{
	return bind_udp(addr, options, true);
}

int udp_sock_new(int family, bool transparent, bool share, uint32_t mark)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if ((transparent && sock_set_transparent(fd, family) < 0) ||
	    (share && sock_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0) ||
	    (family == AF_INET6 ? sock_set_int(fd, SOL_IPV6, IPV6_RECVERR, 1)
				: sock_set_int(fd, SOL_IP, IP_RECVERR, 1)) < 0 ||
	    (mark != 0 && sock_set_mark(fd, mark) < 0))
		return sock_fail(fd);
	return fd;
}

int udp_sock_bind_reply(const struct addr *addr)
{
	int family = addr_family(addr);
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* Nothing is read from it, so it has the least receive buffer. IPv4 on a dual-stack socket
	 * needs IPV6_V6ONLY off, whatever the system's default is. */
	if (sock_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
	    sock_set_int(fd, SOL_SOCKET, SO_RCVBUF, 1) < 0 ||
	    (family == AF_INET6 && sock_set_int(fd, SOL_IPV6, IPV6_V6ONLY, 0) < 0) ||
	    sock_set_transparent(fd, family) < 0 || bind(fd, &addr->sa, addr_len(addr)) < 0)
		return sock_fail(fd);
	return fd;
}

int udp_sock_set_gro(int fd, bool join)
{
	return sock_set_int(fd, SOL_UDP, UDP_GRO, join);
}

void udp_sock_set_buffers(int fd, int receive, int send)
{
	/* FORCE goes beyond net.core.rmem_max and wmem_max, and needs CAP_NET_ADMIN. */
	if (receive != 0 && sock_set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive) < 0)
		(void)sock_set_int(fd, SOL_SOCKET, SO_RCVBUF, receive);
	if (send != 0 && sock_set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, send) < 0)
		(void)sock_set_int(fd, SOL_SOCKET, SO_SNDBUF, send);
}

static void read_ipv4_local(struct udp_path *path, const struct in_pktinfo *info)
{
	addr_from_ipv4(&path->local, &info->ipi_spec_dst, 0);
	path->device = (uint32_t)info->ipi_ifindex;
}

static void read_ipv6_local(struct udp_path *path, const struct in6_pktinfo *info)
{
	addr_from_ipv6(&path->local, &info->ipi6_addr, 0);
	path->interface = IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr) ? info->ipi6_ifindex : 0;
	path->device = info->ipi6_ifindex;
}

static void read_original(struct udp_path *path, const void *sockaddr, int family)
{
	struct sockaddr_in in;

	memset(&path->local, 0, sizeof(path->local));
	if (family == AF_INET6) {
		memcpy(&path->local.in6, sockaddr, sizeof(path->local.in6));
		path->interface = path->local.in6.sin6_scope_id;
		return;
	}
	memcpy(&in, sockaddr, sizeof(in));
	path->local.in = in;
	if (addr_family(&path->peer) != AF_INET)
		addr_map(&path->local);
}

size_t udp_sock_read_control(struct msghdr *message, struct udp_path *path)
{
	size_t segment_len = 0;
	struct in6_pktinfo info6;
	struct in_pktinfo info;
	int value;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(message, cmsg)) {
		const void *data = CMSG_DATA(cmsg);

		if (cmsg->cmsg_level == SOL_UDP && cmsg->cmsg_type == UDP_GRO) {
			memcpy(&value, data, sizeof(value));
			segment_len = value > 0 ? (size_t)value : 0;
		} else if (cmsg->cmsg_level == SOL_IP && cmsg->cmsg_type == IP_PKTINFO) {
			memcpy(&info, data, sizeof(info));
			read_ipv4_local(path, &info);
		} else if (cmsg->cmsg_level == SOL_IPV6 && cmsg->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info6, data, sizeof(info6));
			read_ipv6_local(path, &info6);
		} else if (cmsg->cmsg_level == SOL_IP && cmsg->cmsg_type == IP_ORIGDSTADDR) {
			read_original(path, data, AF_INET);
		} else if (cmsg->cmsg_level == SOL_IPV6 && cmsg->cmsg_type == IPV6_ORIGDSTADDR) {
			read_original(path, data, AF_INET6);
		}
	}
	return segment_len;
}

/* Put one control message at *at, and move *at behind it. */
static void put_control(uint8_t **at, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *cmsg = (struct cmsghdr *)(void *)*at;

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
	*at += CMSG_SPACE(len);
}

void udp_sock_write_control(struct msghdr *message, uint8_t buf[static UDP_SOCK_CONTROL_MAX],
			    const struct udp_path *path, size_t segment_len)
{
	struct in6_pktinfo info6 = {0};
	struct in_pktinfo info = {0};
	uint16_t segment = (uint16_t)segment_len;
	uint8_t *at = buf;

	if (path != NULL && addr_family(&path->local) == AF_INET) {
		info.ipi_spec_dst = path->local.in.sin_addr;
		put_control(&at, SOL_IP, IP_PKTINFO, &info, sizeof(info));
	} else if (path != NULL && addr_family(&path->local) == AF_INET6) {
		info6.ipi6_addr = path->local.in6.sin6_addr;
		info6.ipi6_ifindex = path->interface;
		put_control(&at, SOL_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	}
	if (segment_len != 0)
		put_control(&at, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	message->msg_control = at == buf ? NULL : buf;
	message->msg_controllen = (size_t)(at - buf);
}

size_t udp_sock_send_room(int fd, bool *empty)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(info);

	*empty = true;
	/* Older kernels know fewer of them. */
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0 ||
	    len <= SK_MEMINFO_SNDBUF * sizeof(info[0]))
		return SIZE_MAX;
	*empty = info[SK_MEMINFO_WMEM_ALLOC] == 0;
	if (info[SK_MEMINFO_WMEM_ALLOC] >= info[SK_MEMINFO_SNDBUF])
		return 0;
	return info[SK_MEMINFO_SNDBUF] - info[SK_MEMINFO_WMEM_ALLOC];
}

int udp_sock_take_icmp(int fd)
{
	_Alignas(struct cmsghdr) uint8_t control[512];
	struct msghdr message = {.msg_control = control, .msg_controllen = sizeof(control)};
	struct sock_extended_err error;

	if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return -1;
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(&message, cmsg)) {
		if ((cmsg->cmsg_level != SOL_IP || cmsg->cmsg_type != IP_RECVERR) &&
		    (cmsg->cmsg_level != SOL_IPV6 || cmsg->cmsg_type != IPV6_RECVERR))
			continue;
		memcpy(&error, CMSG_DATA(cmsg), sizeof(error));
		if (error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6)
			return (int)error.ee_errno;
	}
	return 0;
}
