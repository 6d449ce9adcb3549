/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of the host and of listeners, whatever their targets: see judge.h. */
#ifndef MMPROXY_JUDGE_HOST_H
#define MMPROXY_JUDGE_HOST_H

#include "conf/conf.h"
#include "doctor/case.h"
#include "doctor/doctor_report.h"

void judge_host(const struct case_host *host, const struct conf *conf,
		struct doctor_report *report);

/* here: one of its targets at least is on this host. */
void judge_listener(const struct case_host *host, const struct conf_listener *listener, bool here,
		    struct doctor_report *report);

#endif
