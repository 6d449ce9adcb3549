/* SPDX-License-Identifier: BSD-2-Clause */
/* One client's way to the backend and back. */
#include "udp/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "net/dial.h"
#include "net/sock.h"

/*
 * A flow's receive buffer. The system's default holds three runs of 64 KiB; this one holds what a
 * fast server sends while the worker is busy with others. Only what waits takes memory, and the
 * kernel bounds that for all sockets together (net.ipv4.udp_mem).
 */
#define RECEIVE_BUFFER (2 * 1024 * 1024)

_Static_assert(offsetof(struct flow, links) == 0, "flow_of() relies on it");

/* Dial from the client's own port, which must be no other listener's towards this target. */
static int dial_from_port(struct flow *flow, const struct client_pair *pair,
			  const struct dial_request *request, enum close_reason *reason)
{
	struct client_path_table *paths = &flow->group->registry->paths;
	int fd;

	flow->client_path = client_path_claim(paths, pair);
	if (flow->client_path == NULL) {
		*reason = errno == EADDRINUSE ? REASON_SOURCE_CONFLICT : REASON_INTERNAL;
		return -1;
	}
	fd = dial(request, reason);
	if (fd < 0) {
		client_path_leave(paths, flow->client_path);
		flow->client_path = NULL;
	}
	return fd;
}

/* Dial from the client's address and a port that the kernel chooses, or from mmproxy's own. */
static int dial_from_any_port(struct flow *flow, const struct client_pair *pair,
			      struct dial_request *request, enum close_reason *reason)
{
	request->any_port = addr_is_set(&request->source);
	/* Flows from mmproxy's own address are nobody else's. */
	if (request->any_port) {
		flow->client_path = client_path_join(&flow->group->registry->paths, pair);
		*reason = REASON_INTERNAL;
		if (flow->client_path == NULL)
			return -1;
	}
	return dial(request, reason);
}

static struct client_pair pair_of(const struct flow *flow, const struct addr *source)
{
	return (struct client_pair){
	    .source = *source,
	    .target = flow->target,
	    .listener = flow->service->ledger->first_address,
	};
}

static int dial_target(struct flow *flow, const struct addr *source, enum close_reason *reason)
{
	const struct conf_listener *conf = flow->service->conf;
	struct dial_request request = {
	    .source = *source,
	    .target = flow->target,
	    .mark = conf->mark,
	    .datagrams = true,
	};
	const struct client_pair pair = pair_of(flow, source);
	int fd;

	flow->any_port = addr_is_set(source) && conf->source_port == CONF_SOURCE_EPHEMERAL;
	if (addr_port(source) == 0 || flow->any_port)
		return dial_from_any_port(flow, &pair, &request, reason);
	fd = dial_from_port(flow, &pair, &request, reason);
	if (fd >= 0 || *reason != REASON_SOURCE_CONFLICT ||
	    conf->source_port != CONF_SOURCE_FALLBACK)
		return fd;
	flow->any_port = true;
	fd = dial_from_any_port(flow, &pair, &request, reason);
	if (fd >= 0)
		stats_add(&flow->group->stats->source_fallbacks, 1);
	return fd;
}

struct flow *flow_dial(struct flow_group *group, const struct flow_key *key,
		       const struct route *route, enum close_reason *reason)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	*reason = REASON_INTERNAL;
	if (flow == NULL)
		return NULL;
	flow->group = group;
	flow->service = group->service;
	flow->links.key = *key;
	flow->client = route->client;
	flow->target = route->target;
	flow->first_segment = UDP_SEGMENT_NONE;
	flow->read_batch = 1;
	*reason = route_enter(flow->service, route, &flow->pseudo_ipv4);
	flow->fd = *reason == REASON_DONE ? dial_target(flow, &route->source, reason) : -1;
	if (flow->fd < 0) {
		flow_abandon(flow);
		return NULL;
	}
	udp_sock_set_buffers(flow->fd, RECEIVE_BUFFER, 0);
	if (group->joins_replies && udp_sock_set_gro(flow->fd, true) < 0)
		flow_group_cannot_join(group);
	return flow;
}

int flow_claim_pair(struct flow *flow, const struct addr *source)
{
	struct client_path_table *paths = &flow->group->registry->paths;
	const struct client_pair pair = pair_of(flow, source);
	const struct route route = {
	    .client = flow->client, .source = *source, .target = flow->target};

	if (route_enter(flow->service, &route, &flow->pseudo_ipv4) != REASON_DONE)
		return -1;
	if (!addr_is_set(source))
		return 0;
	flow->client_path = addr_port(source) == 0 || flow->any_port
				? client_path_join(paths, &pair)
				: client_path_claim(paths, &pair);
	if (flow->client_path == NULL)
		return -1;
	flow->client_path_version = client_path_set(flow->client_path, &flow->reply);
	return 0;
}

