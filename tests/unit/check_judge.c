/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a target follows from what is known of it. */
#include "doctor/judge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "doctor/judge_host.h"

#define TARGET_V4 "127.0.0.1:8000"
#define GUEST	  "10.1.2.3:8000"

static struct conf_listener listener;
static struct case_host host;
static struct case_leg leg;
static struct doctor_report *report;

static struct addr address(const char *text)
{
	struct addr addr;

	ck_assert_int_eq(addr_parse(&addr, text), 0);
	return addr;
}

/* A host and a target with nothing wrong. */
static void set_up(void)
{
	static char name[] = "t";

	memset(&listener, 0, sizeof(listener));
	listener.name = name;
	memset(&host, 0, sizeof(host));
	host.root = host.may_spoof = host.may_mark = host.may_bind_low = true;
	host.low_port = 1024;
	host.routing_known = host.sockets_known[0] = host.sockets_known[1] = true;
	host.can_set_up = host.can_mark = true;
	host.table = 123;
	host.set_up = "mmproxy --setup-routing";
	memset(&leg, 0, sizeof(leg));
	leg.target = address(TARGET_V4);
	leg.place = RETURN_PLACE_HERE;
	leg.socket = CASE_SOCKET_EXACT;
	leg.plain.end = leg.spoofed.end = PROBE_ANSWERED;
	leg.back.end = WAY_BACK_HERE;
	leg.back.table = 123;
}

/* As a guest of this host, whose answers need a mark. */
static void be_guest(void)
{
	leg.target = address(GUEST);
	leg.place = RETURN_PLACE_GUEST;
	leg.socket = CASE_SOCKET_UNKNOWN;
	leg.back.mark = 124;
	leg.tracked = (struct tracked_flow){.state = TRACKED_FLOW_REPLIED, .mark = 124};
	snprintf(leg.interface, sizeof(leg.interface), "br0");
}

static void be_udp(void)
{
	leg.protocol = listener.protocol = CONF_PROTOCOL_UDP;
	leg.plain.end = leg.spoofed.end = PROBE_NOT_TRIED;
}

static void tear_down(void)
{
	doctor_report_free(report);
	report = NULL;
}

static const struct doctor_finding *judge(void)
{
	tear_down();
	report = doctor_report_new();
	judge_leg(&host, &listener, &leg, report);
	ck_assert(doctor_report_is_whole(report));
	ck_assert_uint_ge(doctor_report_count(report), 1);
	return doctor_report_get(report, 0);
}

/* The first thing that is said; mend: what it begins with (NULL: any). */
static void says(enum doctor_level level, enum doctor_cause cause, const char *mend)
{
	const struct doctor_finding *finding = judge();

	ck_assert_msg(finding->level == level && finding->cause == cause, "%s %s: %s",
		      doctor_level_name(finding->level), doctor_cause_name(finding->cause),
		      finding->sentence);
	if (mend != NULL)
		ck_assert_msg(strcmp(mend, "") == 0
				  ? finding->mend[0] == '\0'
				  : strncmp(finding->mend, mend, strlen(mend)) == 0,
			      "%s", finding->mend);
	ck_assert_str_eq(finding->listener, "t");
	ck_assert(addr_equal(&finding->target, &leg.target));
}

START_TEST(nothing_wrong)
{
	says(DOCTOR_OK, DOCTOR_FINE, "");
	ck_assert_uint_eq(doctor_report_count(report), 1);
	/* What answers clients is right, whatever else seems to be wrong. */
	leg.back.end = WAY_BACK_RULE_MISSING;
	leg.plain.end = PROBE_REFUSED;
	says(DOCTOR_OK, DOCTOR_FINE, "");
	leg.maybe_proxy = true;
	says(DOCTOR_WARN, DOCTOR_BEHIND_DOCKER_PROXY, "");
}
END_TEST

