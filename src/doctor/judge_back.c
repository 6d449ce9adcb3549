/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with the way back from a target. */
#include "doctor/judge_back.h"

#include <string.h>

/* Routes that the daemon sets up when it starts are no failure before. */
static bool waits_for_daemon(const struct judge *judge)
{
	return judge->host->manage && !judge->host->holder;
}

static void say_rule_missing(struct judge *judge)
{
	(void)mend_rule(judge->host, judge->leg, judge->mend);
	judge_say(judge, DOCTOR_FAIL, DOCTOR_RULE_MISSING,
		  "no rule leads what %s answers to clients back to this host, so that %s%s",
		  judge->target, judge_consequence(judge),
		  strcmp(judge->mend, judge->host->set_up) == 0 && !judge->host->manage
		      ? "; with routing = { manage = true; } the daemon does that itself"
		      : "");
}

static void say_filtered(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;

	judge_mend(judge, "sysctl -w net.ipv4.conf.%s.rp_filter=2", leg->interface);
	judge_say(
	    judge, DOCTOR_FAIL, DOCTOR_RP_FILTER,
	    "the reverse path filter of %s (net.ipv4.conf.*.rp_filter = %u) drops what %s answers, "
	    "so that %s",
	    leg->interface, leg->rp_filter, judge->target, judge_consequence(judge));
}

static void say_invalid_source(struct judge *judge)
{
	const char *interface =
	    judge->leg->interface[0] != '\0' ? judge->leg->interface : "default";

	judge_mend(judge,
		   "sysctl -w net.ipv4.conf.all.src_valid_mark=0 net.ipv4.conf.%s.src_valid_mark=0",
		   interface);
	judge_say(
	    judge, DOCTOR_FAIL, DOCTOR_SRC_VALID_MARK,
	    "the kernel drops what %s answers because, with its mark, the target's address seems "
	    "to be this host's own (net.ipv4.conf.%s.src_valid_mark, or that of all), so that %s",
	    judge->target, interface, judge_consequence(judge));
}

/* Say what is wrong with the way back, by look-up alone. Returns whether anything is. */
bool judge_back_look(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;
	const struct way_back *back = &leg->back;

	if (back->end == WAY_BACK_HERE || back->end == WAY_BACK_UNKNOWN ||
	    (leg->place != RETURN_PLACE_HERE && leg->place != RETURN_PLACE_GUEST))
		return false;
	if (waits_for_daemon(judge)) {
		judge_say(
		    judge, DOCTOR_WARN, DOCTOR_ROUTES_AT_START,
		    "what %s answers to clients does not come back now; the daemon, which is not "
		    "running, sets up its return routes when it starts (routing.manage)",
		    judge->target);
		return true;
	}
	switch (back->end) {
	case WAY_BACK_UNKNOWN:
	case WAY_BACK_HERE:
		break;
	case WAY_BACK_RULE_MISSING:
		say_rule_missing(judge);
		break;
	case WAY_BACK_ROUTE_MISSING:
		(void)mend_route(leg, judge->mend);
		judge_say(
		    judge, DOCTOR_FAIL, DOCTOR_ROUTE_MISSING,
		    "the rule \"%s\" is right, but table %u does not take clients' addresses for "
		    "local, so that %s",
		    back->rule, back->table, judge_consequence(judge));
		break;
	case WAY_BACK_RULE_SHADOWED:
		(void)mend_shadow(judge->host, leg, judge->mend);
		judge_say(
		    judge, DOCTOR_FAIL, DOCTOR_RULE_SHADOWED,
		    "the rule \"%s\" comes before \"%s\" and leads what %s answers elsewhere, so "
		    "that %s",
		    back->shadow, back->rule, judge->target, judge_consequence(judge));
		break;
	case WAY_BACK_FILTERED:
		say_filtered(judge);
		break;
	case WAY_BACK_INVALID_SOURCE:
		say_invalid_source(judge);
		break;
	}
	return true;
}

static void say_mark_lost(struct judge *judge, const char *what)
{
	if (judge->host->can_mark)
		judge_mend(judge, "%s", judge->host->set_up);
	judge_say(judge, DOCTOR_FAIL, DOCTOR_MARK_LOST,
		  "%s needs answers with the mark %u, and %s, so that %s", judge->target,
		  judge->leg->back.mark, what, judge_consequence(judge));
}

/* Say what connection tracking tells of a mark that is needed. Returns whether it is lost. */
bool judge_back_mark(struct judge *judge)
{
	const struct tracked_flow *tracked = &judge->leg->tracked;

	if (judge->leg->back.end != WAY_BACK_HERE || judge->leg->back.mark == 0)
		return false;
	if (tracked->state == TRACKED_FLOW_NONE) {
		say_mark_lost(judge, "no connection tracking gives them one");
		return true;
	}
	if (tracked->state != TRACKED_FLOW_UNKNOWN && tracked->mark != judge->leg->back.mark) {
		say_mark_lost(judge, "connections to it do not get it (ct mark)");
		return true;
	}
	return false;
}

void judge_back_other_host(struct judge *judge, enum doctor_level level)
{
	judge_say(
	    judge, level, DOCTOR_TARGET_ON_OTHER_HOST,
	    "%s is on another host, whose routes must lead what it answers to clients back to this "
	    "one: see contrib/routing and ROUTING in mmproxy(8)",
	    judge->target);
}

/* The target answers this host, and does not answer clients. */
void judge_back_unanswered(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;
	bool here = leg->place == RETURN_PLACE_HERE;

	if (here && leg->socket == CASE_SOCKET_NONE) {
		judge_mend(judge,
			   "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} "
			   "{{end}}' CONTAINER");
		judge_say(
		    judge, DOCTOR_FAIL, DOCTOR_BEHIND_NAT,
		    "%s answers, but no socket of this host listens there: address translation, "
		    "such as a container's published port, leads it into another network, and the "
		    "answers to clients do not come back: name the server's own address there as "
		    "the target",
		    judge->target);
	} else if (leg->place == RETURN_PLACE_OTHER) {
		judge_back_other_host(judge, DOCTOR_FAIL);
	} else if (judge_back_look(judge) || judge_back_mark(judge)) {
		return;
	} else if (here && leg->back.unrouted && leg->back.mark != 0) {
		judge_say(
		    judge, DOCTOR_FAIL, DOCTOR_NO_DEFAULT_ROUTE,
		    "this host has no route to clients, so that what %s answers is gone before it "
		    "gets its mark, and %s: add a default route",
		    judge->target, judge_consequence(judge));
	} else if (leg->back.mark != 0 && leg->tracked.state == TRACKED_FLOW_UNKNOWN) {
		say_mark_lost(judge, "they did not come, nor could connection tracking be asked "
				     "why: a firewall may be the cause as well");
	} else if (leg->back.mark != 0 && leg->tracked.state == TRACKED_FLOW_REPLIED) {
		say_mark_lost(judge, "its answers come without it (meta mark), or a firewall drops "
				     "them");
	} else {
		judge_firewall(judge, "the target answers this host's own address, but nothing "
				      "comes of a connection from a client's");
	}
}
