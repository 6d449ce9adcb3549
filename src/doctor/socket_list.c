/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets of this network namespace that others can reach. */
#include "doctor/socket_list.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/netlink.h"

struct reading {
	struct socket_list *list;
	bool too_many;
	bool out_of_memory;
};

static void on_socket(const struct nlmsghdr *answer, void *arg)
{
	struct reading *reading = arg;
	struct socket_list *list = reading->list;
	const struct inet_diag_msg *socket = NLMSG_DATA(answer);
	struct listed_socket *sockets;
	struct listed_socket *added;
	const uint8_t *v6only;

	if (answer->nlmsg_len < NLMSG_LENGTH(sizeof(*socket)) || reading->too_many ||
	    reading->out_of_memory)
		return;
	if (list->count == SOCKET_LIST_MAX) {
		reading->too_many = true;
		return;
	}
	/* Powers of two are where the room ends. */
	if ((list->count & (list->count - 1)) == 0) {
		sockets = reallocarray(list->sockets, list->count == 0 ? 1 : 2 * list->count,
				       sizeof(*sockets));
		if (sockets == NULL) {
			reading->out_of_memory = true;
			return;
		}
		list->sockets = sockets;
	}
	added = &list->sockets[list->count++];
	memset(added, 0, sizeof(*added));
	if (socket->idiag_family == AF_INET)
		addr_from_ipv4(&added->addr, socket->id.idiag_src, ntohs(socket->id.idiag_sport));
	else
		addr_from_ipv6(&added->addr, socket->id.idiag_src, ntohs(socket->id.idiag_sport));
	added->uid = socket->idiag_uid;
	added->inode = socket->idiag_inode;
	v6only = netlink_get(answer, sizeof(*socket), INET_DIAG_SKV6ONLY, 1);
	added->v6only = v6only != NULL && *v6only != 0;
}

/* Returns 0 or an errno value. */
static int read_family(struct reading *reading, int fd, enum conf_protocol protocol, int family,
		       int64_t deadline_ms)
{
	const bool udp = protocol == CONF_PROTOCOL_UDP;
	const struct inet_diag_req_v2 body = {
	    .sdiag_family = (uint8_t)family,
	    .sdiag_protocol = udp ? IPPROTO_UDP : IPPROTO_TCP,
	    /* One of UDP without a peer is "closed". */
	    .idiag_states = udp ? 1u << TCP_CLOSE : 1u << TCP_LISTEN,
	};
	struct netlink_question question;

	netlink_begin(&question, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &body, sizeof(body));
	return netlink_ask(fd, &question, on_socket, reading, deadline_ms);
}

int socket_list_read(struct socket_list *list, enum conf_protocol protocol, int64_t deadline_ms)
{
	struct reading reading = {.list = list};
	int fd = netlink_open(NETLINK_SOCK_DIAG);

	memset(list, 0, sizeof(*list));
	if (fd < 0)
		return 0;
	/* A kernel without IPv6 has no sockets of it. */
	list->known = read_family(&reading, fd, protocol, AF_INET, deadline_ms) == 0;
	if (read_family(&reading, fd, protocol, AF_INET6, deadline_ms) != 0 &&
	    access("/proc/net/if_inet6", F_OK) == 0)
		list->known = false;
	if (reading.too_many)
		list->known = false;
	close(fd);
	return reading.out_of_memory ? -1 : 0;
}

void socket_list_fini(struct socket_list *list)
{
	free(list->sockets);
	memset(list, 0, sizeof(*list));
}

/* Whether the socket is on all addresses of the family. */
static bool takes_all(const struct listed_socket *socket, int family)
{
	if (!addr_is_wildcard(&socket->addr))
		return false;
	return addr_family(&socket->addr) == family ||
	       (addr_family(&socket->addr) == AF_INET6 && !socket->v6only);
}

const struct listed_socket *socket_list_find(const struct socket_list *list,
					     const struct addr *addr)
{
	const struct listed_socket *found = NULL;

	for (size_t i = 0; i < list->count; i++) {
		const struct listed_socket *socket = &list->sockets[i];
		struct addr unmapped = socket->addr;

		addr_unmap(&unmapped);
		if (addr_port(&socket->addr) != addr_port(addr))
			continue;
		if (addr_equal_ip(&unmapped, addr))
			return socket;
		if (takes_all(socket, addr_family(addr)))
			found = socket;
	}
	return found;
}

const struct listed_socket *socket_list_find_port(const struct socket_list *list,
						  const struct addr *addr)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct listed_socket *socket = &list->sockets[i];

		if (addr_port(&socket->addr) == addr_port(addr) &&
		    addr_family(&socket->addr) == addr_family(addr) &&
		    !addr_is_wildcard(&socket->addr))
			return socket;
	}
	return NULL;
}
