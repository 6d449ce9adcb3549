/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a datagram begins a flow, and which. */
#include "udp/admission.h"

#include "udp/flow_carry.h"
#include "udp/flow_life.h"

/* Times that other workers are asked to make room for one datagram. */
#define ATTEMPTS_MAX 3

enum room { ROOM_MADE, ROOM_LATER, ROOM_NONE };

/* What there is too little of for a new flow. */
enum shortage { SHORTAGE_FLOWS, SHORTAGE_DESCRIPTORS };

static const enum close_reason shortage_reasons[] = {
    [SHORTAGE_FLOWS] = REASON_CONNECTION_LIMIT,
    [SHORTAGE_DESCRIPTORS] = REASON_OUT_OF_DESCRIPTORS,
};

/*
 * The flow idle longest makes room for a new one, of this listener or, for a descriptor, of all. If
 * it is not this group's, its worker is asked, and the datagram waits. The room may be taken by
 * others then; after some attempts it is made here.
 */
static enum room displace(const struct intake *intake, const struct arrival *arrival,
			  enum shortage shortage)
{
	struct flow_group *group = intake->group;
	bool flows = shortage == SHORTAGE_FLOWS;
	struct flow_quota *quota = flows ? &group->service->ledger->quota : &group->registry->quota;
	struct flow_quota_slot *slot = flows ? group->flows_slot : group->descriptors_slot;
	struct flow_links *oldest = flow_carry_oldest(group, intake->now_ms);

	if (intake->attempts < ATTEMPTS_MAX &&
	    flow_quota_ask(quota, slot, oldest != NULL ? oldest->active_ms : INT64_MAX) == 0)
		return deferred_put(&group->deferred, intake->socket, &intake->path, arrival->bytes,
				    arrival->len, intake->attempts + 1) == 0
			   ? ROOM_LATER
			   : ROOM_NONE;
	if (oldest == NULL)
		return ROOM_NONE;
	flow_life_displace(flow_of(oldest), shortage_reasons[shortage]);
	return ROOM_MADE;
}

static enum room make_room(const struct intake *intake, const struct arrival *arrival)
{
	struct service *service = intake->group->service;
	enum room room;

	if (service_admit(service))
		return ROOM_MADE;
	room = displace(intake, arrival, SHORTAGE_FLOWS);
	if (room != ROOM_MADE)
		return room;
	return service_admit(service) ? ROOM_MADE : ROOM_NONE;
}

/*
 * Make a flow's socket, with a descriptor that a flow may have. Returns NULL with *reason, or with
 * REASON_DONE when the datagram is to wait.
 */
static struct flow *dial_flow(const struct intake *intake, const struct arrival *arrival,
			      const struct flow_key *key, enum close_reason *reason)
{
	struct flow_group *group = intake->group;

	/* What one flow leaves another thread may take. */
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		struct flow *flow = flow_dial(group, key, &arrival->route, reason);
		enum room room;

		if (flow == NULL && *reason != REASON_OUT_OF_DESCRIPTORS)
			return NULL;
		if (flow != NULL &&
		    descriptor_share_allows(&group->registry->descriptors, flow->fd))
			return flow;
		if (flow != NULL)
			flow_abandon(flow);
		*reason = REASON_OUT_OF_DESCRIPTORS;
		room = displace(intake, arrival, SHORTAGE_DESCRIPTORS);
		if (room == ROOM_LATER)
			*reason = REASON_DONE;
		if (room != ROOM_MADE)
			return NULL;
	}
	return NULL;
}

/*
 * Open a flow where the route leads. The socket comes first: a client whose address cannot be used
 * must not cost another one its flow. Returns as dial_flow().
 */
static struct flow *open_routed(const struct intake *intake, const struct arrival *arrival,
				const struct flow_key *key, enum close_reason *reason)
{
	struct flow *flow = dial_flow(intake, arrival, key, reason);

	if (flow == NULL)
		return NULL;
	switch (make_room(intake, arrival)) {
	case ROOM_MADE:
		if (flow_life_begin(flow, arrival->header, intake->now_ms) == 0)
			return flow;
		service_leave(intake->group->service);
		*reason = REASON_INTERNAL;
		break;
	case ROOM_LATER:
		*reason = REASON_DONE;
		break;
	case ROOM_NONE:
		*reason = REASON_CONNECTION_LIMIT;
		break;
	}
	flow_abandon(flow);
	return NULL;
}

/*
 * The same for a client who may have one more, before anybody makes way for him. What begins no
 * flow does not count: the datagram may come again, from those that wait.
 */
static struct flow *open_limited(const struct intake *intake, const struct arrival *arrival,
				 const struct flow_key *key, enum close_reason *reason)
{
	struct client_place *place;
	struct flow *flow;

	*reason = service_admit_client(intake->group->service, &arrival->route.client,
				       intake->now_ms, &place);
	if (*reason != REASON_DONE)
		return NULL;
	flow = open_routed(intake, arrival, key, reason);
	if (flow != NULL)
		flow->client_place = place;
	else
		client_limits_undo(place, intake->now_ms);
	return flow;
}

struct flow *admission_open(const struct intake *intake, struct arrival *arrival,
			    const struct flow_key *key)
{
	struct flow_group *group = intake->group;
	enum close_reason reason = REASON_SHUTDOWN;
	struct flow *flow = NULL;

	if (!group->draining && !intake->socket->entry.lent.draining)
		reason =
		    route_find(group->service, &intake->peer, arrival->header, &arrival->route);
	if (reason == REASON_DONE && refused_clients_has(&group->refused, key, intake->now_ms)) {
		reason = REASON_SOURCE_CONFLICT;
	} else if (reason == REASON_DONE) {
		flow = open_limited(intake, arrival, key, &reason);
		if (reason == REASON_SOURCE_CONFLICT)
			refused_clients_add(&group->refused, key, intake->now_ms);
	}
	if (flow == NULL && reason != REASON_DONE)
		arrival_drop(intake, arrival, reason);
	return flow;
}
