/* SPDX-License-Identifier: BSD-2-Clause */
/* A flow that the kernel carries. */
#include "udp/flow_carry.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "udp/carry_plan.h"

/*
 * A client whose datagrams come by two load balancers in turn: giving and taking back cost more
 * than sending, so after so many moves within a second the flow rests in user space.
 */
#define MOVES_MAX     4
#define MOVES_MS      1000
#define MOVES_REST_MS 10000

/* When to ask again whether a flow can be carried that could not. */
#define TROUBLE_REST_MS 10000

/* Until another flow makes room, or lets go of the same addresses. */
#define FULL_REST_MS 1000

/* Flows of the kernel's that are looked at to find the one idle longest. */
#define OLDEST_MAX 64

/* ---- counters ---- */

/* A flow that is about to be given to another process keeps its place in the order. */
static void note_active(struct flow *flow, const struct fastpath_counts *counts)
{
	struct flow_table *table = &flow->group->table;
	int64_t latest_ms = counts->last_ms[STATS_UP] > counts->last_ms[STATS_DOWN]
				? counts->last_ms[STATS_UP]
				: counts->last_ms[STATS_DOWN];

	if (latest_ms <= flow->links.active_ms)
		return;
	if (flow->group->paused)
		flow->links.active_ms = latest_ms;
	else
		flow_table_touch(table, &flow->links, latest_ms);
}

/* Add what is new to the flow's own. */
static void take_in(struct flow_carry *carry, const struct fastpath_counts *counts)
{
	struct flow *flow = carry->flow;
	struct stats *stats = flow->group->stats;

	for (enum stats_direction i = 0; i < STATS_DIRECTIONS; i++) {
		uint64_t datagrams = counts->datagrams[i] - carry->counts.datagrams[i];
		uint64_t bytes = counts->bytes[i] - carry->counts.bytes[i];

		flow->datagrams[i] += datagrams;
		flow->bytes[i] += bytes;
		stats_add(&stats->datagrams[i], datagrams);
		stats_add(&stats->bytes[i], bytes);
		stats_add(&stats->carried[i], datagrams);
		if (flow->answers != NULL)
			stats_add(i == STATS_UP ? &flow->answers->asked : &flow->answers->answered,
				  datagrams);
	}
	note_active(flow, counts);
	carry->counts = *counts;
}

void flow_carry_look(struct flow *flow, int64_t now_ms)
{
	struct fastpath_counts counts;

	if (!flow_carry_is_on(flow))
		return;
	fastpath_read(flow->group->registry->fastpath, &flow->carry->place, &counts);
	take_in(flow->carry, &counts);
	flow->carry->looked_ms = now_ms;
}

/* ---- taking back ---- */

void flow_carry_stop(struct flow *flow)
{
	struct flow_group *group = flow->group;
	struct fastpath_counts counts;

	if (!flow_carry_is_on(flow))
		return;
	fastpath_remove(group->registry->fastpath, &flow->carry->place, &counts);
	flow->carry->place.number = 0;
	TAILQ_REMOVE(&group->carries.carried, flow->carry, carried);
	stats_take(&group->stats->carried_flows, 1);
	take_in(flow->carry, &counts);
}

void flow_carry_rest(struct flow *flow, int64_t now_ms, int64_t rest_ms)
{
	flow_carry_stop(flow);
	flow->carry->again_ms = now_ms + rest_ms;
}

static void want_no_more(struct flow_carry *carry)
{
	struct flow_carries *carries = &carry->flow->group->carries;

	if (carry->is_wanted)
		STAILQ_REMOVE(&carries->wanted, carry, flow_carry, wanted);
	carry->is_wanted = false;
}

void flow_carry_free(struct flow *flow)
{
	if (flow->carry == NULL)
		return;
	flow_carry_stop(flow);
	want_no_more(flow->carry);
	free(flow->carry);
	flow->carry = NULL;
}

