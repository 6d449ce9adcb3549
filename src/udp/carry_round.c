/* SPDX-License-Identifier: BSD-2-Clause */
/* Rounds over the flows that the kernel carries. */
#include "udp/carry_round.h"

#include <string.h>

#include "base/clock.h"
#include "udp/flow_carry.h"

/* How often each flow is looked at. */
#define ROUND_MS 1000

/* Flows in one pass of the loop. */
#define TURN_MAX 256

/* Between two attempts at having the kernel carry replies again that come to user space. */
#define ANEW_FIRST_MS 2000
#define ANEW_MAX_MS   64000

/* A flow whose datagrams went up alone stays in user space for so long. */
#define SILENT_REST_MS CARRY_WAYS_CLOSED_MS

/* ---- flows without answers ---- */

static void say_silent(const struct flow *flow, bool closed)
{
	const struct fastpath_flow *plan = &flow->carry->plan;
	struct ledger *ledger = flow->service->ledger;
	int family = addr_family(&plan->target);
	char client[ADDR_STRLEN];
	char target[ADDR_STRLEN];

	addr_format(&flow->client, client);
	addr_format(&flow->target, target);
	if (carry_ways_may_log(&ledger->carry_ways, plan->interface, family, CARRY_TROUBLE_SILENT))
		log_msg(LOG_LEVEL_WARN,
			"listener %s: while the kernel carried the datagrams of %s to %s no answer "
			"came back for seconds; the flow goes on in user space, as others will "
			"(mmproxy_udp_demoted_total)",
			ledger->name, client, target);
	if (closed &&
	    carry_ways_may_log(&ledger->carry_ways, plan->interface, family, CARRY_TROUBLE_CLOSED))
		log_msg(LOG_LEVEL_WARN,
			"listener %s: none of %d flows that the kernel carried had an answer: new "
			"ones stay in user space for %d s at a time; if %s should answer, see what "
			"\"mmproxy --check-routing\" says",
			ledger->name, CARRY_WAYS_SILENT_MAX, CARRY_WAYS_CLOSED_MS / 1000, target);
}

static void demote(struct flow *flow, int64_t now_ms)
{
	const struct fastpath_flow *plan = &flow->carry->plan;
	bool closed = carry_ways_note_silent(&flow->service->ledger->carry_ways, plan->interface,
					     addr_family(&plan->target), now_ms);

	stats_add(&flow->group->stats->demoted, 1);
	say_silent(flow, closed);
	flow_carry_rest(flow, now_ms, SILENT_REST_MS);
}

/*
 * All replies come to user space. If that is because the client was seen elsewhere, the kernel
 * carries them again when the flow is given again, behind the next datagram; if it is because the
 * backend sends none of a kind that is carried, that is tried less and less often.
 */
static void give_anew(struct flow_carry *carry, int64_t now_ms)
{
	int64_t wait_ms = carry->anew_wait_ms == 0 ? ANEW_FIRST_MS : 2 * carry->anew_wait_ms;

	if (now_ms < carry->anew_ms)
		return;
	carry->anew_wait_ms = wait_ms < ANEW_MAX_MS ? wait_ms : ANEW_MAX_MS;
	carry->anew_ms = now_ms + carry->anew_wait_ms;
	flow_carry_stop(carry->flow);
}

/* Whether the way back is still to be trusted, after what has come since the last look. */
static void judge(struct flow_carry *carry, const struct fastpath_counts *before, int64_t now_ms)
{
	struct flow *flow = carry->flow;
	int64_t patience_ms = carry->answered ? CARRY_ROUND_SILENT_LATER_MS : CARRY_ROUND_SILENT_MS;

	if (carry->counts.datagrams[STATS_DOWN] != before->datagrams[STATS_DOWN]) {
		if (!carry->answered)
			carry_ways_note_answered(&flow->service->ledger->carry_ways,
						 carry->plan.interface,
						 addr_family(&carry->plan.target));
		carry->answered = true;
		carry->replied = false;
		carry->unanswered_ms = 0;
		carry->anew_wait_ms = 0;
		carry->anew_ms = 0;
		return;
	}
	if (carry->replied) {
		carry->replied = false;
		carry->unanswered_ms = 0;
		give_anew(carry, now_ms);
		return;
	}
	if (carry->counts.datagrams[STATS_UP] == before->datagrams[STATS_UP])
		return;
	if (carry->unanswered_ms == 0)
		carry->unanswered_ms = now_ms;
	else if (now_ms - carry->unanswered_ms >= patience_ms)
		demote(flow, now_ms);
}

