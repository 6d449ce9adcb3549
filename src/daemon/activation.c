/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening sockets from the service manager. */
#include "daemon/activation.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/udp_sock.h"

/* SD_LISTEN_FDS_START of sd_listen_fds(3). */
#define FIRST_FD 3

/* A number of descriptors that no service manager passes is a mistake in the environment. */
#define COUNT_MAX (1 << 20)

struct adopted {
	int fd; /* -1: taken */
	enum conf_protocol protocol;
	struct addr addr;
	size_t worker;
	bool from_unit; /* its name is not one of activation_name() */
	char name[NOTIFY_NAME_MAX + 1];
};

struct activation {
	struct notify *notify;
	bool releasing;
	size_t count;
	struct adopted sockets[];
};

/* ---- names ---- */

static const char *protocol_name(enum conf_protocol protocol)
{
	return protocol == CONF_PROTOCOL_UDP ? "udp" : "tcp";
}

const char *activation_name(enum conf_protocol protocol, const struct addr *addr, size_t worker,
			    char buf[static NOTIFY_NAME_MAX + 1])
{
	char text[ADDR_STRLEN];

	addr_format(addr, text);
	/* A colon separates the names in LISTEN_FDNAMES. */
	for (char *at = text; (at = strchr(at, ':')) != NULL;)
		*at = '_';
	snprintf(buf, NOTIFY_NAME_MAX + 1, "%s-%zu-%s", protocol_name(protocol), worker, text);
	return buf;
}

/* Whether the name is one of activation_name(), and then the worker that is in it. */
static bool parse_name(const char *name, size_t *worker)
{
	char *end;

	if ((strncmp(name, "tcp-", 4) != 0 && strncmp(name, "udp-", 4) != 0) ||
	    !isdigit((unsigned char)name[4]))
		return false;
	*worker = strtoul(name + 4, &end, 10);
	return *end == '-';
}

/* ---- taking them from the environment ---- */

/* How many descriptors there are for this process; 0: none. */
static size_t announced(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	char *end;
	long number;

	if (pid == NULL || count == NULL || strtoll(pid, NULL, 10) != getpid())
		return 0;
	number = strtol(count, &end, 10);
	if (end == count || *end != '\0' || number <= 0 || number > COUNT_MAX)
		return 0;
	return (size_t)number;
}

/* The next of the names that colons separate; "" when there are no more. */
static const char *next_name(const char **names, char buf[static NOTIFY_NAME_MAX + 1])
{
	size_t len = *names != NULL ? strcspn(*names, ":") : 0;

	snprintf(buf, NOTIFY_NAME_MAX + 1, "%.*s", (int)len, *names != NULL ? *names : "");
	if (*names != NULL)
		*names = (*names)[len] == ':' ? *names + len + 1 : NULL;
	return buf;
}

