/* SPDX-License-Identifier: BSD-2-Clause */
/* What keeps the kernel from carrying a UDP flow: it goes through user space, and the log says why.
 */
#include <stdio.h>
#include <string.h>

#include "admin.h"
#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "kernel_relay.h"
#include "netns.h"
#include "peer.h"
#include "routes.h"
#include "udp.h"
#include "udp_table.h"

#define OUTER_V4 "192.0.2.1:7000"

/* Datagrams pass, and none of them by the kernel. */
static void check_user_space(int balancer, const char *listener, int backend, const char *client)
{
	for (int i = 0; i < 20; i++)
		balancer_check_at(balancer, listener, backend, client);
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 0);
	ck_assert_uint_eq(kernel_relay_datagrams("carried_datagrams_total", "up"), 0);
}

/* ---- the host ---- */

START_TEST(a_sysctl_that_is_missing_is_named_once)
{
	static const char *const names[] = {"route_localnet", "accept_local"};
	int guest = routes_add_guest();
	int backend = udp_open(BACKEND_V4);
	int balancer = routes_udp_in_guest(guest, "192.0.2.2:5000");
	char path[64];

	kernel_relay_set_sysctls();
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "net/ipv4/conf/%s/%s", "lo", names[i]);
		ck_assert(harness_sysctl(path, (size_t)_i == i ? "0" : "1"));
		snprintf(path, sizeof(path), "net/ipv4/conf/%s/%s", "all", names[i]);
		ck_assert(harness_sysctl(path, "0"));
	}
	kernel_relay_start("listen = \"0.0.0.0:7000\"; ");
	HARNESS_AWAIT((balancer_check_at(balancer, OUTER_V4, backend, BALANCER_CLIENT),
		       daemon_log_count("warn ", "come by to-guest") == 1));
	(void)daemon_log_await("warn ", "listener t: the kernel carries no datagrams of IPv4",
			       names[_i]);
	check_user_space(balancer, OUTER_V4, backend, BALANCER_OTHER_CLIENT);
	ck_assert_uint_eq(daemon_log_count("listener t: the kernel carries no", NULL), 1);
}
END_TEST

/* Flows of lo need none of them. */
START_TEST(a_sysctl_that_is_missing_does_not_matter_to_lo)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	ck_assert(harness_sysctl("net/ipv4/conf/lo/route_localnet", "0"));
	ck_assert(harness_sysctl("net/ipv4/conf/lo/accept_local", "0"));
	kernel_relay_start("");
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	kernel_relay_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(a_target_elsewhere_is_for_user_space)
{
	int guest = routes_add_guest();
	int backend = routes_udp_in_guest(guest, ROUTES_GUEST_V4);
	int balancer = balancer_open();

	harness_shell("ip rule add from 192.0.2.2/32 iif to-guest table 124 && "
		      "ip route add local 0.0.0.0/0 dev lo table 124");
	kernel_relay_start("targets = { ipv4 = \"" ROUTES_GUEST_V4 "\"; }; ");
	check_user_space(balancer, LISTEN_V4, backend, BALANCER_CLIENT);
	(void)daemon_log_await("warn ", "the kernel carries no flows to " ROUTES_GUEST_V4,
			       "not on this host");
}
END_TEST

/* Whether the log has heard of it, by a further datagram. */
static bool is_heard(int backend, int balancer)
{
	balancer_send_text(balancer, BALANCER_CLIENT, "question");
	udp_expect_text(backend, BALANCER_CLIENT, "question");
	return daemon_log_count("listener t: the kernel carries no", "come back over lo") > 0;
}

/* Answers of another address of this host come back only where a rule says so. */
START_TEST(a_way_back_is_needed_without_marks)
{
	int balancer = balancer_open();
	int backend;

	(void)routes_add_guest();
	backend = udp_open("192.0.2.1:8000");
	kernel_relay_start("targets = { ipv4 = \"192.0.2.1:8000\"; }; ");
	HARNESS_AWAIT(is_heard(backend, balancer));
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 0);
	daemon_stop();
	harness_shell("ip rule add from 192.0.2.1/32 iif lo table 123");
	kernel_relay_start("targets = { ipv4 = \"192.0.2.1:8000\"; }; ");
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	kernel_relay_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

