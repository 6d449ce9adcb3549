/* SPDX-License-Identifier: BSD-2-Clause */
/* The listening socket of the admin endpoint. */
#include "daemon/admin_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/sock.h"

/* Connections that wait while as many as may are being served. */
#define BACKLOG 16

/* rw-rw----: the owner and the group may connect. */
#define FILE_MASK 0117

bool admin_socket_is_of(const struct admin_socket *socket, const struct conf *conf)
{
	if (socket->fd < 0)
		return false;
	if (conf->admin_path != NULL)
		return socket->path != NULL && strcmp(socket->path, conf->admin_path) == 0;
	return socket->path == NULL && addr_is_set(&conf->admin_addr) &&
	       addr_equal(&socket->addr, &conf->admin_addr);
}

/* ---- UNIX ---- */

static int fail(const char *place, const char *why)
{
	log_msg(LOG_LEVEL_ERROR, "admin.listen: cannot listen on %s: %s", place, why);
	return -1;
}

static struct sockaddr_un name_of(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	/* The configuration has bounded it. */
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	return name;
}

/* Whether a process listens there. A full queue is one as well. */
static bool is_answered(const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered;

	if (fd < 0)
		return true;
	answered = connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0 ||
		   errno == EAGAIN || errno == EINPROGRESS || errno == EACCES;
	close(fd);
	return answered;
}

/* Make room for the file. Returns 0, or -1 having logged why there is none. */
static int clear_path(const struct sockaddr_un *name, bool replace)
{
	const char *path = name->sun_path;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail(path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return fail(path, "there is a file of this name that is no socket");
	if (!replace && is_answered(name))
		return fail(path, "another process listens there; is mmproxy running already?");
	/* A former process may be removing it as well. */
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(path, strerror(errno));
	return 0;
}

static int fail_to_bind(const char *path)
{
	int error = errno;
	const char *name = strrchr(path, '/');
	char why[2 * sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	if (error == ENOENT)
		snprintf(why, sizeof(why),
			 "the directory %.*s does not exist; create it for the user of mmproxy",
			 (int)(name - path), path);
	else if (error == EACCES)
		snprintf(why, sizeof(why), "the user of mmproxy may not write to %.*s",
			 (int)(name - path), path);
	else
		return fail(path, strerror(error));
	return fail(path, why);
}

static int open_unix(struct admin_socket *made, const char *path, bool replace)
{
	struct sockaddr_un name = name_of(path);
	struct stat st;
	mode_t mask;
	int bound;

	if (clear_path(&name, replace) < 0)
		return -1;
	made->path = strdup(path);
	made->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made->path == NULL || made->fd < 0)
		return fail(path, strerror(errno));
	/* At once, so that nobody else can connect in between; only this thread makes files. */
	mask = umask(FILE_MASK);
	bound = bind(made->fd, (const struct sockaddr *)&name, sizeof(name));
	umask(mask);
	if (bound < 0)
		return fail_to_bind(path);
	if (listen(made->fd, BACKLOG) < 0 || stat(path, &st) < 0)
		return fail(path, strerror(errno));
	made->device = st.st_dev;
	made->inode = st.st_ino;
	return 0;
}

/* ---- TCP ---- */

static int set_flag(int fd, int option, int value)
{
	return setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value));
}

int admin_socket_share(const struct admin_socket *socket)
{
	return socket->path != NULL ? 0 : set_flag(socket->fd, SO_REUSEPORT, 1);
}

static int open_tcp(struct admin_socket *made, const struct conf *conf, bool replace,
		    const struct admin_socket *former)
{
	const struct addr *addr = &conf->admin_addr;
	bool exchanges = former != NULL && former->fd >= 0 && former->path == NULL &&
			 addr_port(&former->addr) == addr_port(addr);
	bool shares = exchanges || replace;
	/* As for listeners: [::] is every address unless IPv4 has a socket of its own. */
	int only_ipv6 = conf_listens_on_ipv4_port(conf, CONF_PROTOCOL_TCP, addr_port(addr));
	char text[ADDR_STRLEN];

	addr_format(addr, text);
	made->addr = *addr;
	made->fd = socket(addr_family(addr), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made->fd < 0 || set_flag(made->fd, SO_REUSEADDR, 1) < 0)
		return fail(text, strerror(errno));
	if (addr_family(addr) == AF_INET6)
		(void)setsockopt(made->fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6,
				 sizeof(only_ipv6));
	/* Both have to allow it. */
	if ((exchanges && admin_socket_share(former) < 0) ||
	    (shares && set_flag(made->fd, SO_REUSEPORT, 1) < 0))
		return fail(text, strerror(errno));
	if (bind(made->fd, &addr->sa, addr_len(addr)) < 0 || listen(made->fd, BACKLOG) < 0)
		return fail(text, strerror(errno));
	/* From now on another process that wants the port is told that it is taken. */
	if (shares)
		(void)set_flag(made->fd, SO_REUSEPORT, 0);
	return 0;
}

int admin_socket_open(struct admin_socket *socket, const struct conf *conf, bool replace,
		      const struct admin_socket *former)
{
	int result;

	*socket = (struct admin_socket){.fd = -1};
	result = conf->admin_path != NULL ? open_unix(socket, conf->admin_path, replace)
					  : open_tcp(socket, conf, replace, former);
	if (result == 0)
		return 0;
	sock_close(socket->fd);
	free(socket->path);
	*socket = (struct admin_socket){.fd = -1};
	return -1;
}

bool admin_socket_is_missing(const struct admin_socket *socket)
{
	struct stat st;

	return socket->path != NULL && lstat(socket->path, &st) < 0 && errno == ENOENT;
}

void admin_socket_close(struct admin_socket *socket)
{
	struct stat st;

	if (socket->path != NULL && lstat(socket->path, &st) == 0 && st.st_dev == socket->device &&
	    st.st_ino == socket->inode)
		(void)unlink(socket->path);
	free(socket->path);
	sock_close(socket->fd);
	*socket = (struct admin_socket){.fd = -1};
}