START_TEST(the_way_back)
{
	leg.spoofed.end = PROBE_SILENT;
	says(DOCTOR_FAIL, DOCTOR_FIREWALL_DROP, "nft list ruleset");
	leg.back.end = WAY_BACK_RULE_MISSING;
	says(DOCTOR_FAIL, DOCTOR_RULE_MISSING, "mmproxy --setup-routing");
	/* --setup-routing refuses a table that somebody else uses. */
	host.foreign_table[0] = true;
	says(DOCTOR_FAIL, DOCTOR_RULE_MISSING,
	     "ip rule add pref 123 from 127.0.0.1 iif lo ipproto tcp sport 8000 table 123 "
	     "protocol 223 && ip route replace local 0.0.0.0/0 dev lo table 123");
	leg.back.end = WAY_BACK_ROUTE_MISSING;
	leg.back.table = 77;
	says(DOCTOR_FAIL, DOCTOR_ROUTE_MISSING, "ip route replace local 0.0.0.0/0 dev lo table 77");
	leg.target = address("[::1]:8000");
	says(DOCTOR_FAIL, DOCTOR_ROUTE_MISSING, "ip -6 route replace local ::/0 dev lo table 77");
	leg.back.end = WAY_BACK_RULE_SHADOWED;
	leg.back.shadow_preference = 50;
	says(DOCTOR_FAIL, DOCTOR_RULE_SHADOWED,
	     "ip -6 rule add pref 49 from ::1 iif lo ipproto tcp sport 8000 table 77");
	leg.back.shadow_preference = 5000;
	says(DOCTOR_FAIL, DOCTOR_RULE_SHADOWED, "mmproxy --setup-routing");
	host.foreign_table[1] = true;
	says(DOCTOR_FAIL, DOCTOR_RULE_SHADOWED, "ip -6 rule add pref 123 from ::1");
	leg.back.shadow_preference = 0;
	says(DOCTOR_FAIL, DOCTOR_RULE_SHADOWED, "");
}
END_TEST

START_TEST(routes_of_a_daemon_that_does_not_run)
{
	host.manage = true;
	leg.spoofed.end = PROBE_SILENT;
	leg.back.end = WAY_BACK_RULE_MISSING;
	says(DOCTOR_WARN, DOCTOR_ROUTES_AT_START, "");
	host.holder = true;
	says(DOCTOR_FAIL, DOCTOR_RULE_MISSING, NULL);
}
END_TEST

START_TEST(marks)
{
	be_guest();
	says(DOCTOR_OK, DOCTOR_FINE, "");
	leg.spoofed.end = PROBE_SILENT;
	says(DOCTOR_FAIL, DOCTOR_MARK_LOST, "mmproxy --setup-routing");
	leg.tracked.state = TRACKED_FLOW_FORTH;
	says(DOCTOR_FAIL, DOCTOR_FIREWALL_DROP, NULL);
	leg.tracked.mark = 0;
	says(DOCTOR_FAIL, DOCTOR_MARK_LOST, NULL);
	leg.tracked.state = TRACKED_FLOW_NONE;
	says(DOCTOR_FAIL, DOCTOR_MARK_LOST, NULL);
	leg.tracked.state = TRACKED_FLOW_UNKNOWN;
	says(DOCTOR_FAIL, DOCTOR_MARK_LOST, NULL);
	host.can_mark = false;
	says(DOCTOR_FAIL, DOCTOR_MARK_LOST, "");
	leg.back.end = WAY_BACK_FILTERED;
	leg.rp_filter = 1;
	says(DOCTOR_FAIL, DOCTOR_RP_FILTER, "sysctl -w net.ipv4.conf.br0.rp_filter=2");
	leg.back.end = WAY_BACK_INVALID_SOURCE;
	says(DOCTOR_FAIL, DOCTOR_SRC_VALID_MARK, "sysctl -w net.ipv4.conf.all.src_valid_mark=0");
	leg.caught = true;
	leg.mark = 123;
	says(DOCTOR_FAIL, DOCTOR_MARK_CAUGHT, "");
}
END_TEST

START_TEST(no_default_route)
{
	be_guest();
	leg.place = RETURN_PLACE_HERE;
	leg.socket = CASE_SOCKET_EXACT;
	leg.spoofed.end = PROBE_SILENT;
	leg.tracked.state = TRACKED_FLOW_FORTH;
	leg.back.unrouted = true;
	says(DOCTOR_FAIL, DOCTOR_NO_DEFAULT_ROUTE, "");
}
END_TEST