/* Its datagrams come in another way. */
static void move(struct flow *flow, int64_t now_ms)
{
	struct flow_carry *carry = flow->carry;

	flow_carry_stop(flow);
	if (now_ms - carry->moves_ms >= MOVES_MS) {
		carry->moves = 0;
		carry->moves_ms = now_ms;
	}
	if (++carry->moves > MOVES_MAX)
		carry->again_ms = now_ms + MOVES_REST_MS;
}

/* ---- giving ---- */

static void say_routes(const struct flow *flow, enum carry_trouble trouble)
{
	struct ledger *ledger = flow->service->ledger;
	char target[ADDR_STRLEN];

	if (!carry_ways_may_log(&ledger->carry_ways, 0, addr_family(&flow->target), trouble))
		return;
	addr_format(&flow->target, target);
	if (trouble == CARRY_TROUBLE_TARGET)
		log_msg(LOG_LEVEL_WARN,
			"listener %s: the kernel carries no flows to %s, which is not on this "
			"host: they stay in user space",
			ledger->name, target);
	else
		log_msg(LOG_LEVEL_WARN,
			"listener %s: the kernel carries no flows to %s: its answers to clients "
			"do not come back over lo by routes alone, without a connection's mark; "
			"they stay in user space",
			ledger->name, target);
}

static void say_device(const struct flow *flow, const char *why)
{
	const struct fastpath_flow *plan = &flow->carry->plan;
	struct ledger *ledger = flow->service->ledger;
	int family = addr_family(&plan->target);
	char device[IF_NAMESIZE] = "";

	if (!carry_ways_may_log(&ledger->carry_ways, plan->interface, family, CARRY_TROUBLE_DEVICE))
		return;
	if (if_indextoname(plan->interface, device) == NULL)
		(void)snprintf(device, sizeof(device), "device %u", plan->interface);
	log_msg(LOG_LEVEL_WARN,
		"listener %s: the kernel carries no datagrams of %s that come by %s, they stay in "
		"user space: %s",
		ledger->name, family == AF_INET6 ? "IPv6" : "IPv4", device, why);
}

/*
 * Returns whether the kernel can carry the flow; if not, when to ask again is noted. What is a
 * question of the client's own comes last, for its answer is nobody else's.
 */
static bool can_carry(struct flow_carry *carry, int64_t now_ms)
{
	struct flow *flow = carry->flow;
	struct fastpath_flow *plan = &carry->plan;
	char why[FASTPATH_WHY_MAX];

	carry->again_ms = now_ms + TROUBLE_REST_MS;
	if (!carry_plan_is_target_here(flow, plan)) {
		say_routes(flow, CARRY_TROUBLE_TARGET);
		return false;
	}
	carry_plan_find_device(flow, plan);
	if (!carry_ways_is_open(&flow->service->ledger->carry_ways, plan->interface,
				addr_family(&plan->target), now_ms, &carry->again_ms))
		return false;
	carry->again_ms = now_ms + TROUBLE_REST_MS;
	switch (fastpath_try(flow->group->registry->fastpath, plan->interface, &plan->listening,
			     &plan->target, why)) {
	case FASTPATH_WORKS:
		break;
	case FASTPATH_TESTING:
		carry->again_ms = now_ms;
		return false;
	case FASTPATH_FAILS:
		say_device(flow, why);
		return false;
	}
	if (!carry_plan_comes_back(flow, plan)) {
		say_routes(flow, CARRY_TROUBLE_BACK);
		return false;
	}
	return true;
}

static void note_refusal(struct flow_carry *carry, int error, int64_t now_ms)
{
	bool passes = error == ENOSPC || error == EEXIST;

	carry->again_ms = now_ms + (passes ? FULL_REST_MS : TROUBLE_REST_MS);
	if (error == EHOSTUNREACH)
		say_device(carry->flow, "routes do not lead back to the load balancer by the same "
					"device, or from the target over lo");
	else if (!passes)
		say_device(carry->flow, strerror(error));
}

