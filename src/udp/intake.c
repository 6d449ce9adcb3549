/* SPDX-License-Identifier: BSD-2-Clause */
/* What a datagram that arrived is, and which flow it belongs to. */
#include "udp/intake.h"

#include <string.h>

#include "proxyproto/proxy_datagram.h"
#include "proxyproto/proxy_spp.h"
#include "udp/admission.h"
#include "udp/flow_carry.h"
#include "udp/flow_life.h"
#include "udp/flow_up.h"

/* No address, for keys and logs. */
static const struct addr nobody;

static const struct conf_listener *conf_of(const struct intake *intake)
{
	return intake->group->service->conf;
}

/* ---- which flow ---- */

/* Where headerless datagrams of a flow come from and go to. */
static void set_origin_key(const struct intake *intake, struct flow_key *key)
{
	flow_key_set(key, &intake->path.peer, &intake->path.local,
		     intake->socket->entry.lent.number);
}

/* The flow of a datagram's client; NULL when it was dropped. */
static struct flow *find_flow(const struct intake *intake, struct arrival *arrival)
{
	const struct proxy_header *header = arrival->header;
	struct flow_links *links;
	struct flow_key key;

	if (header == NULL)
		flow_key_set(&key, &intake->peer, &nobody, FLOW_OF_CLIENT);
	else if (!addr_is_set(&header->src))
		flow_key_set(&key, &intake->peer, &nobody, FLOW_OF_PEER);
	else
		flow_key_set(&key, &header->src,
			     conf_of(intake)->dynamic_destination ? &header->dst : &nobody,
			     FLOW_OF_CLIENT);
	links = flow_table_find(&intake->group->table, &key);
	if (links == NULL)
		return admission_open(intake, arrival, &key);
	/* Who may open a flow from a loopback address is who may use it. */
	if (header != NULL && addr_is_loopback(&header->src) && !addr_is_loopback(&intake->peer)) {
		arrival->route.client = header->src;
		arrival_drop(intake, arrival, REASON_SOURCE_INVALID);
		return NULL;
	}
	return flow_of(links);
}

/*
 * From now on the load balancer's port speaks for this flow. It spoke for another before if the
 * load balancer has given it to a new client; that one's replies would go to the wrong client now,
 * so its flow ends unless it has other ways to be reached.
 */
static bool bind_origin(const struct intake *intake, struct flow *flow)
{
	struct flow_table *table = &intake->group->table;
	struct flow_links *orphan;
	struct flow_key key;

	set_origin_key(intake, &key);
	if (flow_table_find_origin(table, &key) == &flow->links)
		return true;
	if (flow_table_set_origin(table, &key, &flow->links, &orphan) < 0)
		return false;
	if (orphan != NULL)
		flow_life_end(flow_of(orphan), REASON_DONE);
	return true;
}

static struct flow *find_first(const struct intake *intake, struct arrival *arrival)
{
	struct flow *flow = find_flow(intake, arrival);

	if (flow != NULL && !bind_origin(intake, flow)) {
		arrival_drop(intake, arrival, REASON_INTERNAL);
		return NULL;
	}
	return flow;
}

/* ---- a datagram ---- */

/* Find the header; false when it was dropped for want of one. */
static bool parse(const struct intake *intake, struct arrival *arrival)
{
	enum proxy_status status;

	if (conf_of(intake)->udp_header == CONF_UDP_SPP)
		status = proxy_spp_parse(arrival->bytes, arrival->len, &arrival->parsed,
					 &arrival->error);
	else
		status =
		    proxy_datagram_parse(arrival->bytes, arrival->len, conf_of(intake)->header_max,
					 &arrival->parsed, &arrival->error);
	if (status != PROXY_OK) {
		arrival_drop(intake, arrival, REASON_HEADER_INVALID);
		return false;
	}
	arrival->header = &arrival->parsed;
	return true;
}

/* What the flow remembers of the datagram, and the payload on its way. */
static void accept_datagram(const struct intake *intake, const struct arrival *arrival,
			    struct flow *flow)
{
	size_t header_len = arrival->header != NULL ? arrival->header->header_len : 0;

	struct reply_path reply = {
	    .path = intake->path,
	    .socket = intake->socket->entry.lent.number,
	};

