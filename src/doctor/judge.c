/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with one way to a target, and with the way back. */
#include "doctor/judge.h"

#include <errno.h>
#include <string.h>

#include "doctor/judge_back.h"
#include "doctor/judge_say.h"

/* ---- the backend ---- */

/* The command that shows who has the port. */
static void mend_by_looking(struct judge *judge)
{
	judge_mend(judge, "ss -l%snp 'sport = :%u'", judge_is_udp(judge) ? "ua" : "t",
		   addr_port(&judge->leg->target));
}

static void mend_by_target(struct judge *judge, const struct addr *target)
{
	char text[ADDR_STRLEN];

	judge_mend(judge, "targets = { %s = \"%s\"; };",
		   addr_family(target) == AF_INET ? "ipv4" : "ipv6", addr_format(target, text));
}

static void say_refused(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;
	char text[ADDR_STRLEN];

	if (addr_is_set(&leg->elsewhere)) {
		mend_by_target(judge, &leg->elsewhere);
		judge_say(
		    judge, DOCTOR_FAIL, DOCTOR_BACKEND_ELSEWHERE,
		    "nothing listens at %s, but something does at %s: name that as the target, or "
		    "have the server listen there",
		    judge->target, addr_format(&leg->elsewhere, text));
		return;
	}
	mend_by_looking(judge);
	judge_say(judge, DOCTOR_FAIL, DOCTOR_BACKEND_DOWN,
		  "nothing listens at %s: start the server, or correct the target", judge->target);
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
		judge_mend(judge,
			   "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} "
			   "{{end}}' CONTAINER");
	judge_say(
	    judge, DOCTOR_FAIL, DOCTOR_BEHIND_DOCKER_PROXY,
	    "%s is %s, which connects to the container from an address of its own, so that the "
	    "server does not see clients: name the container's own address as the target%s%s",
	    judge->target, leg->proxy_name, addr_is_set(&leg->container) ? ", " : "",
	    addr_is_set(&leg->container) ? addr_format(&leg->container, text) : "");
	return true;
}

/* ---- TCP ---- */

static void say_fine(struct judge *judge)
{
	if (judge->leg->maybe_proxy)
		judge_say(judge, DOCTOR_WARN, DOCTOR_BEHIND_DOCKER_PROXY,
			  "%s answers connections from clients' addresses; it may be docker-proxy, "
			  "behind which the server does not see clients (root could look)",
			  judge->target);
	else
		judge_say(judge, DOCTOR_OK, DOCTOR_FINE,
			  "%s answers connections from clients' addresses", judge->target);
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
		judge_mend(judge, "nft list ruleset");
		judge_say(
		    judge, DOCTOR_FAIL, DOCTOR_FIREWALL_REJECT,
		    "%s answers this host's own address and refuses clients': a firewall or the "
		    "server's own list does that",
		    judge->target);
		break;
	case PROBE_NOT_TRIED:
		if (judge_back_look(judge))
			break;
		judge_say(
		    judge, DOCTOR_WARN,
		    judge->host->may_spoof ? DOCTOR_NOT_EXAMINED : DOCTOR_NOT_PERMITTED,
		    "%s answers this host's own address; whether it answers clients' could not be "
		    "tried",
		    judge->target);
		break;
	case PROBE_FAILED:
		judge_say(
		    judge, DOCTOR_WARN, DOCTOR_NOT_EXAMINED,
		    "%s answers this host's own address; a connection from a client's could not be "
		    "tried (%s)",
		    judge->target, strerror(leg->spoofed.error));
		break;
	case PROBE_SILENT:
	case PROBE_UNREACHABLE:
		judge_back_unanswered(judge);
		break;
	}
}

