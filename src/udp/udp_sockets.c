/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets that a UDP listener listens on and answers from. */
#include "udp/udp_sockets.h"

#include <stdlib.h>

#include "udp/flow_down.h"
#include "udp/flow_life.h"

static void free_socket(struct udp_socket *socket)
{
	if (socket->readable != NULL)
		event_free(socket->readable);
	reply_socket_fini(&socket->reply);
	free(socket);
}

static bool leaves(const struct udp_socket *socket)
{
	return socket != NULL && socket->entry.leaves;
}

/*
 * Flows whose replies would leave by a socket that goes have nobody left to serve. All flows are
 * looked at once, however many sockets go.
 */
static void end_flows_of_leaving(void *arg)
{
	const struct udp_sockets_owner *owner = arg;
	struct flow_group *group = owner->group;
	struct udp_socket *socket;
	struct flow_links *next;

	for (struct flow_links *links = group->table.flows; links != NULL; links = next) {
		struct flow *flow = flow_of(links);

		next = links->hh.next;
		flow_update_reply(flow);
		if (leaves(flow_group_socket(group, flow->reply.socket)))
			flow_life_end(flow, REASON_SHUTDOWN);
	}
	for (size_t at = 0; (socket = flow_group_next_socket(group, &at)) != NULL;)
		while (leaves(socket) && !TAILQ_EMPTY(&socket->reply.waiting))
			flow_life_end(TAILQ_FIRST(&socket->reply.waiting), REASON_SHUTDOWN);
}

static void drop_socket(void *arg, struct table_socket *entry)
{
	const struct udp_sockets_owner *owner = arg;
	struct udp_socket *socket = udp_socket_of(entry);

	deferred_forget(&owner->group->deferred, socket);
	free_socket(socket);
}

static struct table_socket *add_socket(void *arg, const struct listener_socket *lent)
{
	const struct udp_sockets_owner *owner = arg;
	struct flow_group *group = owner->group;
	struct udp_socket *socket = calloc(1, sizeof(*socket));

	if (socket == NULL)
		return NULL;
	socket->group = group;
	socket->readable =
	    event_new(owner->base, lent->fd, EV_READ | EV_PERSIST, owner->on_readable, socket);
	if (reply_socket_init(&socket->reply, lent->fd, owner->base, flow_down_on_writable) < 0 ||
	    socket->readable == NULL || (!group->paused && event_add(socket->readable, NULL) < 0)) {
		free_socket(socket);
		return NULL;
	}
	udp_sock_set_buffers(lent->fd, REPLY_SOCKETS_BUFFER, REPLY_SOCKETS_BUFFER);
	return &socket->entry;
}

static const struct socket_table_kind kind = {
    .before_leaving = end_flows_of_leaving, .drop = drop_socket, .add = add_socket};

/*
 * The kernel carries single datagrams, not runs that it has joined, and who gives it a flow has to
 * name the device. A socket keeps its options when it goes to another listener.
 */
static void tune(struct udp_socket *socket, const struct conf_listener *conf)
{
	bool by_kernel = conf->udp_relay == CONF_UDP_RELAY_KERNEL && !conf->listen_transparent;
	const struct listener_socket *lent = &socket->entry.lent;

	if (udp_sock_set_gro(lent->fd, !by_kernel) < 0 && !by_kernel)
		flow_group_cannot_join(socket->group);
	/* Without the device the flow stays in user space. */
	if (!conf->listen_transparent)
		(void)!udp_sock_tell_device(lent->fd, &lent->addr, by_kernel);
}

int udp_sockets_apply(struct udp_sockets_owner *owner, const struct listener_setup *setup)
{
	struct udp_socket *socket;
	int result = socket_table_apply(&owner->group->sockets, setup, &kind, owner);

	for (size_t at = 0; (socket = flow_group_next_socket(owner->group, &at)) != NULL;)
		tune(socket, setup->service->conf);
	return result;
}

void udp_sockets_clear(struct udp_sockets_owner *owner)
{
	socket_table_clear(&owner->group->sockets, &kind, owner);
}

int udp_sockets_watch(const struct flow_group *group)
{
	const struct udp_socket *socket;
	int result = 0;

	for (size_t at = 0; (socket = flow_group_next_socket(group, &at)) != NULL;)
		result |= event_add(socket->readable, NULL);
	return result;
}

void udp_sockets_unwatch(const struct flow_group *group)
{
	const struct udp_socket *socket;

	for (size_t at = 0; (socket = flow_group_next_socket(group, &at)) != NULL;)
		event_del(socket->readable);
}
