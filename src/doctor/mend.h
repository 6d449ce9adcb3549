/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands that mend the way back. */
#ifndef MMPROXY_MEND_H
#define MMPROXY_MEND_H

#include "doctor/case.h"

/* The longest command: two of ip(8). */
#define MEND_MAX 640

/* For answers without a rule, without a route, or with another rule before theirs; return buf. */
const char *mend_rule(const struct case_host *host, const struct case_leg *leg,
		      char buf[static MEND_MAX]);
const char *mend_route(const struct case_leg *leg, char buf[static MEND_MAX]);
const char *mend_shadow(const struct case_host *host, const struct case_leg *leg,
			char buf[static MEND_MAX]);

#endif