/* ---- a round ---- */

/* Whether replies go elsewhere now, because another worker has had a datagram of the client. */
static bool has_moved(struct flow *flow)
{
	const struct fastpath_flow *plan = &flow->carry->plan;
	const struct reply_path *reply = &flow->reply;
	struct addr local;
	struct addr peer;

	flow_update_reply(flow);
	local = reply->path.local;
	peer = reply->path.peer;
	addr_unmap(&local);
	addr_unmap(&peer);
	return !addr_equal(&peer, &plan->balancer) || !addr_equal_ip(&local, &plan->listening) ||
	       (plan->spp && memcmp(reply->header, plan->header, PROXY_SPP_LEN) != 0);
}

static void look(struct flow_group *group, struct flow_carry *carry, int64_t now_ms)
{
	const struct fastpath_counts before = carry->counts;

	if (carry->version != group->carries.version || has_moved(carry->flow)) {
		flow_carry_stop(carry->flow);
		return;
	}
	flow_carry_look(carry->flow, now_ms);
	TAILQ_REMOVE(&group->carries.carried, carry, carried);
	TAILQ_INSERT_TAIL(&group->carries.carried, carry, carried);
	judge(carry, &before, now_ms);
}

static int64_t due_in(const struct flow_group *group, const struct flow_carry *carry,
		      int64_t now_ms)
{
	if (carry->version != group->carries.version)
		return 0;
	return carry->looked_ms + ROUND_MS - now_ms;
}

static void arm(struct flow_group *group, int64_t delay_ms)
{
	const struct timeval delay = clock_timeval(delay_ms > 0 ? delay_ms : 0);

	if (evtimer_add(group->carries.round, &delay) < 0)
		event_active(group->carries.round, EV_TIMEOUT, 0);
}

static void on_round(evutil_socket_t fd, short what, void *arg)
{
	struct flow_group *group = arg;
	const int64_t now_ms = clock_now_ms();
	struct flow_carry *carry;

	(void)fd;
	(void)what;
	/* Flows may be another process's any moment, and are taken back before that. */
	if (group->paused)
		return;
	for (int i = 0; i < TURN_MAX; i++) {
		carry = TAILQ_FIRST(&group->carries.carried);
		if (carry == NULL || due_in(group, carry, now_ms) > 0)
			break;
		look(group, carry, now_ms);
	}
	flow_group_publish(group);
	carry = TAILQ_FIRST(&group->carries.carried);
	if (carry != NULL)
		arm(group, due_in(group, carry, now_ms));
}

int carry_round_init(struct flow_group *group, struct event_base *base)
{
	TAILQ_INIT(&group->carries.carried);
	STAILQ_INIT(&group->carries.wanted);
	group->carries.round = evtimer_new(base, on_round, group);
	return group->carries.round != NULL ? 0 : -1;
}

void carry_round_fini(struct flow_group *group)
{
	if (group->carries.round != NULL)
		event_free(group->carries.round);
	group->carries.round = NULL;
}

void carry_round_give(struct flow_group *group, int64_t now_ms)
{
	if (STAILQ_EMPTY(&group->carries.wanted))
		return;
	flow_carry_give_wanted(group, now_ms);
	if (!evtimer_pending(group->carries.round, NULL))
		arm(group, ROUND_MS);
}

void carry_round_resume(struct flow_group *group)
{
	if (!TAILQ_EMPTY(&group->carries.carried))
		arm(group, 0);
}

void carry_round_take_back(struct flow_group *group)
{
	group->carries.version++;
	if (!group->paused && !TAILQ_EMPTY(&group->carries.carried))
		arm(group, 0);
}
