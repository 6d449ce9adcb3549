/* SPDX-License-Identifier: BSD-2-Clause */
/* The listening sockets of the process. */
#include "daemon/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/privileges.h"
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

static struct listen_key key_of(enum conf_protocol protocol, const struct addr *addr)
{
	struct listen_key key = {.addr = *addr, .protocol = protocol};

	return key;
}

void listen_init(struct listen_room *room, size_t workers)
{
	*room = (struct listen_room){.workers = workers};
}

static void close_address(struct listen_room *room, struct listen_address *address)
{
	HASH_DEL(room->addresses, address);
	for (size_t i = 0; i < room->workers; i++)
		sock_close(address->fds[i]);
	ledger_unref(address->ledger);
	free(address);
}

void listen_close_all(struct listen_room *room)
{
	while (room->addresses != NULL)
		close_address(room, room->addresses);
}

void listen_fini(struct listen_room *room)
{
	listen_close_all(room);
}

struct listen_address *listen_find(const struct listen_room *room, enum conf_protocol protocol,
				   const struct addr *addr)
{
	struct listen_key key = key_of(protocol, addr);
	struct listen_address *address;

	HASH_FIND(hh, room->addresses, &key, sizeof(key), address);
	return address;
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

/* A client's datagrams go to one worker where the kernel can tell; nothing depends on it. */
static void steer(const struct listen_room *room, struct listen_address *address,
		  const struct conf_listener *listener)
{
	uint32_t workers = (uint32_t)room->workers;
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

/* What the manager keeps of a former process may be in the way until it has heard of that. */
static int open_new(const struct listen_room *room, const struct listen_address *address,
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
		    !activation_is_releasing(room->activation))
			break;
		nanosleep(&pause, NULL);
		errno = EADDRINUSE;
	}
	return fd;
}

static int open_socket(const struct listen_room *room, struct listen_address *address,
		       const struct sock_listen_options *options, size_t worker)
{
	const struct addr *addr = &address->key.addr;
	enum conf_protocol protocol = (enum conf_protocol)address->key.protocol;
	int fd =
	    activation_take(room->activation, protocol, addr, worker, options, &address->from_unit);

	if (fd >= 0) {
		address->adopted = true;
		address->steered_by = STEERED_UNKNOWN;
		if (protocol == CONF_PROTOCOL_TCP && listen(fd, BACKLOG) < 0)
			return sock_fail(fd);
		return fd;
	}
	fd = open_new(room, address, options, worker);
	if (fd >= 0 || worker == 0 || !address->adopted || errno != EADDRINUSE)
		return fd;
	/* Another user has bound it (SO_REUSEPORT compares users), as systemd does for a .socket
	 * unit: the workers take turns at the one socket. */
	address->shared = true;
	return fcntl(address->fds[0], F_DUPFD_CLOEXEC, 0);
}

static int open_sockets(const struct listen_room *room, struct listen_address *address)
{
	const struct sock_listen_options options = {
	    .transparent = address->transparent,
	    .v6only = address->v6only,
	};

	for (size_t i = 0; i < room->workers; i++) {
		address->fds[i] = open_socket(room, address, &options, i);
		if (address->fds[i] < 0)
			return -1;
		if (i == 0 && room->workers > 1 && sock_share_port(address->fds[i]) < 0)
			return -1;
	}
	return 0;
}

/* Whether the address takes IPv6 alone, since another one has its IPv4 port. */
static bool is_v6only(const struct conf *conf, enum conf_protocol protocol, const struct addr *addr)
{
	return addr_family(addr) == AF_INET6 &&
	       conf_listens_on_ipv4_port(conf, protocol, addr_port(addr));
}

static int open_address(struct listen_room *room, const struct conf *conf,
			const struct conf_listener *listener, const struct addr *addr)
{
	struct listen_address *address =
	    calloc(1, sizeof(*address) + room->workers * sizeof(address->fds[0]));

	if (address == NULL)
		return -1;
	address->key = key_of(listener->protocol, addr);
	address->transparent = listener->listen_transparent;
	address->v6only = is_v6only(conf, listener->protocol, addr);
	address->steered_by = CONF_UDP_FIRST;
	address->fresh = true;
	for (size_t i = 0; i < room->workers; i++)
		address->fds[i] = -1;
	HASH_ADD(hh, room->addresses, key, sizeof(address->key), address);
	if (address->hh.tbl == NULL) {
		free(address);
		errno = ENOMEM;
		return -1;
	}
	return open_sockets(room, address);
}

/* Whether a socket that is there can do what it is to do; says so if not. */
static bool fits(const struct listen_address *address, const struct conf *conf,
		 const struct conf_listener *listener)
{
	const struct addr *addr = &address->key.addr;
	char text[ADDR_STRLEN];

	if (address->v6only == is_v6only(conf, listener->protocol, addr))
		return true;
	log_msg(LOG_LEVEL_ERROR,
		"listener %s: %s is open for IPv6 %s, and cannot be otherwise without a restart",
		listener->name, addr_format(addr, text), address->v6only ? "alone" : "and IPv4");
	return false;
}

static int open_block(struct listen_room *room, const struct conf *conf,
		      const struct conf_listener *listener)
{
	char text[ADDR_STRLEN];

	for (size_t i = 0; i < listener->listen_count; i++) {
		const struct addr *addr = &listener->listen[i];
		const struct listen_address *address = listen_find(room, listener->protocol, addr);

		if (address != NULL && !fits(address, conf, listener))
			return -1;
		if (address == NULL && open_address(room, conf, listener, addr) < 0) {
			int error = errno;

			log_msg(LOG_LEVEL_ERROR, "listener %s: cannot listen on %s: %s%s",
				listener->name, addr_format(addr, text), strerror(error),
				privileges_bind_hint(error, addr));
			return -1;
		}
	}
	return 0;
}