void flow_abandon(struct flow *flow)
{
	if (flow->waiting_for != NULL)
		TAILQ_REMOVE(&flow->waiting_for->waiting, flow, waiting);
	sock_close(flow->fd);
	client_path_leave(&flow->group->registry->paths, flow->client_path);
	pseudo_ipv4_leave(flow->pseudo_ipv4);
	tlv_copy_free(flow->tlvs);
	free(flow);
}

void flow_describe(const struct flow *flow, struct listener_view *view, struct addr *peer)
{
	*peer = flow->reply.path.peer;
	addr_unmap(peer);
	*view = (struct listener_view){
	    .service = flow->service,
	    .peer = peer,
	    .client = &flow->client,
	    .target = &flow->target,
	    .bytes = {flow->bytes[STATS_UP], flow->bytes[STATS_DOWN]},
	    .opened_ms = flow->opened_ms,
	    .active_ms = flow->links.active_ms,
	    .relaying = true,
	};
}

/* ---- where replies go ---- */

static bool leaves_by_same(const struct reply_path *a, const struct reply_path *b)
{
	return a->socket == b->socket && addr_equal(&a->path.local, &b->path.local);
}

void flow_set_reply(struct flow *flow, const struct reply_path *reply)
{
	bool moved = flow->reply.socket != reply->socket ||
		     flow->reply.header_len != reply->header_len ||
		     memcmp(flow->reply.header, reply->header, reply->header_len) != 0 ||
		     !udp_path_equal(&flow->reply.path, &reply->path);

	/* The other socket may have room. */
	if (flow->waiting_for != NULL && !leaves_by_same(&flow->reply, reply))
		flow_resume(flow);
	if (moved)
		flow->reply = *reply;
	/* Only what is news to the other workers is told, so that a lock is rare. */
	if (flow->client_path != NULL &&
	    (moved || flow->client_path_version != client_path_version(flow->client_path)))
		flow->client_path_version = client_path_set(flow->client_path, reply);
}

void flow_update_reply(struct flow *flow)
{
	if (flow->client_path != NULL &&
	    flow->client_path_version != client_path_version(flow->client_path))
		flow->client_path_version = client_path_get(flow->client_path, &flow->reply);
}

static int watch_for(struct flow *flow, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = flow};

	return epoll_ctl(flow->group->epoll_fd, EPOLL_CTL_MOD, flow->fd, &event);
}

void flow_wait(struct flow *flow, struct reply_socket *socket)
{
	if (watch_for(flow, 0) < 0)
		return;
	flow->waiting_for = socket;
	TAILQ_INSERT_TAIL(&socket->waiting, flow, waiting);
}

void flow_move_waiting(struct reply_socket *from, struct reply_socket *to)
{
	struct flow *flow;

	TAILQ_FOREACH(flow, &from->waiting, waiting)
	flow->waiting_for = to;
	TAILQ_CONCAT(&to->waiting, &from->waiting, waiting);
	(void)event_add(to->writable, NULL);
}

void flow_resume(struct flow *flow)
{
	TAILQ_REMOVE(&flow->waiting_for->waiting, flow, waiting);
	flow->waiting_for = NULL;
	(void)watch_for(flow, EPOLLIN);
}

/* ---- what became of datagrams ---- */

enum close_reason flow_drop_reason(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
		return REASON_CONGESTION;
	case EMSGSIZE:
		return REASON_TOO_LONG;
	default:
		return dial_reason(error);
	}
}

void flow_count_refused(struct flow *flow, uint32_t datagrams)
{
	if (flow->answers != NULL)
		stats_add(&flow->answers->refused, datagrams);
}

/* What the target gets, or would if something listened there. */
static void count_asked(struct flow *flow, uint32_t datagrams, int error)
{
	if (flow->answers != NULL && (error == 0 || error == ECONNREFUSED))
		stats_add(&flow->answers->asked, datagrams);
	if (error == ECONNREFUSED)
		flow_count_refused(flow, datagrams);
}

void flow_count_sent(struct flow *flow, enum stats_direction direction, uint32_t datagrams,
		     uint64_t bytes, int error)
{
	struct stats *stats = flow->group->stats;

	if (direction == STATS_UP)
		count_asked(flow, datagrams, error);
	if (error == 0) {
		flow->datagrams[direction] += datagrams;
		flow->bytes[direction] += bytes;
		stats_add(&stats->datagrams[direction], datagrams);
		stats_add(&stats->bytes[direction], bytes);
	} else {
		flow->dropped += datagrams;
		stats_add(&stats->dropped[flow_drop_reason(error)], datagrams);
	}
}
