/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets of one address that is listened on. */
#include "daemon/listen_address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/log.h"
#include "net/sock.h"
#include "net/steer.h"
#include "net/udp_sock.h"

/* Of a socket from another process: no value of the key. */
#define STEERED_UNKNOWN ((enum conf_udp_header) - 1)

/* The kernel cuts it to net.core.somaxconn. */
#define BACKLOG 65535

/* The service manager needs one turn of its loop. Before workers start nobody waits for this. */
#define RELEASE_PATIENCE_MS 3000
#define RELEASE_POLL_MS	    10

_Static_assert(sizeof(struct listen_key) == sizeof(struct addr) + sizeof(uint32_t),
	       "no padding: compared as bytes");

struct listen_key listen_key_of(enum conf_protocol protocol, const struct addr *addr)
{
	struct listen_key key = {.addr = *addr, .protocol = protocol};

	return key;
}

bool listen_address_is_v6only(const struct conf *conf, enum conf_protocol protocol,
			      const struct addr *addr)
{
	return addr_family(addr) == AF_INET6 &&
	       conf_listens_on_ipv4_port(conf, protocol, addr_port(addr));
}

struct listen_address *listen_address_new(const struct conf *conf,
					  const struct conf_listener *listener,
					  const struct addr *addr, size_t workers)
{
	struct listen_address *address =
	    calloc(1, sizeof(*address) + workers * sizeof(address->fds[0]));

	if (address == NULL)
		return NULL;
	address->key = listen_key_of(listener->protocol, addr);
	address->workers = workers;
	address->transparent = listener->listen_transparent;
	address->v6only = listen_address_is_v6only(conf, listener->protocol, addr);
	address->steered_by = CONF_UDP_FIRST;
	for (size_t i = 0; i < workers; i++)
		address->fds[i] = -1;
	return address;
}

void listen_address_free(struct listen_address *address)
{
	for (size_t i = 0; i < address->workers; i++)
		sock_close(address->fds[i]);
	ledger_unref(address->ledger);
	free(address);
}

/* ---- opening ---- */

static int open_tcp(const struct addr *addr, const struct sock_listen_options *options, bool first)
{
	int fd = first ? sock_bind_tcp(addr, options) : sock_bind_tcp_again(addr, options);

	if (fd >= 0 && listen(fd, BACKLOG) < 0)
		return sock_fail(fd);
	return fd;
}

static int open_udp(const struct addr *addr, const struct sock_listen_options *options, bool first)
{
	return first ? udp_sock_bind(addr, options) : udp_sock_bind_again(addr, options);
}

/* What the manager keeps of a former process may be in the way until it has heard of that. */
static int open_new(struct activation *activation, const struct listen_address *address,
		    const struct sock_listen_options *options, size_t worker)
{
	static const struct timespec pause = {.tv_nsec = RELEASE_POLL_MS * 1000000L};
	const struct addr *addr = &address->key.addr;
	int fd = -1;

	for (int waited_ms = 0; waited_ms <= RELEASE_PATIENCE_MS; waited_ms += RELEASE_POLL_MS) {
		if (address->key.protocol == CONF_PROTOCOL_UDP)
			fd = open_udp(addr, options, worker == 0);
		else
			fd = open_tcp(addr, options, worker == 0);
		if (fd >= 0 || worker > 0 || errno != EADDRINUSE ||
		    !activation_is_releasing(activation))
			break;
		nanosleep(&pause, NULL);
		errno = EADDRINUSE;
	}
	return fd;
}