START_TEST(the_server)
{
	leg.plain.end = leg.spoofed.end = PROBE_REFUSED;
	says(DOCTOR_FAIL, DOCTOR_FIREWALL_REJECT, NULL);
	leg.socket = CASE_SOCKET_NONE;
	says(DOCTOR_FAIL, DOCTOR_BACKEND_DOWN, "ss -ltnp 'sport = :8000'");
	/* The way back is looked at all the same. */
	leg.back.end = WAY_BACK_RULE_MISSING;
	(void)judge();
	ck_assert_uint_eq(doctor_report_count_of(report, DOCTOR_FAIL), 2);
	leg.elsewhere = address("10.0.0.9:8000");
	says(DOCTOR_FAIL, DOCTOR_BACKEND_ELSEWHERE, "targets = { ipv4 = \"10.0.0.9:8000\"; };");
	leg.plain.end = PROBE_ANSWERED;
	leg.spoofed.end = PROBE_SILENT;
	says(DOCTOR_FAIL, DOCTOR_BEHIND_NAT, NULL);
	leg.plain.end = PROBE_UNREACHABLE;
	leg.plain.error = EHOSTUNREACH;
	says(DOCTOR_FAIL, DOCTOR_BACKEND_UNREACHABLE, NULL);
	leg.plain.end = PROBE_SILENT;
	says(DOCTOR_FAIL, DOCTOR_BACKEND_SILENT, NULL);
	leg.socket = CASE_SOCKET_WILDCARD;
	says(DOCTOR_FAIL, DOCTOR_FIREWALL_DROP, NULL);
	leg.plain.end = PROBE_ANSWERED;
	leg.spoofed.end = PROBE_REFUSED;
	says(DOCTOR_FAIL, DOCTOR_FIREWALL_REJECT, NULL);
	leg.in_proxy = true;
	snprintf(leg.proxy_name, sizeof(leg.proxy_name), "docker-proxy");
	says(DOCTOR_FAIL, DOCTOR_BEHIND_DOCKER_PROXY, "docker inspect ");
	leg.container = address("172.17.0.2:80");
	says(DOCTOR_FAIL, DOCTOR_BEHIND_DOCKER_PROXY, "targets = { ipv4 = \"172.17.0.2:80\"; };");
}
END_TEST

START_TEST(another_host)
{
	be_guest();
	leg.place = RETURN_PLACE_OTHER;
	says(DOCTOR_OK, DOCTOR_FINE, "");
	leg.spoofed.end = PROBE_SILENT;
	says(DOCTOR_FAIL, DOCTOR_TARGET_ON_OTHER_HOST, "");
	be_udp();
	says(DOCTOR_WARN, DOCTOR_TARGET_ON_OTHER_HOST, "");
}
END_TEST

START_TEST(datagrams)
{
	be_udp();
	says(DOCTOR_OK, DOCTOR_FINE, "");
	leg.socket = CASE_SOCKET_WILDCARD;
	says(DOCTOR_OK, DOCTOR_FINE, "");
	ck_assert_uint_eq(doctor_report_count(report), 2);
	ck_assert_int_eq(doctor_report_get(report, 1)->cause, DOCTOR_ANSWERS_ELSEWHERE);
	leg.back.end = WAY_BACK_RULE_MISSING;
	says(DOCTOR_FAIL, DOCTOR_RULE_MISSING, NULL);
	leg.socket = CASE_SOCKET_NONE;
	says(DOCTOR_FAIL, DOCTOR_BACKEND_DOWN, "ss -luanp 'sport = :8000'");
	leg.socket = CASE_SOCKET_UNKNOWN;
	leg.back.end = WAY_BACK_HERE;
	says(DOCTOR_WARN, DOCTOR_NOT_EXAMINED, NULL);
	leg.socket = CASE_SOCKET_EXACT;
	leg.back.end = WAY_BACK_UNKNOWN;
	says(DOCTOR_WARN, DOCTOR_NOT_EXAMINED, NULL);
	leg.back.end = WAY_BACK_HERE;
	leg.spoofed.end = PROBE_FAILED;
	leg.spoofed.error = EPERM;
	says(DOCTOR_FAIL, DOCTOR_FIREWALL_DROP, NULL);
	leg.spoofed.end = PROBE_REFUSED;
	says(DOCTOR_FAIL, DOCTOR_BACKEND_DOWN, NULL);
	/* A guest whose datagrams are not to be tried. */
	be_guest();
	be_udp();
	leg.spoofed.error = 0;
	leg.tracked.state = TRACKED_FLOW_UNKNOWN;
	says(DOCTOR_OK, DOCTOR_FINE, NULL);
	leg.spoofed.end = leg.plain.end = PROBE_SILENT;
	leg.tracked.state = TRACKED_FLOW_NONE;
	says(DOCTOR_FAIL, DOCTOR_MARK_LOST, NULL);
}
END_TEST

