/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what is known to what is said: each call follows from its arguments alone, and adds its
 * findings to the report.
 */
#ifndef MMPROXY_JUDGE_H
#define MMPROXY_JUDGE_H

#include "conf/conf.h"
#include "doctor/case.h"
#include "doctor/doctor_report.h"

/* Of one way of a listener to a target: at least one finding. */
void judge_leg(const struct case_host *host, const struct conf_listener *listener,
	       const struct case_leg *leg, struct doctor_report *report);

#endif
