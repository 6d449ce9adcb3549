/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with one way to a target, and with the way back. */
#include "doctor/judge.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "doctor/mend.h"

/* A sentence with two rules in it. */
#define SENTENCE_MAX 1024

/* What is judged, and where it is written. */
struct judge {
	const struct case_host *host;
	const struct conf_listener *listener;
	const struct case_leg *leg;
	struct doctor_report *report;
	char target[ADDR_STRLEN];
	char mend[MEND_MAX];
};

/* With the command in judge->mend. */
static void say(struct judge *judge, enum doctor_level level, enum doctor_cause cause,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

static void say(struct judge *judge, enum doctor_level level, enum doctor_cause cause,
		const char *format, ...)
{
	char sentence[SENTENCE_MAX];
	const struct doctor_finding finding = {.level = level,
					       .cause = cause,
					       .listener = judge->listener->name,
					       .protocol = judge->leg->protocol,
					       .target = judge->leg->target,
					       .sentence = sentence,
					       .mend = judge->mend};
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	doctor_report_add(judge->report, &finding);
	judge->mend[0] = '\0';
}

static void mend(struct judge *judge, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void mend(struct judge *judge, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(judge->mend, sizeof(judge->mend), format, arguments);
	va_end(arguments);
}

static bool is_udp(const struct judge *judge)
{
	return judge->leg->protocol == CONF_PROTOCOL_UDP;
}

/* What becomes of clients whose answers do not come back. */
static const char *consequence(const struct judge *judge)
{
	return is_udp(judge) ? "clients get no answer" : "connections end with backend_timeout";
}

/* ---- the backend ---- */

/* The command that shows who has the port. */
static void mend_by_looking(struct judge *judge)
{
	mend(judge, "ss -l%snp 'sport = :%u'", is_udp(judge) ? "ua" : "t",
	     addr_port(&judge->leg->target));
}

static void mend_by_target(struct judge *judge, const struct addr *target)
{
	char text[ADDR_STRLEN];

	mend(judge, "targets = { %s = \"%s\"; };", addr_family(target) == AF_INET ? "ipv4" : "ipv6",
	     addr_format(target, text));
}

static void say_refused(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;
	char text[ADDR_STRLEN];

	if (addr_is_set(&leg->elsewhere)) {
		mend_by_target(judge, &leg->elsewhere);
		say(judge, DOCTOR_FAIL, DOCTOR_BACKEND_ELSEWHERE,
		    "nothing listens at %s, but something does at %s: name that as the target, or "
		    "have the server listen there",
		    judge->target, addr_format(&leg->elsewhere, text));
		return;
	}
	mend_by_looking(judge);
	say(judge, DOCTOR_FAIL, DOCTOR_BACKEND_DOWN,
	    "nothing listens at %s: start the server, or correct the target", judge->target);
}

static void say_firewall(struct judge *judge, const char *what)
{
	mend(judge, "nft list ruleset");
	say(judge, DOCTOR_FAIL, DOCTOR_FIREWALL_DROP,
	    "%s, so that %s: let pass what goes to %s, and what it answers to clients' addresses",
	    what, consequence(judge), judge->target);
}

/* Whether a program for containers stands between, which uses an address of its own. */
static bool say_proxy(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;
	char text[ADDR_STRLEN];

	if (!leg->in_proxy)
		return false;
	if (addr_is_set(&leg->container))
		mend_by_target(judge, &leg->container);
	else
		mend(judge, "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} "
			    "{{end}}' CONTAINER");
	say(judge, DOCTOR_FAIL, DOCTOR_BEHIND_DOCKER_PROXY,
	    "%s is %s, which connects to the container from an address of its own, so that the "
	    "server does not see clients: name the container's own address as the target%s%s",
	    judge->target, leg->proxy_name, addr_is_set(&leg->container) ? ", " : "",
	    addr_is_set(&leg->container) ? addr_format(&leg->container, text) : "");
	return true;
}

/* ---- the way back ---- */

/* Routes that the daemon sets up when it starts are no failure before. */
static bool waits_for_daemon(const struct judge *judge)
{
	return judge->host->manage && !judge->host->holder;
}

static void say_rule_missing(struct judge *judge)
{
	(void)mend_rule(judge->host, judge->leg, judge->mend);
	say(judge, DOCTOR_FAIL, DOCTOR_RULE_MISSING,
	    "no rule leads what %s answers to clients back to this host, so that %s%s",
	    judge->target, consequence(judge),
	    judge->host->can_set_up && !judge->host->manage
		? "; with routing = { manage = true; } the daemon does that itself"
		: "");
}

static void say_filtered(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;

	mend(judge, "sysctl -w net.ipv4.conf.%s.rp_filter=2", leg->interface);
	say(judge, DOCTOR_FAIL, DOCTOR_RP_FILTER,
	    "the reverse path filter of %s (net.ipv4.conf.*.rp_filter = %u) drops what %s answers, "
	    "so that %s",
	    leg->interface, leg->rp_filter, judge->target, consequence(judge));
}

static void say_invalid_source(struct judge *judge)
{
	const char *interface =
	    judge->leg->interface[0] != '\0' ? judge->leg->interface : "default";

	mend(judge,
	     "sysctl -w net.ipv4.conf.all.src_valid_mark=0 net.ipv4.conf.%s.src_valid_mark=0",
	     interface);
	say(judge, DOCTOR_FAIL, DOCTOR_SRC_VALID_MARK,
	    "the kernel drops what %s answers because, with its mark, the target's address seems "
	    "to be this host's own (net.ipv4.conf.%s.src_valid_mark, or that of all), so that %s",
	    judge->target, interface, consequence(judge));
}

/* Say what is wrong with the way back, by look-up alone. Returns whether anything is. */
static bool say_way_back(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;
	const struct way_back *back = &leg->back;

	if (back->end == WAY_BACK_HERE || back->end == WAY_BACK_UNKNOWN ||
	    (leg->place != RETURN_PLACE_HERE && leg->place != RETURN_PLACE_GUEST))
		return false;
	if (waits_for_daemon(judge)) {
		say(judge, DOCTOR_WARN, DOCTOR_ROUTES_AT_START,
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
		say(judge, DOCTOR_FAIL, DOCTOR_ROUTE_MISSING,
		    "the rule \"%s\" is right, but table %u does not take clients' addresses for "
		    "local, so that %s",
		    back->rule, back->table, consequence(judge));
		break;
	case WAY_BACK_RULE_SHADOWED:
		(void)mend_shadow(judge->host, leg, judge->mend);
		say(judge, DOCTOR_FAIL, DOCTOR_RULE_SHADOWED,
		    "the rule \"%s\" comes before \"%s\" and leads what %s answers elsewhere, so "
		    "that %s",
		    back->shadow, back->rule, judge->target, consequence(judge));
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
		mend(judge, "%s", judge->host->set_up);
	say(judge, DOCTOR_FAIL, DOCTOR_MARK_LOST,
	    "%s needs answers with the mark %u, and %s, so that %s", judge->target,
	    judge->leg->back.mark, what, consequence(judge));
}

/* Say what connection tracking tells of a mark that is needed. Returns whether it is lost. */
static bool say_mark(struct judge *judge)
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

static void say_other_host(struct judge *judge, enum doctor_level level)
{
	say(judge, level, DOCTOR_TARGET_ON_OTHER_HOST,
	    "%s is on another host, whose routes must lead what it answers to clients back to this "
	    "one: see contrib/routing and ROUTING in mmproxy(8)",
	    judge->target);
}

/* The target answers this host, and does not answer clients. */
static void say_unanswered(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;
	bool here = leg->place == RETURN_PLACE_HERE;

	if (here && leg->socket == CASE_SOCKET_NONE) {
		mend(judge, "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} "
			    "{{end}}' CONTAINER");
		say(judge, DOCTOR_FAIL, DOCTOR_BEHIND_NAT,
		    "%s answers, but no socket of this host listens there: address translation, "
		    "such as a container's published port, leads it into another network, and the "
		    "answers to clients do not come back: name the server's own address there as "
		    "the target",
		    judge->target);
	} else if (leg->place == RETURN_PLACE_OTHER) {
		say_other_host(judge, DOCTOR_FAIL);
	} else if (say_way_back(judge) || say_mark(judge)) {
		return;
	} else if (here && leg->back.unrouted && leg->back.mark != 0) {
		say(judge, DOCTOR_FAIL, DOCTOR_NO_DEFAULT_ROUTE,
		    "this host has no route to clients, so that what %s answers is gone before it "
		    "gets its mark, and %s: add a default route",
		    judge->target, consequence(judge));
	} else if (leg->back.mark != 0 && leg->tracked.state == TRACKED_FLOW_UNKNOWN) {
		say_mark_lost(judge, "they did not come, nor could connection tracking be asked "
				     "why: a firewall may be the cause as well");
	} else if (leg->back.mark != 0 && leg->tracked.state == TRACKED_FLOW_REPLIED) {
		say_mark_lost(judge, "its answers come without it (meta mark), or a firewall drops "
				     "them");
	} else {
		say_firewall(judge, "the target answers this host's own address, but nothing "
				    "comes of a connection from a client's");
	}
}

/* ---- TCP ---- */

static void say_fine(struct judge *judge)
{
	if (judge->leg->maybe_proxy)
		say(judge, DOCTOR_WARN, DOCTOR_BEHIND_DOCKER_PROXY,
		    "%s answers connections from clients' addresses; it may be docker-proxy, "
		    "behind which the server does not see clients (root could look)",
		    judge->target);
	else
		say(judge, DOCTOR_OK, DOCTOR_FINE, "%s answers connections from clients' addresses",
		    judge->target);
}

/* The target answers this host's own address. */
static void judge_spoofed(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;

	switch (leg->spoofed.end) {
	case PROBE_ANSWERED:
		say_fine(judge);
		break;
	case PROBE_REFUSED:
		mend(judge, "nft list ruleset");
		say(judge, DOCTOR_FAIL, DOCTOR_FIREWALL_REJECT,
		    "%s answers this host's own address and refuses clients': a firewall or the "
		    "server's own list does that",
		    judge->target);
		break;
	case PROBE_NOT_TRIED:
		if (say_way_back(judge))
			break;
		say(judge, DOCTOR_WARN,
		    judge->host->may_spoof ? DOCTOR_NOT_EXAMINED : DOCTOR_NOT_PERMITTED,
		    "%s answers this host's own address; whether it answers clients' could not be "
		    "tried",
		    judge->target);
		break;
	case PROBE_FAILED:
		say(judge, DOCTOR_WARN, DOCTOR_NOT_EXAMINED,
		    "%s answers this host's own address; a connection from a client's could not be "
		    "tried (%s)",
		    judge->target, strerror(leg->spoofed.error));
		break;
	case PROBE_SILENT:
	case PROBE_UNREACHABLE:
		say_unanswered(judge);
		break;
	}
}

/* Not even from this host's own address. */
static void say_untried(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;

	if (leg->mark != 0 && !judge->host->may_mark)
		say(judge, DOCTOR_WARN, DOCTOR_NOT_PERMITTED,
		    "%s could not be connected to with the listener's mark", judge->target);
	else
		say(judge, DOCTOR_WARN, DOCTOR_NOT_EXAMINED, "%s could not be connected to (%s)",
		    judge->target,
		    leg->plain.error != 0 ? strerror(leg->plain.error) : "no time was left");
}

static void judge_tcp(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;

	switch (leg->spoofed.end == PROBE_ANSWERED ? PROBE_ANSWERED : leg->plain.end) {
	case PROBE_ANSWERED:
		judge_spoofed(judge);
		return;
	case PROBE_REFUSED:
		if (leg->socket == CASE_SOCKET_EXACT || leg->socket == CASE_SOCKET_WILDCARD) {
			mend(judge, "nft list ruleset");
			say(judge, DOCTOR_FAIL, DOCTOR_FIREWALL_REJECT,
			    "a socket listens at %s, and connections are refused: a firewall does "
			    "that",
			    judge->target);
		} else {
			say_refused(judge);
		}
		break;
	case PROBE_UNREACHABLE:
		mend(judge, "ip route get %.*s", (int)strcspn(judge->target, "]:"), judge->target);
		say(judge, DOCTOR_FAIL, DOCTOR_BACKEND_UNREACHABLE, "there is no way to %s (%s)",
		    judge->target, strerror(leg->plain.error));
		return;
	case PROBE_SILENT:
		if (leg->socket == CASE_SOCKET_EXACT || leg->socket == CASE_SOCKET_WILDCARD)
			say_firewall(judge, "a socket listens there, but answers not even this "
					    "host's own address");
		else
			say(judge, DOCTOR_FAIL, DOCTOR_BACKEND_SILENT,
			    "%s answers nobody: its host is down, or a firewall drops connections "
			    "to it",
			    judge->target);
		break;
	case PROBE_NOT_TRIED:
	case PROBE_FAILED:
		say_untried(judge);
		break;
	}
	(void)say_way_back(judge);
}

/* ---- UDP, which answers nobody who only asks ---- */

static void judge_udp(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;
	bool here = leg->place == RETURN_PLACE_HERE;

	if (leg->plain.end == PROBE_UNREACHABLE) {
		say(judge, DOCTOR_FAIL, DOCTOR_BACKEND_UNREACHABLE, "there is no way to %s (%s)",
		    judge->target, strerror(leg->plain.error));
		return;
	}
	if ((here && leg->socket == CASE_SOCKET_NONE) || leg->plain.end == PROBE_REFUSED ||
	    leg->spoofed.end == PROBE_REFUSED) {
		say_refused(judge);
		(void)say_way_back(judge);
		return;
	}
	if (leg->plain.error == EPERM || leg->spoofed.error == EPERM) {
		say_firewall(judge, "a firewall of this host refuses to send to it");
		return;
	}
	if (say_way_back(judge) || (leg->spoofed.end != PROBE_NOT_TRIED && say_mark(judge)))
		return;
	if (leg->place == RETURN_PLACE_OTHER)
		say_other_host(judge, DOCTOR_WARN);
	else if (here && leg->socket == CASE_SOCKET_UNKNOWN)
		say(judge, DOCTOR_WARN, DOCTOR_NOT_EXAMINED,
		    "what %s answers comes back; whether a socket is there this kernel does not "
		    "tell",
		    judge->target);
	else if (leg->back.end == WAY_BACK_UNKNOWN)
		say(judge, DOCTOR_WARN, DOCTOR_NOT_EXAMINED,
		    "routes could not be asked for, so that it is not known whether what %s "
		    "answers comes back",
		    judge->target);
	else
		say(judge, DOCTOR_OK, DOCTOR_FINE, "%s%s answers to clients comes back",
		    here ? "a socket takes datagrams there, and what " : "what ", judge->target);
	if (leg->socket != CASE_SOCKET_WILDCARD)
		return;
	mend_by_looking(judge);
	say(judge, DOCTOR_WARN, DOCTOR_ANSWERS_ELSEWHERE,
	    "the server at %s is bound to all addresses: if it does not answer from the one that "
	    "it was asked at, clients get no answer; have it bind %s",
	    judge->target, judge->target);
}

/* ---- all of it ---- */

/* Destinations that headers name are not known, but the way back from some is. */
static void judge_dynamic(struct judge *judge)
{
	if (say_way_back(judge))
		return;
	say(judge, DOCTOR_OK, DOCTOR_FINE,
	    "what destinations such as %s answer to clients comes back", judge->target);
}

void judge_leg(const struct case_host *host, const struct conf_listener *listener,
	       const struct case_leg *leg, struct doctor_report *report)
{
	struct judge judge = {.host = host, .listener = listener, .leg = leg, .report = report};

	(void)(leg->dynamic ? addr_format_ip(&leg->target, judge.target)
			    : addr_format(&leg->target, judge.target));
	if (leg->caught) {
		say(&judge, DOCTOR_FAIL, DOCTOR_MARK_CAUGHT,
		    "a rule for the listener's own mark %u leads its connections to %s back to "
		    "this host: let the rule name another mark, which only answers get",
		    leg->mark, judge.target);
		return;
	}
	if (leg->dynamic)
		judge_dynamic(&judge);
	else if (say_proxy(&judge))
		return;
	else if (is_udp(&judge))
		judge_udp(&judge);
	else
		judge_tcp(&judge);
}