/* Not even from this host's own address. */
static void say_untried(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;

	if (leg->mark != 0 && !judge->host->may_mark)
		judge_say(judge, DOCTOR_WARN, DOCTOR_NOT_PERMITTED,
			  "%s could not be connected to with the listener's mark", judge->target);
	else
		judge_say(judge, DOCTOR_WARN, DOCTOR_NOT_EXAMINED,
			  "%s could not be connected to (%s)", judge->target,
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
			judge_mend(judge, "nft list ruleset");
			judge_say(
			    judge, DOCTOR_FAIL, DOCTOR_FIREWALL_REJECT,
			    "a socket listens at %s, and connections are refused: a firewall does "
			    "that",
			    judge->target);
		} else {
			say_refused(judge);
		}
		break;
	case PROBE_UNREACHABLE:
		judge_mend(judge, "ip route get %.*s", (int)strcspn(judge->target, "]:"),
			   judge->target);
		judge_say(judge, DOCTOR_FAIL, DOCTOR_BACKEND_UNREACHABLE,
			  "there is no way to %s (%s)", judge->target, strerror(leg->plain.error));
		return;
	case PROBE_SILENT:
		if (leg->socket == CASE_SOCKET_EXACT || leg->socket == CASE_SOCKET_WILDCARD)
			judge_firewall(judge, "a socket listens there, but answers not even this "
					      "host's own address");
		else
			judge_say(
			    judge, DOCTOR_FAIL, DOCTOR_BACKEND_SILENT,
			    "%s answers nobody: its host is down, or a firewall drops connections "
			    "to it",
			    judge->target);
		break;
	case PROBE_NOT_TRIED:
	case PROBE_FAILED:
		say_untried(judge);
		break;
	}
	(void)judge_back_look(judge);
}

/* ---- UDP, which answers nobody who only asks ---- */

static void judge_udp(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;
	bool here = leg->place == RETURN_PLACE_HERE;

	if (leg->plain.end == PROBE_UNREACHABLE) {
		judge_say(judge, DOCTOR_FAIL, DOCTOR_BACKEND_UNREACHABLE,
			  "there is no way to %s (%s)", judge->target, strerror(leg->plain.error));
		return;
	}
	if ((here && leg->socket == CASE_SOCKET_NONE) || leg->plain.end == PROBE_REFUSED ||
	    leg->spoofed.end == PROBE_REFUSED) {
		say_refused(judge);
		(void)judge_back_look(judge);
		return;
	}
	if (leg->plain.error == EPERM || leg->spoofed.error == EPERM) {
		judge_firewall(judge, "a firewall of this host refuses to send to it");
		return;
	}
	if (judge_back_look(judge) ||
	    (leg->spoofed.end != PROBE_NOT_TRIED && judge_back_mark(judge)))
		return;
	if (leg->place == RETURN_PLACE_OTHER)
		judge_back_other_host(judge, DOCTOR_WARN);
	else if (here && leg->socket == CASE_SOCKET_UNKNOWN)
		judge_say(
		    judge, DOCTOR_WARN, DOCTOR_NOT_EXAMINED,
		    "what %s answers comes back; whether a socket is there this kernel does not "
		    "tell",
		    judge->target);
	else if (leg->back.end == WAY_BACK_UNKNOWN)
		judge_say(judge, DOCTOR_WARN, DOCTOR_NOT_EXAMINED,
			  "routes could not be asked for, so that it is not known whether what %s "
			  "answers comes back",
			  judge->target);
	else
		judge_say(judge, DOCTOR_OK, DOCTOR_FINE, "%s%s answers to clients comes back",
			  here ? "a socket takes datagrams there, and what " : "what ",
			  judge->target);
	if (leg->socket != CASE_SOCKET_WILDCARD)
		return;
	mend_by_looking(judge);
	judge_say(
	    judge, DOCTOR_WARN, DOCTOR_ANSWERS_ELSEWHERE,
	    "the server at %s is bound to all addresses: if it does not answer from the one that "
	    "it was asked at, clients get no answer; have it bind %s",
	    judge->target, judge->target);
}

/* ---- all of it ---- */

/* Destinations that headers name are not known, but the way back from some is. */
static void judge_dynamic(struct judge *judge)
{
	if (judge_back_look(judge))
		return;
	judge_say(judge, DOCTOR_OK, DOCTOR_FINE,
		  "what destinations such as %s answer to clients comes back", judge->target);
}

void judge_leg(const struct case_host *host, const struct conf_listener *listener,
	       const struct case_leg *leg, struct doctor_report *report)
{
	struct judge judge = {.host = host, .listener = listener, .leg = leg, .report = report};

	(void)(leg->dynamic ? addr_format_ip(&leg->target, judge.target)
			    : addr_format(&leg->target, judge.target));
	if (leg->caught) {
		judge_say(
		    &judge, DOCTOR_FAIL, DOCTOR_MARK_CAUGHT,
		    "a rule for the listener's own mark %u leads its connections to %s back to "
		    "this host: let the rule name another mark, which only answers get",
		    leg->mark, judge.target);
		return;
	}
	if (leg->dynamic)
		judge_dynamic(&judge);
	else if (say_proxy(&judge))
		return;
	else if (judge_is_udp(&judge))
		judge_udp(&judge);
	else
		judge_tcp(&judge);
}