static int open_socket(struct activation *activation, struct listen_address *address,
		       const struct sock_listen_options *options, size_t worker)
{
	const struct addr *addr = &address->key.addr;
	enum conf_protocol protocol = (enum conf_protocol)address->key.protocol;
	int fd = activation_take(activation, protocol, addr, worker, options, &address->from_unit);

	if (fd >= 0) {
		address->adopted = true;
		address->steered_by = STEERED_UNKNOWN;
		if (protocol == CONF_PROTOCOL_TCP && listen(fd, BACKLOG) < 0)
			return sock_fail(fd);
		return fd;
	}
	fd = open_new(activation, address, options, worker);
	if (fd >= 0 || worker == 0 || !address->adopted || errno != EADDRINUSE)
		return fd;
	/* Another user has bound it (SO_REUSEPORT compares users), as systemd does for a .socket
	 * unit: the workers take turns at the one socket. */
	address->shared = true;
	return fcntl(address->fds[0], F_DUPFD_CLOEXEC, 0);
}

int listen_address_open(struct listen_address *address, struct activation *activation)
{
	const struct sock_listen_options options = {
	    .transparent = address->transparent,
	    .v6only = address->v6only,
	};

	for (size_t i = 0; i < address->workers; i++) {
		address->fds[i] = open_socket(activation, address, &options, i);
		if (address->fds[i] < 0)
			return -1;
		if (i == 0 && address->workers > 1 && sock_share_port(address->fds[i]) < 0)
			return -1;
	}
	return 0;
}

/* ---- beyond this process ---- */

/* A manager that has a socket already, from a former process, does not keep it twice; but one that
 * it opens itself, for a .socket unit, would come to the next process twice. */
int listen_address_keep(struct listen_address *address, struct notify *notify)
{
	enum conf_protocol protocol = (enum conf_protocol)address->key.protocol;
	char name[NOTIFY_NAME_MAX + 1];

	for (size_t i = 0; i < address->workers && !address->from_unit; i++) {
		if (address->shared && i > 0)
			break;
		activation_name(protocol, &address->key.addr, i, name);
		if (notify_keep(notify, address->fds[i], name) < 0)
			return -1;
	}
	address->kept = true;
	return 0;
}

void listen_address_forget(const struct listen_address *address, struct notify *notify)
{
	char name[NOTIFY_NAME_MAX + 1];

	for (size_t i = 0; i < address->workers && address->kept; i++) {
		activation_name((enum conf_protocol)address->key.protocol, &address->key.addr, i,
				name);
		if (notify_forget(notify, name) < 0)
			return;
	}
}

/* ---- options ---- */

/* A client's datagrams go to one worker where the kernel can tell; nothing depends on it. */
static void steer(struct listen_address *address, const struct conf_listener *listener)
{
	uint32_t workers = (uint32_t)address->workers;
	int result = 0;

	if (workers == 1 || listener->protocol != CONF_PROTOCOL_UDP ||
	    address->steered_by == listener->udp_header)
		return;
	switch (listener->udp_header) {
	case CONF_UDP_EACH:
		result = steer_by_proxy_v2(address->fds[0], workers);
		break;
	case CONF_UDP_SPP:
		result = steer_by_spp(address->fds[0], workers);
		break;
	case CONF_UDP_FIRST:
		result = steer_by_port(address->fds[0]);
		break;
	}
	address->steered_by = listener->udp_header;
	if (result < 0)
		log_msg(LOG_LEVEL_INFO,
			"listener %s: the kernel cannot give each client to one worker (%s)",
			listener->name, strerror(errno));
}

static int set_transparent(const struct listen_address *address, int fd, bool transparent)
{
	const struct addr *addr = &address->key.addr;

	if (address->key.protocol == CONF_PROTOCOL_UDP)
		return udp_sock_set_listening_transparent(fd, addr, transparent);
	return sock_set_listening_transparent(fd, addr_family(addr), transparent);
}

void listen_address_set_options(struct listen_address *address,
				const struct conf_listener *listener)
{
	bool transparent = listener->listen_transparent;

	for (size_t i = 0; i < address->workers && address->transparent != transparent; i++)
		if (set_transparent(address, address->fds[i], transparent) < 0)
			log_msg(LOG_LEVEL_WARN, "listener %s: listen_transparent: %s",
				listener->name, strerror(errno));
	address->transparent = transparent;
	steer(address, listener);
}