	if (arrival->header != NULL && arrival->header->version == PROXY_VERSION_SPP) {
		reply.header_len = PROXY_SPP_LEN;
		memcpy(reply.header, arrival->bytes, PROXY_SPP_LEN);
	}
	flow_set_reply(flow, &reply);
	if (flow->first_segment == UDP_SEGMENT_NONE)
		flow_table_touch(&intake->group->table, &flow->links, intake->now_ms);
	/* Where the header opens a flow, one that comes alone is no empty datagram. */
	if (conf_of(intake)->udp_header == CONF_UDP_FIRST && header_len != 0 &&
	    header_len == arrival->len)
		return;
	flow_carry_note(flow, intake, arrival);
	flow_up_gather(flow, arrival->bytes + header_len, arrival->len - header_len);
}

static void take_datagram(const struct intake *intake, const uint8_t *bytes, size_t len)
{
	struct arrival arrival = {.bytes = bytes, .len = len, .error = PROXY_ERROR_NONE};
	bool first = conf_of(intake)->udp_header == CONF_UDP_FIRST;
	struct flow_links *links = NULL;
	struct flow_key key;
	struct flow *flow;

	if (first && !intake->headerless && !proxy_datagram_is_signed(bytes, len)) {
		set_origin_key(intake, &key);
		links = flow_table_find_origin(&intake->group->table, &key);
	}
	if (links != NULL)
		flow = flow_of(links);
	else if (!intake->headerless && !parse(intake, &arrival))
		return;
	else if (first && !intake->headerless)
		flow = find_first(intake, &arrival);
	else
		flow = find_flow(intake, &arrival);
	if (flow != NULL)
		accept_datagram(intake, &arrival, flow);
}

/* ---- a message ---- */

static bool is_same_peer(const struct addr *a, const struct addr *b)
{
	return addr_equal(a, b) &&
	       (addr_family(a) != AF_INET6 || a->in6.sin6_scope_id == b->in6.sin6_scope_id);
}

/* Learn whom the message is from, and whether that one may. */
static void learn_peer(struct intake *intake, const struct addr *name)
{
	const struct conf_listener *conf = conf_of(intake);

	/* Mostly the same few load balancers, and runs of one of them. */
	if (intake->known && is_same_peer(&intake->path.peer, name))
		return;
	intake->known = true;
	intake->path.peer = *name;
	intake->peer = *name;
	addr_unmap(&intake->peer);
	intake->headerless = conf->headerless_subnets != NULL &&
			     netset_contains(conf->headerless_subnets, &intake->peer);
	intake->allowed = intake->headerless || conf->allowed_subnets == NULL ||
			  netset_contains(conf->allowed_subnets, &intake->peer);
}

void intake_begin(struct intake *intake, struct udp_socket *socket, int64_t now_ms)
{
	memset(intake, 0, sizeof(*intake));
	intake->socket = socket;
	intake->group = socket->group;
	intake->now_ms = now_ms;
}

void intake_message(struct intake *intake, struct msghdr *message, size_t len)
{
	const uint8_t *bytes = message->msg_iov->iov_base;
	const struct arrival unknown = {.error = PROXY_ERROR_NONE};
	size_t segment_len;

	learn_peer(intake, message->msg_name);
	memset(&intake->path.local, 0, sizeof(intake->path.local));
	intake->path.interface = 0;
	intake->path.device = 0;
	segment_len = udp_sock_read_control(message, &intake->path);
	if (segment_len == 0 || segment_len > len)
		segment_len = len;
	do {
		size_t one = len < segment_len ? len : segment_len;

		if (intake->allowed)
			take_datagram(intake, bytes, one);
		else
			arrival_drop(intake, &unknown, REASON_PEER_DENIED);
		bytes += one;
		len -= one;
	} while (len > 0);
}

void intake_deferred(const struct deferred *deferred, int64_t now_ms)
{
	struct intake intake;

	intake_begin(&intake, deferred->socket, now_ms);
	intake.attempts = deferred->attempts;
	learn_peer(&intake, &deferred->path.peer);
	intake.path = deferred->path;
	take_datagram(&intake, deferred->bytes, deferred->len);
}
