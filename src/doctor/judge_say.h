/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing a finding of one way to a target, for the rooms of the judgement. */
#ifndef MMPROXY_JUDGE_SAY_H
#define MMPROXY_JUDGE_SAY_H

#include <stdbool.h>

#include "conf/conf.h"
#include "doctor/case.h"
#include "doctor/doctor_report.h"
#include "doctor/mend.h"

/* What is judged, and where it is written. */
struct judge {
	const struct case_host *host;
	const struct conf_listener *listener;
	const struct case_leg *leg;
	struct doctor_report *report;
	char target[ADDR_STRLEN];
	char mend[MEND_MAX];
};

/* The command that mends what is said next. */
void judge_mend(struct judge *judge, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Add a finding, with that command. */
void judge_say(struct judge *judge, enum doctor_level level, enum doctor_cause cause,
	       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Say that a firewall drops packets: "what" it is that shows it. */
void judge_firewall(struct judge *judge, const char *what);

/* What becomes of clients whose answers do not come back. */
const char *judge_consequence(const struct judge *judge);

bool judge_is_udp(const struct judge *judge);

#endif
