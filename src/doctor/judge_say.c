/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing a finding of one way to a target. */
#include "doctor/judge_say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A sentence with two rules in it. */
#define SENTENCE_MAX 1024

void judge_say(struct judge *judge, enum doctor_level level, enum doctor_cause cause,
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

void judge_mend(struct judge *judge, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(judge->mend, sizeof(judge->mend), format, arguments);
	va_end(arguments);
}

bool judge_is_udp(const struct judge *judge)
{
	return judge->leg->protocol == CONF_PROTOCOL_UDP;
}

const char *judge_consequence(const struct judge *judge)
{
	return judge_is_udp(judge) ? "clients get no answer"
				   : "connections end with backend_timeout";
}

void judge_firewall(struct judge *judge, const char *what)
{
	judge_mend(judge, "nft list ruleset");
	judge_say(
	    judge, DOCTOR_FAIL, DOCTOR_FIREWALL_DROP,
	    "%s, so that %s: let pass what goes to %s, and what it answers to clients' addresses",
	    what, judge_consequence(judge), judge->target);
}
