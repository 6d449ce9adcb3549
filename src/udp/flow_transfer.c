/* SPDX-License-Identifier: BSD-2-Clause */
/* Passing flows on to another process. */
#include "udp/flow_transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/sock.h"
#include "udp/flow_carry.h"
#include "udp/flow_life.h"
#include "udp/flow_log.h"
#include "udp/flow_record.h"

/* Flows that are closed, or passed over, in one call: a worker has sessions to serve meanwhile. */
#define TURN_MAX 256

/* ---- giving ---- */

static bool answers_from_one_of(const struct flow *flow, const struct flow_batch *batch)
{
	const struct udp_socket *socket = flow_group_socket(flow->group, flow->reply.socket);

	if (socket == NULL)
		return false;
	for (size_t i = 0; i < batch->addresses_count; i++)
		if (addr_equal(&batch->addresses[i], &socket->entry.lent.addr))
			return true;
	return false;
}

bool flow_transfer_give(struct flow_group *group, struct flow_batch *batch)
{
	struct flow_table *table = &group->table;

	if (!group->giving)
		table->to_give = flow_table_oldest(table);
	group->giving = true;
	for (int i = 0; i < TURN_MAX && table->to_give != NULL; i++) {
		struct flow *flow = flow_of(table->to_give);

		if (batch->count == FLOW_BATCH_MAX)
			break;
		table->to_give = TAILQ_NEXT(table->to_give, idle);
		/* All workers are paused by now, so this is where replies will go on going. */
		flow_update_reply(flow);
		if (!answers_from_one_of(flow, batch))
			continue;
		/* What comes from now on waits for the process that is to go on with it. */
		flow_carry_stop(flow);
		batch->len += flow_record_write(flow, batch->bytes + batch->len);
		batch->fds[batch->count++] = flow->fd;
		flow->given = true;
		flow->shared = true;
	}
	return table->to_give != NULL;
}

bool flow_transfer_let_go(struct flow_group *group)
{
	struct flow_links *links = group->table.flows;
	struct flow_links *next;
	int closed = 0;

	for (; links != NULL && closed < TURN_MAX; links = next) {
		struct flow *flow = flow_of(links);

		next = links->hh.next;
		if (!flow->given)
			continue;
		flow_life_pass_on(flow);
		closed++;
	}
	flow_group_publish(group);
	return closed == TURN_MAX;
}

void flow_transfer_undo(struct flow_group *group)
{
	group->giving = false;
	for (struct flow_links *links = group->table.flows; links != NULL; links = links->hh.next)
		flow_of(links)->given = false;
}

/* ---- taking ---- */

/* The number of a listening address; false when the group has none like it. */
static bool find_number(const struct flow_group *group, const struct addr *listening,
			uint32_t *number)
{
	const struct udp_socket *socket = flow_group_find_socket(group, listening);

	if (socket != NULL)
		*number = socket->entry.lent.number;
	return socket != NULL;
}

/* The load balancer's ports go on speaking for it. One that cannot be kept is no flow's. */
static void take_origins(struct flow *flow, const struct flow_record *record)
{
	struct flow_group *group = flow->group;

	for (uint32_t i = 0; i < record->origins_count; i++) {
		struct flow_key key = record->origins[i].key;
		struct flow_links *orphan;

		if (find_number(group, &record->origins[i].listening, &key.kind))
			(void)!flow_table_set_origin(&group->table, &key, &flow->links, &orphan);
	}
}

static struct flow *new_flow(struct flow_group *group, const struct flow_record *record, size_t len,
			     int fd)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	if (flow == NULL) {
		sock_close(fd);
		return NULL;
	}
	flow->group = group;
	flow->service = group->service;
	flow->first_segment = UDP_SEGMENT_NONE;
	flow->read_batch = 1;
	flow->shared = true;
	flow->fd = fd;
	if (flow_record_read(flow, record, len) < 0) {
		flow_abandon(flow);
		return NULL;
	}
	return flow;
}

/* Returns whether the flow is in the table. */
static bool go_on(struct flow *flow, const struct flow_record *record)
{
	struct flow_group *group = flow->group;

	if (!find_number(group, &record->listening, &flow->reply.socket) ||
	    flow_claim_pair(flow, &record->source) < 0 ||
	    flow_life_take(flow, record->active_ms) < 0)
		return false;
	take_origins(flow, record);
	return true;
}

void flow_transfer_take(struct flow_group *group, const uint8_t *bytes, size_t len, int fd)
{
	const struct flow_record *record = (const void *)bytes;
	struct flow *flow = new_flow(group, record, len, fd);

	if (flow == NULL) {
		stats_add(&group->stats->closed[REASON_INTERNAL], 1);
		log_msg(LOG_LEVEL_WARN, "listener %s: a flow could not be taken over",
			group->service->conf->name);
		return;
	}
	/* Where two workers of the other process are one here, the client keeps one flow. */
	if (flow_table_find(&group->table, &flow->links.key) != NULL) {
		flow_abandon(flow);
		return;
	}
	if (go_on(flow, record))
		return;
	flow_log_end(flow, REASON_INTERNAL);
	stats_add(&group->stats->closed[REASON_INTERNAL], 1);
	flow_abandon(flow);
}
