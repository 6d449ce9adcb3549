/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Print for tests/lint/manual.sh what logs and --check-routing may say: "reason", "error" or
 * "cause", name, sentence.
 */
#include <stdio.h>

#include "base/reason.h"
#include "doctor/doctor_report.h"
#include "proxyproto/proxy_header.h"

int main(void)
{
	for (int i = 0; i < REASON_COUNT; i++)
		printf("reason\t%s\t%s\n", reason_name((enum close_reason)i),
		       reason_sentence((enum close_reason)i));
	for (int i = PROXY_ERROR_NONE + 1; i < PROXY_ERROR_COUNT; i++)
		printf("error\t%s\t%s\n", proxy_error_name((enum proxy_error)i),
		       proxy_error_sentence((enum proxy_error)i));
	for (int i = DOCTOR_FINE + 1; i < DOCTOR_CAUSES; i++)
		printf("cause\t%s\t%s\n", doctor_cause_name((enum doctor_cause)i),
		       doctor_cause_sentence((enum doctor_cause)i));
	return 0;
}
