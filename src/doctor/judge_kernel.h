/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the kernel can carry the flows of a listener (udp_relay): see judge.h. */
#ifndef MMPROXY_JUDGE_KERNEL_H
#define MMPROXY_JUDGE_KERNEL_H

#include "conf/conf.h"
#include "doctor/case.h"
#include "doctor/doctor_report.h"

/* What keeps all listeners of the configuration that ask for it from it; once for the host. */
void judge_kernel_host(const struct case_host *host, const struct conf *conf,
		       struct doctor_report *report);

/* What keeps the flows to one target, or that nothing does. */
void judge_kernel_leg(const struct case_host *host, const struct conf_listener *listener,
		      const struct case_leg *leg, struct doctor_report *report);

#endif
