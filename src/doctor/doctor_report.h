/* SPDX-License-Identifier: BSD-2-Clause */
/* What the doctor has found, in the order of the configuration. A value of one thread at a time. */
#ifndef MMPROXY_DOCTOR_REPORT_H
#define MMPROXY_DOCTOR_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "conf/conf.h"

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_WARN, /* works, but should not stay so; or could not be looked at */
	DOCTOR_FAIL, /* clients are not served, or not from their own address */
	DOCTOR_LEVELS
};

/* What a finding is about; doctor_cause_name() and the manual page have the same words. */
enum doctor_cause {
	DOCTOR_FINE,
	DOCTOR_RULE_MISSING,
	DOCTOR_ROUTE_MISSING,
	DOCTOR_RULE_SHADOWED,
	DOCTOR_NO_DEFAULT_ROUTE,
	DOCTOR_MARK_LOST,
	DOCTOR_MARK_CAUGHT,
	DOCTOR_RP_FILTER,
	DOCTOR_SRC_VALID_MARK,
	DOCTOR_FIREWALL_DROP,
	DOCTOR_FIREWALL_REJECT,
	DOCTOR_BACKEND_DOWN,
	DOCTOR_BACKEND_SILENT,
	DOCTOR_BACKEND_UNREACHABLE,
	DOCTOR_BACKEND_ELSEWHERE,
	DOCTOR_BEHIND_DOCKER_PROXY,
	DOCTOR_BEHIND_NAT,
	DOCTOR_ANSWERS_ELSEWHERE,
	DOCTOR_TARGET_ON_OTHER_HOST,
	DOCTOR_ROUTES_AT_START,
	DOCTOR_KERNEL_PROGRAMS,
	DOCTOR_KERNEL_SYSCTL,
	DOCTOR_KERNEL_UNFIT,
	DOCTOR_NO_CAPABILITY,
	DOCTOR_USER_MISSING,
	DOCTOR_ROUTE_LOCALNET,
	DOCTOR_OPEN_TO_ALL,
	DOCTOR_PORT_CLASH,
	DOCTOR_NOT_PERMITTED,
	DOCTOR_NOT_EXAMINED,
	DOCTOR_CAUSES
};

struct doctor_finding {
	enum doctor_level level;
	enum doctor_cause cause;
	const char *listener; /* its name; NULL: it is about the host */
	enum conf_protocol protocol;
	struct addr target;   /* AF_UNSPEC: it is about no target in particular */
	const char *sentence; /* what it means for the listener; no full stop */
	const char *mend;     /* the command that mends it; "": there is none */
};

struct doctor_report;

/* NULL is fine. */
void doctor_report_free(struct doctor_report *report);

/* How many findings there are, and how many of a level. */
size_t doctor_report_count(const struct doctor_report *report);
size_t doctor_report_count_of(const struct doctor_report *report, enum doctor_level level);

/* One of them: index from 0 to doctor_report_count() - 1. The report's. */
const struct doctor_finding *doctor_report_get(const struct doctor_report *report, size_t index);

/* "ok", "warn" or "FAIL". */
const char *doctor_level_name(enum doctor_level level);

/* One word, "rule_missing", and what it says of any listener, as the manual page has it. */
const char *doctor_cause_name(enum doctor_cause cause);
const char *doctor_cause_sentence(enum doctor_cause cause);

/* ---- for doctor ---- */

/* NULL when memory is out. */
struct doctor_report *doctor_report_new(void) __attribute__((warn_unused_result));

/*
 * Add a finding, of which the texts are copied. When memory is out that is remembered:
 * doctor_report_is_whole() is false from then on.
 */
void doctor_report_add(struct doctor_report *report, const struct doctor_finding *finding);
bool doctor_report_is_whole(const struct doctor_report *report);

#endif