/* ---- the backend ---- */

START_TEST(a_backend_that_goes_and_comes_keeps_its_flows)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	kernel_relay_start("");
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	peer_close(backend);
	for (int i = 0; i < 5; i++)
		balancer_send_text(balancer, BALANCER_CLIENT, "nobody is there");
	HARNESS_AWAIT(kernel_relay_metric("icmp_errors_total") > 0);
	backend = udp_open(BACKEND_V4);
	balancer_check(balancer, backend, BALANCER_CLIENT);
	kernel_relay_check(balancer, backend, BALANCER_CLIENT);
	admin_await_metric("mmproxy_connections_total{listener=\"t\"}", 1);
}
END_TEST

/* A flow whose datagrams go up alone comes back to user space, and is none the worse. */
START_TEST(a_flow_without_answers_comes_back)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	unsigned sent = 0;

	kernel_relay_start("");
	do {
		balancer_send_text(balancer, BALANCER_CLIENT, "question");
		udp_expect_text(backend, BALANCER_CLIENT, "question");
		sent++;
		harness_sleep_ms(20);
	} while (kernel_relay_metric("demoted_total") == 0);
	ck_assert_uint_eq(kernel_relay_metric("demoted_total"), 1);
	ck_assert_uint_gt(kernel_relay_datagrams("carried_datagrams_total", "up"), 0);
	HARNESS_AWAIT(kernel_relay_datagrams("datagrams_total", "up") == sent);
	ck_assert_uint_eq(daemon_log_count("listener t: while the kernel carried", NULL), 1);
	for (int i = 0; i < 10; i++)
		balancer_check(balancer, backend, BALANCER_CLIENT);
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 0);
	/* Others are carried all the same. */
	kernel_relay_await(balancer, backend, BALANCER_OTHER_CLIENT, 1);
	kernel_relay_check(balancer, backend, BALANCER_OTHER_CLIENT);
}
END_TEST

/* A backend that never answers costs no more than a minute in user space, again and again. */
START_TEST(a_backend_that_never_answers_leaves_all_to_user_space)
{
	static const char *const clients[] = {"203.0.113.1:1001", "203.0.113.2:1002",
					      "203.0.113.3:1003"};
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	kernel_relay_start("");
	do {
		for (size_t i = 0; i < 3; i++) {
			balancer_send_text(balancer, clients[i], "question");
			udp_expect_text(backend, clients[i], "question");
		}
		harness_sleep_ms(20);
	} while (kernel_relay_metric("demoted_total") < 3);
	(void)daemon_log_await("listener t: none of 3 flows", NULL, NULL);
	for (int i = 0; i < 10; i++) {
		balancer_send_text(balancer, BALANCER_CLIENT, "question");
		udp_expect_text(backend, BALANCER_CLIENT, "question");
	}
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 0);
}
END_TEST

static Suite *udp_kernel_trouble_suite(void)
{
	Suite *suite = suite_create("net_udp_kernel_trouble");
	TCase *host = harness_case(suite, "host", 60);
	TCase *silent = harness_case(suite, "backend", 60);

	tcase_add_loop_test(host, a_sysctl_that_is_missing_is_named_once, 0, 2);
	tcase_add_test(host, a_sysctl_that_is_missing_does_not_matter_to_lo);
	tcase_add_test(host, a_target_elsewhere_is_for_user_space);
	tcase_add_test(host, a_way_back_is_needed_without_marks);
	tcase_add_test(silent, a_backend_that_goes_and_comes_keeps_its_flows);
	tcase_add_test(silent, a_flow_without_answers_comes_back);
	tcase_add_test(silent, a_backend_that_never_answers_leaves_all_to_user_space);
	return suite;
}

int main(void)
{
	return kernel_relay_run(udp_kernel_trouble_suite());
}
