/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the kernel can carry the flows of a listener. */
#include "doctor/judge_kernel.h"

#include <stdio.h>
#include <string.h>

#include "doctor/judge_say.h"

#define SENTENCE_MAX 512

/* ---- the host ---- */

static bool asks_for_it(const struct conf_listener *listener)
{
	return listener->protocol == CONF_PROTOCOL_UDP &&
	       listener->udp_relay == CONF_UDP_RELAY_KERNEL;
}

void judge_kernel_host(const struct case_host *host, const struct conf *conf,
		       struct doctor_report *report)
{
	char sentence[SENTENCE_MAX];
	struct doctor_finding finding = {.level = DOCTOR_WARN,
					 .cause = host->root ? DOCTOR_KERNEL_PROGRAMS
							     : DOCTOR_NOT_PERMITTED,
					 .sentence = sentence,
					 .mend = ""};
	bool wanted = false;

	for (size_t i = 0; i < conf->listeners_count; i++)
		wanted = wanted || asks_for_it(&conf->listeners[i]);
	if (!wanted || host->kernel != CASE_KERNEL_REFUSES)
		return;
	if (host->root)
		snprintf(sentence, sizeof(sentence),
			 "mmproxy carries all UDP itself, in spite of udp_relay = \"kernel\": %s",
			 host->kernel_why);
	else
		snprintf(sentence, sizeof(sentence),
			 "whether the kernel takes programs for udp_relay = \"kernel\" could not "
			 "be tried, and root can: %s",
			 host->kernel_why);
	doctor_report_add(report, &finding);
}

/* ---- one target ---- */

/* Whether load balancers on other hosts can reach the listener. */
static bool is_public(const struct conf_listener *listener)
{
	for (size_t i = 0; i < listener->listen_count; i++)
		if (!addr_is_loopback(&listener->listen[i]))
			return true;
	return false;
}

/* Why not, whatever the target; NULL: it may be. */
static const char *why_not(const struct conf_listener *listener)
{
	if (listener->listen_transparent)
		return "with listen_transparent datagrams come to addresses that are not this "
		       "host's";
	if (listener->source_port == CONF_SOURCE_EPHEMERAL)
		return "with source_port = \"ephemeral\" the server sees other ports than the "
		       "clients'";
	return NULL;
}

static void say_sysctls(struct judge *judge)
{
	const struct case_leg *leg = judge->leg;
	char names[128];
	char command[192];
	size_t names_len = 0;
	size_t len = (size_t)snprintf(command, sizeof(command), "sysctl -w");

	for (size_t i = 0; i < leg->sysctls_count; i++) {
		names_len += (size_t)snprintf(names + names_len, sizeof(names) - names_len, "%s%s",
					      i > 0 ? " and " : "", leg->sysctls[i]);
		len += (size_t)snprintf(command + len, sizeof(command) - len, " %s=1",
					leg->sysctls[i]);
	}
	judge_mend(judge, "%s", command);
	judge_say(judge, DOCTOR_WARN, DOCTOR_KERNEL_SYSCTL,
		  "mmproxy itself carries what load balancers on other hosts send to %s, in spite "
		  "of udp_relay = \"kernel\": lo takes it from the kernel's programs only with %s; "
		  "of lo alone that opens nothing to the network",
		  judge->target, names);
}

void judge_kernel_leg(const struct case_host *host, const struct conf_listener *listener,
		      const struct case_leg *leg, struct doctor_report *report)
{
	struct judge judge = {.host = host, .listener = listener, .leg = leg, .report = report};

	if (!asks_for_it(listener) || host->kernel == CASE_KERNEL_NOT_TRIED)
		return;
	(void)(leg->dynamic ? addr_format_ip(&leg->target, judge.target)
			    : addr_format(&leg->target, judge.target));
	if (why_not(listener) != NULL)
		judge_say(&judge, DOCTOR_WARN, DOCTOR_KERNEL_UNFIT,
			  "mmproxy itself carries what is sent to %s, in spite of udp_relay = "
			  "\"kernel\": %s",
			  judge.target, why_not(listener));
	else if (leg->place != RETURN_PLACE_HERE)
		judge_say(&judge, DOCTOR_WARN, DOCTOR_KERNEL_UNFIT,
			  "mmproxy itself carries what is sent to %s, in spite of udp_relay = "
			  "\"kernel\": the server is not on this host",
			  judge.target);
	else if (leg->back.end == WAY_BACK_HERE && leg->back.mark != 0)
		judge_say(&judge, DOCTOR_WARN, DOCTOR_KERNEL_UNFIT,
			  "mmproxy itself carries what is sent to %s, in spite of udp_relay = "
			  "\"kernel\": its answers come back by the mark %u of connection "
			  "tracking, which does not see what the kernel carries; have the server "
			  "listen on loopback",
			  judge.target, leg->back.mark);
	else if (leg->sysctls_count > 0 && is_public(listener))
		say_sysctls(&judge);
	else if (host->kernel == CASE_KERNEL_TAKES)
		judge_say(&judge, DOCTOR_OK, DOCTOR_FINE,
			  "the kernel can carry what is sent to %s, and what it answers",
			  judge.target);
}