static void give(struct flow_carry *carry, int64_t now_ms)
{
	struct flow_group *group = carry->flow->group;

	if (!can_carry(carry, now_ms))
		return;
	carry->again_ms = now_ms;
	if (fastpath_install(group->registry->fastpath, &carry->plan, &carry->place) < 0) {
		carry->place.number = 0;
		note_refusal(carry, errno, now_ms);
		return;
	}
	memset(&carry->counts, 0, sizeof(carry->counts));
	carry->looked_ms = now_ms;
	carry->unanswered_ms = 0;
	carry->answered = false;
	carry->replied = false;
	carry->version = group->carries.version;
	TAILQ_INSERT_TAIL(&group->carries.carried, carry, carried);
	stats_add(&group->stats->carried_flows, 1);
}

void flow_carry_give_wanted(struct flow_group *group, int64_t now_ms)
{
	struct flow_carries *carries = &group->carries;

	while (!STAILQ_EMPTY(&carries->wanted)) {
		struct flow_carry *carry = STAILQ_FIRST(&carries->wanted);

		want_no_more(carry);
		give(carry, now_ms);
	}
}

/* Whether new flows of the group are for the kernel. */
static bool gives(const struct intake *intake)
{
	const struct flow_group *group = intake->group;
	const struct conf_listener *conf = group->service->conf;

	/* What a TPROXY rule catches was sent to an address that is not this host's. */
	return conf->udp_relay == CONF_UDP_RELAY_KERNEL && group->registry->fastpath != NULL &&
	       !conf->listen_transparent && !group->draining &&
	       !intake->socket->entry.lent.draining;
}

/* Returns NULL when memory is out: then the flow stays in user space. */
static struct flow_carry *carry_of(struct flow *flow)
{
	if (flow->carry == NULL)
		flow->carry = calloc(1, sizeof(*flow->carry));
	if (flow->carry != NULL)
		flow->carry->flow = flow;
	return flow->carry;
}

void flow_carry_note(struct flow *flow, const struct intake *intake, const struct arrival *arrival)
{
	struct fastpath_flow plan;
	struct flow_carry *carry;
	bool same;
	bool fits;

	if (!flow_carry_is_on(flow) &&
	    (!gives(intake) || (flow->carry != NULL && intake->now_ms < flow->carry->again_ms)))
		return;
	fits = carry_plan_make(flow, intake, arrival, &plan);
	if (flow_carry_is_on(flow)) {
		/* What the kernel left to user space, as one with TLVs, or what waited here. */
		same = fits ? carry_plan_equal(&plan, &flow->carry->plan)
			    : carry_plan_has_replies_of(&plan, &flow->carry->plan);
		if (same && intake->path.device == flow->carry->device)
			return;
		move(flow, intake->now_ms);
	}
	/*
	 * Not for its first datagram: clients that send no other, as those of DNS and of floods do,
	 * would cost half as much again for nothing.
	 */
	if (!fits || !gives(intake) || flow->datagrams[STATS_UP] == 0)
		return;
	carry = carry_of(flow);
	if (carry == NULL || intake->now_ms < carry->again_ms)
		return;
	carry->plan = plan;
	carry->device = intake->path.device;
	if (carry->is_wanted)
		return;
	carry->is_wanted = true;
	STAILQ_INSERT_TAIL(&intake->group->carries.wanted, carry, wanted);
}

struct flow_links *flow_carry_oldest(struct flow_group *group, int64_t now_ms)
{
	for (int i = 0; i < OLDEST_MAX; i++) {
		struct flow_links *oldest = flow_table_oldest(&group->table);
		int64_t active_ms;

		if (oldest == NULL || !flow_carry_is_on(flow_of(oldest)))
			return oldest;
		active_ms = oldest->active_ms;
		flow_carry_look(flow_of(oldest), now_ms);
		if (oldest->active_ms == active_ms)
			return oldest;
	}
	return flow_table_oldest(&group->table);
}
