/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP sockets, and what all kinds of sockets are set and asked. */
#include "net/sock.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* TCP_CA_NAME_MAX of Linux, which its headers for programs lack. */
#define CONGESTION_NAME_MAX 16

int sock_set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

int sock_set_listening_transparent(int fd, int family, bool transparent)
{
	if (family == AF_INET6)
		return sock_set_int(fd, SOL_IPV6, IPV6_TRANSPARENT, transparent);
	return sock_set_int(fd, SOL_IP, IP_TRANSPARENT, transparent);
}

int sock_set_transparent(int fd, int family)
{
	return sock_set_listening_transparent(fd, family, true);
}

int sock_set_mark(int fd, uint32_t mark)
{
	return setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

/* A relay adds no delay of its own, and takes urgent bytes in their place. */
static int set_relayed(int fd)
{
	if (sock_set_int(fd, SOL_TCP, TCP_NODELAY, 1) < 0)
		return -1;
	return sock_set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

static int bind_tcp(const struct addr *addr, const struct sock_listen_options *options, bool share)
{
	int family = addr_family(addr);
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (sock_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
	    (share && sock_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) ||
	    (family == AF_INET6 && sock_set_int(fd, SOL_IPV6, IPV6_V6ONLY, options->v6only) < 0) ||
	    (options->transparent && sock_set_transparent(fd, family) < 0) || set_relayed(fd) < 0 ||
	    bind(fd, &addr->sa, addr_len(addr)) < 0)
		return sock_fail(fd);
	return fd;
}

int sock_bind_tcp(const struct addr *addr, const struct sock_listen_options *options)
{
	return bind_tcp(addr, options, false);
}

int sock_bind_tcp_again(const struct addr *addr, const struct sock_listen_options *options)
{
	return bind_tcp(addr, options, true);
}

int sock_check_v6only(int fd, int family, const struct sock_listen_options *options)
{
	int v6only = 0;
	socklen_t len = sizeof(v6only);

	if (family != AF_INET6)
		return 0;
	if (getsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &v6only, &len) < 0)
		return -1;
	errno = EINVAL;
	return (v6only != 0) == options->v6only ? 0 : -1;
}

int sock_adopt_tcp(int fd, int family, const struct sock_listen_options *options)
{
	if (sock_check_v6only(fd, family, options) < 0 ||
	    sock_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 || set_relayed(fd) < 0)
		return -1;
	return sock_set_listening_transparent(fd, family, options->transparent);
}

int sock_share_port(int fd)
{
	return sock_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

int sock_new_tcp(int family, bool transparent, uint32_t mark)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if ((transparent && sock_set_transparent(fd, family) < 0) ||
	    sock_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
	    (mark != 0 && sock_set_mark(fd, mark) < 0) || set_relayed(fd) < 0)
		return sock_fail(fd);
	return fd;
}

int sock_new_raw(int family, uint32_t mark)
{
	int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd >= 0 && mark != 0 && sock_set_mark(fd, mark) < 0)
		return sock_fail(fd);
	return fd;
}

void sock_bind_without_port(int fd)
{
	(void)sock_set_int(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
}

void sock_hold_acknowledgement(int fd)
{
	(void)sock_set_int(fd, SOL_TCP, TCP_QUICKACK, 0);
}

void sock_set_buffers(int fd, uint32_t bytes)
{
	(void)sock_set_int(fd, SOL_SOCKET, SO_RCVBUF, (int)bytes);
	(void)sock_set_int(fd, SOL_SOCKET, SO_SNDBUF, (int)bytes);
}

void sock_limit_unsent(int fd, uint32_t bytes)
{
	(void)sock_set_int(fd, SOL_TCP, TCP_NOTSENT_LOWAT, (int)bytes);
}

bool sock_is_paced(int fd)
{
	char name[CONGESTION_NAME_MAX + 1] = "";
	socklen_t len = CONGESTION_NAME_MAX;

	return getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0 &&
	       strncmp(name, "bbr", strlen("bbr")) == 0;
}

int sock_unacknowledged(int fd)
{
	int queued = 0;

	return ioctl(fd, SIOCOUTQ, &queued) < 0 ? 0 : queued;
}

bool sock_is_connected(int fd)
{
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);

	return getpeername(fd, (struct sockaddr *)&storage, &len) == 0;
}

bool sock_is_at_urgent_mark(int fd)
{
	int at_mark = 0;

	return ioctl(fd, SIOCATMARK, &at_mark) == 0 && at_mark != 0;
}

int sock_unread(int fd)
{
	int unread = 0;

	return ioctl(fd, SIOCINQ, &unread) < 0 ? 0 : unread;
}

void sock_wake_after(int fd, uint32_t bytes)
{
	(void)sock_set_int(fd, SOL_SOCKET, SO_RCVLOWAT, (int)bytes);
}

int sock_take_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return error;
}

static int get_addr(int (*get)(int, struct sockaddr *, socklen_t *), int fd, struct addr *addr)
{
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);

	memset(addr, 0, sizeof(*addr));
	if (get(fd, (struct sockaddr *)&storage, &len) < 0)
		return -1;
	return addr_from_sockaddr(addr, (struct sockaddr *)&storage, len);
}

int sock_local_addr(int fd, struct addr *addr)
{
	return get_addr(getsockname, fd, addr);
}

int sock_remote_addr(int fd, struct addr *addr)
{
	return get_addr(getpeername, fd, addr);
}

void sock_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

int sock_fail(int fd)
{
	int saved = errno;

	sock_close(fd);
	errno = saved;
	return -1;
}

void sock_abort(int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	if (fd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

int sock_check_privileges(bool mark)
{
	int fd = sock_new_tcp(AF_INET, true, 0);

	if (fd < 0)
		return -1;
	/* Setting the mark that is there already still asks for the capability. */
	if (mark && sock_set_mark(fd, 0) < 0)
		return sock_fail(fd);
	close(fd);
	return 0;
}
