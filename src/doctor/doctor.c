/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with the way to the targets of a configuration and with the way back. */
#include "doctor/doctor.h"


#include "net/sock.h"

static bool uses_mark(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listeners_count; i++)
		if (conf->listeners[i].mark != 0)
			return true;
	return false;
}

static void examine_privileges(const struct conf *conf, struct doctor_report *report)
{
	struct doctor_finding finding = {
	    .level = DOCTOR_OK,
	    .cause = DOCTOR_FINE,
	    .sentence = "this process may use clients' addresses",
	};

	if (sock_check_privileges(uses_mark(conf)) < 0) {
		finding.level = DOCTOR_WARN;
		finding.cause = DOCTOR_NOT_PERMITTED;
		finding.sentence = "this process may not use clients' addresses, so that no "
				   "connection from one could be tried";
	}
	doctor_report_add(report, &finding);
}

struct doctor_report *doctor_examine(const struct conf *conf, const struct doctor_limits *limits)
{
	struct doctor_report *report = doctor_report_new();

	(void)limits;
	if (report == NULL)
		return NULL;
	examine_privileges(conf, report);
	if (doctor_report_is_whole(report))
		return report;
	doctor_report_free(report);
	return NULL;
}
