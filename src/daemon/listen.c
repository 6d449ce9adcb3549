/* SPDX-License-Identifier: BSD-2-Clause */
/* Binding every address of the configuration. */
#include "daemon/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/sock.h"
#include "net/steer.h"
#include "net/udp_sock.h"

/* The kernel cuts it to net.core.somaxconn. */
#define BACKLOG 65535

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
static void steer(const struct listen_set *set, size_t index, const struct conf_listener *listener)
{
	uint32_t workers = (uint32_t)set->workers;
	int fd = set->fds[index];
	int result = 0;

	if (listener->udp_header == CONF_UDP_EACH)
		result = steer_by_proxy_v2(fd, workers);
	else if (listener->udp_header == CONF_UDP_SPP)
		result = steer_by_spp(fd, workers);
	if (result < 0)
		log_msg(LOG_LEVEL_INFO,
			"listener %s: the kernel cannot give each client to one worker (%s)",
			listener->name, strerror(errno));
}

static int open_address(struct listen_set *set, size_t index, const struct conf_listener *listener,
			const struct sock_listen_options *options)
{
	const struct addr *addr = &listener->listen[index];
	bool udp = listener->protocol == CONF_PROTOCOL_UDP;

	for (size_t worker = 0; worker < set->workers; worker++) {
		int *fd = &set->fds[worker * set->count + index];

		*fd = udp ? open_udp(addr, options, worker == 0)
			  : open_tcp(addr, options, worker == 0);
		if (*fd < 0)
			return -1;
		if (worker == 0 && set->workers > 1 && sock_share_port(*fd) < 0)
			return -1;
	}
	if (udp && set->workers > 1)
		steer(set, index, listener);
	return 0;
}

int listen_set_open(struct listen_set *set, const struct conf *conf,
		    const struct conf_listener *listener, size_t workers)
{
	char text[ADDR_STRLEN];

	set->workers = workers;
	set->count = listener->listen_count;
	set->fds = reallocarray(NULL, workers * set->count, sizeof(int));
	if (set->fds == NULL) {
		log_msg(LOG_LEVEL_ERROR, "listener %s: out of memory", listener->name);
		return -1;
	}
	for (size_t i = 0; i < workers * set->count; i++)
		set->fds[i] = -1;
	for (size_t i = 0; i < set->count; i++) {
		const struct addr *addr = &listener->listen[i];
		const struct sock_listen_options options = {
		    .transparent = listener->listen_transparent,
		    .v6only = addr_family(addr) == AF_INET6 &&
			      conf_listens_on_ipv4_port(conf, listener->protocol, addr_port(addr)),
		};

		if (open_address(set, i, listener, &options) < 0) {
			log_msg(LOG_LEVEL_ERROR, "listener %s: cannot listen on %s: %s",
				listener->name, addr_format(addr, text), strerror(errno));
			listen_set_close(set);
			return -1;
		}
	}
	return 0;
}

const int *listen_set_of(const struct listen_set *set, size_t worker)
{
	return &set->fds[worker * set->count];
}

void listen_set_taken(struct listen_set *set, size_t worker)
{
	for (size_t i = 0; i < set->count; i++)
		set->fds[worker * set->count + i] = -1;
}

void listen_set_close(struct listen_set *set)
{
	if (set->fds == NULL)
		return;
	for (size_t i = 0; i < set->workers * set->count; i++)
		sock_close(set->fds[i]);
	free(set->fds);
	set->fds = NULL;
}