/* Whether it is a socket that can listen on an address; otherwise *why says what it is. */
static bool identify(struct adopted *socket, const char **why)
{
	int type = 0;
	int protocol = 0;
	socklen_t len = sizeof(int);

	*why = "no socket";
	if (getsockopt(socket->fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return false;
	*why = "neither TCP nor UDP";
	len = sizeof(int);
	if (getsockopt(socket->fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0 ||
	    (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
		return false;
	socket->protocol = protocol == IPPROTO_UDP ? CONF_PROTOCOL_UDP : CONF_PROTOCOL_TCP;
	*why = "not bound";
	if (sock_local_addr(socket->fd, &socket->addr) < 0 || addr_port(&socket->addr) == 0)
		return false;
	*why = "connected";
	return !sock_is_connected(socket->fd);
}

static int set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static bool is_on(const struct adopted *socket, enum conf_protocol protocol,
		  const struct addr *addr)
{
	return socket->fd >= 0 && socket->protocol == protocol && addr_equal(&socket->addr, addr);
}

/* The first worker without a socket among those on the same address: a .socket unit has no
 * numbers. */
static size_t number_of(const struct activation *activation, const struct adopted *socket)
{
	size_t number = 0;

	for (size_t i = 0; i < activation->count; i++)
		number += is_on(&activation->sockets[i], socket->protocol, &socket->addr);
	return number;
}

static void adopt(struct activation *activation, int fd, const char *name)
{
	struct adopted *socket = &activation->sockets[activation->count];
	const char *why = strerror(EBADF);

	/* There may be a gap where a manager announces more than it passes. */
	if (fcntl(fd, F_GETFD) < 0) {
		log_msg(LOG_LEVEL_WARN, "LISTEN_FDS: descriptor %d (%s): %s", fd, name, why);
		return;
	}
	socket->fd = fd;
	snprintf(socket->name, sizeof(socket->name), "%s", name);
	if (!identify(socket, &why) || set_flags(fd) < 0) {
		log_msg(LOG_LEVEL_WARN,
			"LISTEN_FDS: descriptor %d (%s) is of no use, since it is %s; closed", fd,
			name, why);
		close(fd);
		return;
	}
	socket->from_unit = !parse_name(name, &socket->worker);
	if (socket->from_unit)
		socket->worker = number_of(activation, socket);
	activation->count++;
}

struct activation *activation_new(struct notify *notify)
{
	size_t count = announced();
	struct activation *activation = NULL;
	const char *names = getenv("LISTEN_FDNAMES");
	char name[NOTIFY_NAME_MAX + 1];

	if (count > 0) {
		activation =
		    calloc(1, sizeof(*activation) + count * sizeof(activation->sockets[0]));
		if (activation == NULL)
			log_msg(LOG_LEVEL_ERROR, "out of memory for %zu sockets of LISTEN_FDS",
				count);
		else
			activation->notify = notify;
	}
	for (size_t i = 0; i < count && activation != NULL; i++)
		adopt(activation, FIRST_FD + (int)i, next_name(&names, name));
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return activation;
}

void activation_free(struct activation *activation)
{
	if (activation == NULL)
		return;
	for (size_t i = 0; i < activation->count; i++)
		sock_close(activation->sockets[i].fd);
	free(activation);
}

/* ---- handing them out ---- */

/* Close it here, and where the manager keeps it. */
static void release(struct activation *activation, struct adopted *socket)
{
	if (!socket->from_unit && notify_forget(activation->notify, socket->name) == 0)
		activation->releasing = true;
	close(socket->fd);
	socket->fd = -1;
}

static struct adopted *find(struct activation *activation, enum conf_protocol protocol,
			    const struct addr *addr, size_t worker)
{
	struct adopted *best = NULL;

	for (size_t i = 0; i < activation->count; i++) {
		struct adopted *socket = &activation->sockets[i];

		if (is_on(socket, protocol, addr) && (socket->worker == worker || worker == 0) &&
		    (best == NULL || socket->worker < best->worker))
			best = socket;
	}
	return best;
}

static int prepare(const struct adopted *socket, const struct sock_listen_options *options)
{
	if (socket->protocol == CONF_PROTOCOL_UDP)
		return udp_sock_adopt(socket->fd, &socket->addr, options);
	return sock_adopt_tcp(socket->fd, addr_family(&socket->addr), options);
}

int activation_take(struct activation *activation, enum conf_protocol protocol,
		    const struct addr *addr, size_t worker,
		    const struct sock_listen_options *options, bool *from_unit)
{
	struct adopted *found =
	    activation != NULL ? find(activation, protocol, addr, worker) : NULL;
	char text[ADDR_STRLEN];
	int fd;

	if (found == NULL)
		return -1;
	fd = found->fd;
	if (prepare(found, options) < 0) {
		log_msg(LOG_LEVEL_WARN,
			"LISTEN_FDS: the socket on %s cannot be used, and another is opened: %s",
			addr_format(addr, text), strerror(errno));
		release(activation, found);
		return -1;
	}
	found->fd = -1;
	*from_unit = found->from_unit;
	return fd;
}

size_t activation_workers(const struct activation *activation)
{
	size_t workers = 0;

	for (size_t i = 0; activation != NULL && i < activation->count; i++)
		if (activation->sockets[i].worker >= workers)
			workers = activation->sockets[i].worker + 1;
	return workers;
}

/* Whether a listener is on its address; otherwise *why there is none. */
static bool is_wanted(const struct adopted *socket, const struct conf *conf, const char **why)
{
	const struct sock_listen_options options = {
	    .v6only = conf_listens_on_ipv4_port(conf, socket->protocol, addr_port(&socket->addr)),
	};

	*why = "no listener is on that address";
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		for (size_t j = 0; j < listener->listen_count; j++) {
			if (!is_on(socket, listener->protocol, &listener->listen[j]))
				continue;
			*why = "it differs in taking IPv4 as well";
			return sock_check_v6only(socket->fd, addr_family(&socket->addr),
						 &options) == 0;
		}
	}
	return false;
}

void activation_close_unwanted(struct activation *activation, const struct conf *conf)
{
	char text[ADDR_STRLEN];
	const char *why;

	for (size_t i = 0; activation != NULL && i < activation->count; i++) {
		struct adopted *socket = &activation->sockets[i];

		if (is_wanted(socket, conf, &why))
			continue;
		log_msg(LOG_LEVEL_INFO, "LISTEN_FDS: the socket on %s, %s (%s), is closed: %s",
			addr_format(&socket->addr, text), protocol_name(socket->protocol),
			socket->name, why);
		release(activation, socket);
	}
}

void activation_close_rest(struct activation *activation)
{
	for (size_t i = 0; activation != NULL && i < activation->count; i++)
		if (activation->sockets[i].fd >= 0)
			release(activation, &activation->sockets[i]);
}

bool activation_is_releasing(const struct activation *activation)
{
	return activation != NULL && activation->releasing;
}