int listen_open(struct listen_room *room, const struct conf *conf)
{
	struct listen_address *address;

	for (address = room->addresses; address != NULL; address = address->hh.next)
		address->fresh = false;
	for (size_t i = 0; i < conf->listeners_count; i++) {
		if (open_block(room, conf, &conf->listeners[i]) < 0) {
			listen_undo(room);
			return -1;
		}
	}
	return 0;
}

void listen_undo(struct listen_room *room)
{
	struct listen_address *address;
	struct listen_address *next;

	for (address = room->addresses; address != NULL; address = next) {
		next = address->hh.next;
		if (address->fresh)
			close_address(room, address);
	}
}

/* ---- beyond this process ---- */

/* A manager that has a socket already, from a former process, does not keep it twice; but one that
 * it opens itself, for a .socket unit, would come to the next process twice. */
static int keep(const struct listen_room *room, struct listen_address *address)
{
	enum conf_protocol protocol = (enum conf_protocol)address->key.protocol;
	char name[NOTIFY_NAME_MAX + 1];

	for (size_t i = 0; i < room->workers && !address->from_unit; i++) {
		if (address->shared && i > 0)
			break;
		activation_name(protocol, &address->key.addr, i, name);
		if (notify_keep(room->notify, address->fds[i], name) < 0)
			return -1;
	}
	address->kept = true;
	return 0;
}

void listen_keep(struct listen_room *room)
{
	struct listen_address *address;
	struct listen_address *next;

	if (room->notify == NULL)
		return;
	for (address = room->addresses; address != NULL; address = next) {
		next = address->hh.next;
		if (address->kept || keep(room, address) == 0)
			continue;
		if (!room->keep_failed)
			log_msg(LOG_LEVEL_WARN,
				"the service manager keeps no listening sockets, so that a restart "
				"refuses connections: %s",
				strerror(errno));
		room->keep_failed = true;
		return;
	}
}

bool listen_is_kept(const struct listen_room *room)
{
	return room->notify != NULL && !room->keep_failed;
}

static void forget(const struct listen_room *room, const struct listen_address *address)
{
	char name[NOTIFY_NAME_MAX + 1];

	for (size_t i = 0; i < room->workers && address->kept; i++) {
		activation_name((enum conf_protocol)address->key.protocol, &address->key.addr, i,
				name);
		if (notify_forget(room->notify, name) < 0)
			return;
	}
}

void listen_forget_rest(const struct listen_room *room)
{
	struct listen_address *address;
	struct listen_address *next;

	HASH_ITER(hh, room->addresses, address, next)
	if (!address->passed_on)
		forget(room, address);
}

/* ---- using ---- */

static int set_transparent(const struct listen_address *address, int fd, bool transparent)
{
	const struct addr *addr = &address->key.addr;

	if (address->key.protocol == CONF_PROTOCOL_UDP)
		return udp_sock_set_listening_transparent(fd, addr, transparent);
	return sock_set_listening_transparent(fd, addr_family(addr), transparent);
}

static void set_options(const struct listen_room *room, struct listen_address *address,
			const struct conf_listener *listener)
{
	bool transparent = listener->listen_transparent;

	for (size_t i = 0; i < room->workers && address->transparent != transparent; i++)
		if (set_transparent(address, address->fds[i], transparent) < 0)
			log_msg(LOG_LEVEL_WARN, "listener %s: listen_transparent: %s",
				listener->name, strerror(errno));
	address->transparent = transparent;
	steer(room, address, listener);
}

void listen_commit(struct listen_room *room, const struct conf *conf, int64_t now_ms)
{
	struct listen_address *address;
	struct listen_address *next;

	for (address = room->addresses; address != NULL; address = address->hh.next)
		address->wanted = false;
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		for (size_t j = 0; j < listener->listen_count; j++) {
			address = listen_find(room, listener->protocol, &listener->listen[j]);
			address->wanted = true;
			address->leaving_ms = 0;
			set_options(room, address, listener);
		}
	}
	for (address = room->addresses; address != NULL; address = next) {
		next = address->hh.next;
		address->fresh = false;
		if (address->wanted)
			continue;
		if (address->key.protocol == CONF_PROTOCOL_UDP && address->leaving_ms == 0)
			address->leaving_ms = now_ms;
		if (address->key.protocol == CONF_PROTOCOL_TCP) {
			ledger_unref(address->ledger);
			address->ledger = NULL;
		}
	}
}

bool listen_leave(struct listen_room *room, int64_t until_ms)
{
	struct listen_address *address;
	struct listen_address *next;
	bool any = false;

	for (address = room->addresses; address != NULL; address = next) {
		next = address->hh.next;
		if (address->wanted || address->ledger == NULL || address->leaving_ms > until_ms)
			continue;
		ledger_unref(address->ledger);
		address->ledger = NULL;
		any = true;
	}
	return any;
}

void listen_close_unwanted(struct listen_room *room)
{
	struct listen_address *address;
	struct listen_address *next;

	for (address = room->addresses; address != NULL; address = next) {
		next = address->hh.next;
		if (!address->wanted && address->ledger == NULL) {
			forget(room, address);
			close_address(room, address);
		}
	}
}

void listen_close_tcp(struct listen_room *room)
{
	struct listen_address *address;
	struct listen_address *next;

	for (address = room->addresses; address != NULL; address = next) {
		next = address->hh.next;
		if (address->key.protocol == CONF_PROTOCOL_TCP)
			close_address(room, address);
	}
}

void listen_close_passed_on(struct listen_room *room)
{
	struct listen_address *address;
	struct listen_address *next;

	HASH_ITER(hh, room->addresses, address, next)
	if (address->passed_on)
		close_address(room, address);
}
