/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of doctor/judge_kernel: whether the kernel can carry a listener's flows. */
#include "doctor/judge_kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#define LOCALNET     "net.ipv4.conf.lo.route_localnet"
#define ACCEPT_LOCAL "net.ipv4.conf.lo.accept_local"

static struct addr listen_at[2];
static struct conf_listener listener;
static struct conf conf;
static struct case_host host;
static struct case_leg leg;
static struct doctor_report *report;

static struct addr address(const char *text)
{
	struct addr addr;

	ck_assert_int_eq(addr_parse(&addr, text), 0);
	return addr;
}

/* A listener for other hosts with a server on loopback, and nothing missing. */
static void set_up(void)
{
	static char name[] = "t";

	listen_at[0] = address("127.0.0.1:7000");
	listen_at[1] = address("192.0.2.1:7000");
	listener = (struct conf_listener){.name = name,
					  .protocol = CONF_PROTOCOL_UDP,
					  .udp_relay = CONF_UDP_RELAY_KERNEL,
					  .listen = listen_at,
					  .listen_count = 2};
	conf = (struct conf){.listeners = &listener, .listeners_count = 1};
	host = (struct case_host){.root = true, .kernel = CASE_KERNEL_TAKES};
	memset(&leg, 0, sizeof(leg));
	leg.protocol = CONF_PROTOCOL_UDP;
	leg.target = address("127.0.0.1:8000");
	leg.place = RETURN_PLACE_HERE;
	leg.back.end = WAY_BACK_HERE;
}

static void tear_down(void)
{
	doctor_report_free(report);
	report = NULL;
}

static size_t judge(void)
{
	tear_down();
	report = doctor_report_new();
	judge_kernel_host(&host, &conf, report);
	judge_kernel_leg(&host, &listener, &leg, report);
	ck_assert(doctor_report_is_whole(report));
	return doctor_report_count(report);
}

/* One thing is said. */
static const struct doctor_finding *says(enum doctor_level level, enum doctor_cause cause,
					 const char *text, const char *mend)
{
	const struct doctor_finding *finding;

	ck_assert_uint_eq(judge(), 1);
	finding = doctor_report_get(report, 0);
	ck_assert_msg(finding->level == level && finding->cause == cause, "%s %s: %s",
		      doctor_level_name(finding->level), doctor_cause_name(finding->cause),
		      finding->sentence);
	ck_assert_msg(strstr(finding->sentence, text) != NULL, "%s", finding->sentence);
	ck_assert_str_eq(finding->mend, mend);
	return finding;
}

START_TEST(nothing_is_missing)
{
	const struct doctor_finding *finding =
	    says(DOCTOR_OK, DOCTOR_FINE, "the kernel can carry", "");

	ck_assert_str_eq(finding->listener, "t");
	ck_assert(addr_equal(&finding->target, &leg.target));
}
END_TEST

START_TEST(who_does_not_ask_is_told_nothing)
{
	host.kernel = CASE_KERNEL_REFUSES;
	leg.place = RETURN_PLACE_OTHER;
	listener.udp_relay = CONF_UDP_RELAY_USER;
	ck_assert_uint_eq(judge(), 0);
	/* What a block of TCP has inherited has no effect. */
	listener.udp_relay = CONF_UDP_RELAY_KERNEL;
	listener.protocol = CONF_PROTOCOL_TCP;
	ck_assert_uint_eq(judge(), 0);
}
END_TEST

START_TEST(a_daemon_that_serves_has_tried_itself)
{
	host.kernel = CASE_KERNEL_NOT_TRIED;
	leg.sysctls[leg.sysctls_count++] = LOCALNET;
	ck_assert_uint_eq(judge(), 0);
}
END_TEST

START_TEST(programs_that_are_refused)
{
	host.kernel = CASE_KERNEL_REFUSES;
	snprintf(host.kernel_why, sizeof(host.kernel_why), "grant CAP_BPF");
	ck_assert_ptr_null(
	    says(DOCTOR_WARN, DOCTOR_KERNEL_PROGRAMS, "grant CAP_BPF", "")->listener);
	host.root = false;
	(void)says(DOCTOR_WARN, DOCTOR_NOT_PERMITTED, "root can", "");
}
END_TEST

START_TEST(sysctls_that_are_missing)
{
	leg.sysctls[leg.sysctls_count++] = LOCALNET;
	(void)says(DOCTOR_WARN, DOCTOR_KERNEL_SYSCTL, LOCALNET, "sysctl -w " LOCALNET "=1");
	leg.sysctls[leg.sysctls_count++] = ACCEPT_LOCAL;
	(void)says(DOCTOR_WARN, DOCTOR_KERNEL_SYSCTL, LOCALNET " and " ACCEPT_LOCAL,
		   "sysctl -w " LOCALNET "=1 " ACCEPT_LOCAL "=1");
}
END_TEST

START_TEST(sysctls_that_nobody_here_needs)
{
	leg.sysctls[leg.sysctls_count++] = LOCALNET;
	listener.listen_count = 1;
	(void)says(DOCTOR_OK, DOCTOR_FINE, "the kernel can carry", "");
}
END_TEST

START_TEST(targets_that_it_is_not_for)
{
	leg.target = address("192.0.2.9:8000");
	leg.place = RETURN_PLACE_GUEST;
	(void)says(DOCTOR_WARN, DOCTOR_KERNEL_UNFIT, "192.0.2.9:8000", "");
	leg.place = RETURN_PLACE_OTHER;
	(void)says(DOCTOR_WARN, DOCTOR_KERNEL_UNFIT, "not on this host", "");
	leg.place = RETURN_PLACE_HERE;
	(void)says(DOCTOR_OK, DOCTOR_FINE, "the kernel can carry", "");
	leg.back.mark = 124;
	(void)says(DOCTOR_WARN, DOCTOR_KERNEL_UNFIT, "mark 124", "");
}
END_TEST

START_TEST(listeners_that_it_is_not_for)
{
	listener.source_port = CONF_SOURCE_EPHEMERAL;
	(void)says(DOCTOR_WARN, DOCTOR_KERNEL_UNFIT, "source_port", "");
	listener.source_port = CONF_SOURCE_FALLBACK;
	(void)says(DOCTOR_OK, DOCTOR_FINE, "the kernel can carry", "");
	listener.listen_transparent = true;
	(void)says(DOCTOR_WARN, DOCTOR_KERNEL_UNFIT, "listen_transparent", "");
}
END_TEST

START_TEST(destinations_of_headers)
{
	leg.dynamic = true;
	addr_set_port(&leg.target, 0);
	(void)says(DOCTOR_OK, DOCTOR_FINE, "sent to 127.0.0.1,", "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("judge_kernel");
	TCase *tcase = tcase_create("judge_kernel");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, nothing_is_missing);
	tcase_add_test(tcase, who_does_not_ask_is_told_nothing);
	tcase_add_test(tcase, a_daemon_that_serves_has_tried_itself);
	tcase_add_test(tcase, programs_that_are_refused);
	tcase_add_test(tcase, sysctls_that_are_missing);
	tcase_add_test(tcase, sysctls_that_nobody_here_needs);
	tcase_add_test(tcase, targets_that_it_is_not_for);
	tcase_add_test(tcase, listeners_that_it_is_not_for);
	tcase_add_test(tcase, destinations_of_headers);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