START_TEST(what_was_not_looked_at)
{
	leg.spoofed.end = PROBE_NOT_TRIED;
	says(DOCTOR_WARN, DOCTOR_NOT_EXAMINED, NULL);
	host.may_spoof = false;
	says(DOCTOR_WARN, DOCTOR_NOT_PERMITTED, NULL);
	leg.back.end = WAY_BACK_RULE_MISSING;
	says(DOCTOR_FAIL, DOCTOR_RULE_MISSING, NULL);
	leg.back.end = WAY_BACK_UNKNOWN;
	leg.plain.end = PROBE_NOT_TRIED;
	says(DOCTOR_WARN, DOCTOR_NOT_EXAMINED, NULL);
	leg.mark = 5;
	host.may_mark = false;
	says(DOCTOR_WARN, DOCTOR_NOT_PERMITTED, NULL);
}
END_TEST

/* ---- the host ---- */

/* How many findings of the level the host has. */
static size_t count_of_host(enum doctor_level level, const struct conf *conf)
{
	tear_down();
	report = doctor_report_new();
	judge_host(&host, conf, report);
	return doctor_report_count_of(report, level);
}

START_TEST(capabilities)
{
	struct addr listen = address("0.0.0.0:443");
	struct conf conf = {.listeners = &listener, .listeners_count = 1};

	listener.listen = &listen;
	listener.listen_count = 1;
	ck_assert_uint_eq(count_of_host(DOCTOR_OK, &conf), 1);
	ck_assert_uint_eq(doctor_report_count(report), 1);
	host.may_bind_low = false;
	ck_assert_uint_eq(count_of_host(DOCTOR_FAIL, &conf), 1);
	host.may_spoof = false;
	ck_assert_uint_eq(count_of_host(DOCTOR_FAIL, &conf), 2);
	host.root = false;
	ck_assert_uint_eq(count_of_host(DOCTOR_FAIL, &conf), 0);
	ck_assert_uint_eq(doctor_report_count_of(report, DOCTOR_WARN), 2);
	host.may_spoof = host.may_bind_low = true;
	host.may_mark = false;
	ck_assert_uint_eq(count_of_host(DOCTOR_OK, &conf), 1);
	listener.mark = 7;
	ck_assert_uint_eq(count_of_host(DOCTOR_WARN, &conf), 1);
	host.routing_known = host.sockets_known[0] = false;
	snprintf(host.localnet, sizeof(host.localnet), "eth0");
	ck_assert_uint_eq(count_of_host(DOCTOR_WARN, &conf), 4);
	ck_assert_str_eq(doctor_report_get(report, 3)->mend,
			 "sysctl -w net.ipv4.conf.eth0.route_localnet=0");
	ck_assert_ptr_null(doctor_report_get(report, 3)->listener);
}
END_TEST

/* Every cause has a word and a sentence of its own. */
START_TEST(causes_are_told_apart)
{
	for (int i = 0; i < DOCTOR_CAUSES; i++) {
		const char *name = doctor_cause_name((enum doctor_cause)i);

		ck_assert_ptr_nonnull(name);
		ck_assert_ptr_nonnull(doctor_cause_sentence((enum doctor_cause)i));
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(name, doctor_cause_name((enum doctor_cause)j));
	}
}
END_TEST

static Suite *judge_suite(void)
{
	Suite *suite = suite_create("judge");
	TCase *tcase = tcase_create("judge");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, nothing_wrong);
	tcase_add_test(tcase, the_way_back);
	tcase_add_test(tcase, routes_of_a_daemon_that_does_not_run);
	tcase_add_test(tcase, marks);
	tcase_add_test(tcase, no_default_route);
	tcase_add_test(tcase, the_server);
	tcase_add_test(tcase, another_host);
	tcase_add_test(tcase, datagrams);
	tcase_add_test(tcase, what_was_not_looked_at);
	tcase_add_test(tcase, capabilities);
	tcase_add_test(tcase, causes_are_told_apart);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(judge_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
