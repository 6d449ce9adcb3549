/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of flows that the kernel carries: idleness, limits, denials, reloads, drains, restarts
 * and upgrades hold for them as for all others.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "fastpath/fastpath.h"

#include "admin.h"
#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "kernel_relay.h"
#include "manager.h"
#include "peer.h"
#include "traffic.h"
#include "udp.h"
#include "udp_table.h"
#include "upgrade.h"

#define DROPPED(reason) "mmproxy_udp_dropped_total{listener=\"t\",reason=\"" reason "\"}"

static struct command_result result;
static int backend;
static int balancer;

/* Two clients whose flows the kernel carries. */
static void start_carried(const char *keys)
{
	backend = udp_open(BACKEND_V4);
	balancer = balancer_open();
	kernel_relay_start(keys);
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	kernel_relay_await(balancer, backend, BALANCER_OTHER_CLIENT, 2);
}

/* The client's datagrams are dropped, for this reason, and none reaches the backend. */
static void expect_dropped(const char *client, const char *series)
{
	uint64_t before = admin_metric(series);

	for (int i = 0; i < 5; i++)
		balancer_send_text(balancer, client, "refused");
	admin_await_metric(series, before + 5);
	ck_assert_ptr_null(udp_receive_within(backend, 0));
}

/* ---- idleness and limits ---- */

/* How long the busy client has been silent at the longest, until the other one's flow ends. */
static int64_t stay_busy(void)
{
	int64_t longest_ms = 0;
	int64_t last_ms = harness_now_ms();

	while (daemon_log_count("client=" BALANCER_OTHER_CLIENT, "reason=idle_timeout") == 0) {
		balancer_check(balancer, backend, BALANCER_CLIENT);
		if (harness_now_ms() - last_ms > longest_ms)
			longest_ms = harness_now_ms() - last_ms;
		last_ms = harness_now_ms();
		harness_sleep_ms(20);
	}
	return longest_ms;
}

START_TEST(a_busy_flow_is_not_idle)
{
	int64_t longest_ms;
	unsigned ended;

	start_carried("close_after = \"5s\"; ");
	longest_ms = stay_busy();
	ended = daemon_log_count("client=" BALANCER_CLIENT, "reason=idle_timeout");
	/* The worker's own look at the time takes its turn on a busy machine as well. */
	if (longest_ms < 2500)
		ck_assert_uint_eq(ended, 0);
	else
		printf("a machine too busy to tell: %d ms\n", (int)longest_ms);
	/* And when it is idle it ends. */
	(void)daemon_log_await("client=" BALANCER_CLIENT, "reason=idle_timeout", NULL);
	HARNESS_AWAIT(kernel_relay_metric("carried_flows") == 0);
	ck_assert_uint_eq(udp_table_connected_to(8000), 0);
}
END_TEST

START_TEST(the_flow_idle_longest_makes_room)
{
	start_carried("max_flows = 2; ");
	/* The one opened first is the busy one, as only the kernel knows. */
	kernel_relay_check(balancer, backend, BALANCER_CLIENT);
	harness_sleep_ms(50);
	balancer_check(balancer, backend, BALANCER_CLIENT);
	balancer_check(balancer, backend, "203.0.113.9:40000");
	(void)daemon_log_await("client=" BALANCER_OTHER_CLIENT, "reason=connection_limit", NULL);
	ck_assert(udp_table_has(BALANCER_CLIENT, BACKEND_V4));
	ck_assert(!udp_table_has(BALANCER_OTHER_CLIENT, BACKEND_V4));
	kernel_relay_await(balancer, backend, "203.0.113.9:40000", 2);
}
END_TEST

/* ---- who may ---- */

START_TEST(a_denied_client_is_cut_at_once)
{
	start_carried("");
	admin_run(&result, "--deny", "203.0.113.7", NULL);
	ck_assert_int_eq(result.exit_code, 0);
	expect_dropped(BALANCER_CLIENT, DROPPED("client_denied"));
	kernel_relay_check(balancer, backend, BALANCER_OTHER_CLIENT);
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 1);
	admin_run(&result, "--allow", "203.0.113.7", NULL);
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 2);
}
END_TEST

START_TEST(a_kicked_client_begins_anew)
{
	start_carried("");
	admin_run(&result, "--kick", "203.0.113.7", NULL);
	ck_assert_int_eq(result.exit_code, 0);
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 1);
	(void)daemon_log_await("client=" BALANCER_CLIENT, "reason=kicked", NULL);
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 2);
}
END_TEST

static void reload(const char *keys)
{
	unsigned before = daemon_log_count("reloaded: ", NULL);

	(void)daemon_write_config(kernel_relay_config(1, keys));
	daemon_signal(SIGHUP);
	HARNESS_AWAIT(daemon_log_count("reloaded: ", NULL) > before);
}

START_TEST(a_balancer_that_may_no_more_is_cut)
{
	start_carried("allowed_subnets = [ \"127.0.0.0/8\" ]; ");
	reload("allowed_subnets = [ \"192.0.2.0/24\" ]; ");
	/* The worker hears of it a moment after the log. */
	HARNESS_AWAIT((balancer_send_text(balancer, BALANCER_CLIENT, "may I?"),
		       admin_metric(DROPPED("peer_denied")) > 0));
	HARNESS_AWAIT(kernel_relay_metric("carried_flows") == 0);
	(void)udp_drain(backend, 100);
	expect_dropped(BALANCER_CLIENT, DROPPED("peer_denied"));
}
END_TEST

START_TEST(clients_that_may_no_more_are_cut)
{
	start_carried("");
	reload("denied_clients = [ \"203.0.113.7\" ]; ");
	(void)daemon_log_await("client=" BALANCER_CLIENT, "reason=client_denied", NULL);
	expect_dropped(BALANCER_CLIENT, DROPPED("client_denied"));
	kernel_relay_await(balancer, backend, BALANCER_OTHER_CLIENT, 1);
}
END_TEST

START_TEST(a_new_target_is_for_new_flows)
{
	int other;

	start_carried("");
	other = udp_open("127.0.0.1:8001");
	reload("targets = { ipv4 = \"127.0.0.1:8001\"; }; ");
	kernel_relay_check(balancer, backend, BALANCER_CLIENT);
	HARNESS_AWAIT((balancer_check(balancer, other, "203.0.113.9:40000"),
		       balancer_check(balancer, backend, BALANCER_OTHER_CLIENT),
		       balancer_check(balancer, backend, BALANCER_CLIENT),
		       kernel_relay_metric("carried_flows") == 3));
	kernel_relay_check(balancer, other, "203.0.113.9:40000");
}
END_TEST

START_TEST(a_reload_to_user_space_takes_them_back)
{
	uint64_t carried;

	start_carried("");
	reload("udp_relay = \"user\"; ");
	HARNESS_AWAIT(kernel_relay_metric("carried_flows") == 0);
	carried = kernel_relay_datagrams("carried_datagrams_total", "up");
	for (int i = 0; i < 10; i++)
		balancer_check(balancer, backend, BALANCER_CLIENT);
	ck_assert_uint_eq(kernel_relay_datagrams("carried_datagrams_total", "up"), carried);
	reload("");
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	ck_assert_uint_eq(daemon_log_count("only a restart", NULL), 0);
}
END_TEST

START_TEST(a_process_that_began_without_it_needs_a_restart)
{
	backend = udp_open(BACKEND_V4);
	balancer = balancer_open();
	kernel_relay_start("udp_relay = \"user\"; ");
	reload("");
	(void)daemon_log_await("listener t: udp_relay: only a restart changes it to", NULL, NULL);
	for (int i = 0; i < 10; i++)
		balancer_check(balancer, backend, BALANCER_CLIENT);
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 0);
}
END_TEST

/* ---- ends ---- */

START_TEST(a_drain_goes_on_in_user_space)
{
	backend = udp_open(BACKEND_V4);
	balancer = balancer_open();
	admin_start_config("workers = 1; drain_timeout = \"10m\";\n"
			   "listeners = ( { name = \"t\"; protocol = \"udp\"; listen = \"" LISTEN_V4
			   "\"; udp_relay = \"kernel\"; " DAEMON_TARGETS DAEMON_PATIENT_UDP
			   " } );\n");
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	daemon_signal(SIGTERM);
	(void)daemon_log_await("stopping: ", NULL, NULL);
	HARNESS_AWAIT(kernel_relay_metric("carried_flows") == 0);
	for (int i = 0; i < 10; i++)
		balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

/* Nothing is left of one that was killed, and the next one begins at once. */
START_TEST(a_killed_daemon_carries_nothing)
{
	for (int i = 0; i < 3; i++) {
		start_carried("");
		daemon_signal(SIGKILL);
		ck_assert_int_eq(daemon_wait(), -SIGKILL);
		/* Links end with the process. Filters, before them, end with the lease. */
		if (!harness_has_kernel(6, 6))
			harness_sleep_ms(FASTPATH_LEASE_MS + 100);
		for (int j = 0; j < 10; j++)
			balancer_send_text(balancer, BALANCER_CLIENT, "is anybody there?");
		ck_assert_ptr_null(udp_receive_within(backend, 200));
		peer_close(backend);
		peer_close(balancer);
	}
	start_carried("");
	daemon_stop();
	kernel_relay_start("");
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
}
END_TEST

/* The main thread stands still: the kernel carries nothing when the lease is over, and no datagram
 * is lost, for they wait for the worker. */
START_TEST(a_daemon_that_stands_still_carries_nothing)
{
	start_carried("");
	daemon_pause();
	harness_sleep_ms(2500);
	balancer_send_text(balancer, BALANCER_CLIENT, "it waits");
	ck_assert_ptr_null(udp_receive_within(backend, 200));
	daemon_resume();
	udp_expect_text(backend, BALANCER_CLIENT, "it waits");
	kernel_relay_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

/* Start with all that the service manager keeps. */
static void start_managed(void)
{
	struct command command;

	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_path(DAEMON_CONFIG_NAME));
	manager_pass(&command);
	manager_forget();
	daemon_start_command(&command);
	manager_await("READY=1");
}

/* Connections go on in a child of the former daemon, and flows in the kernel's part of the next. */
START_TEST(a_restart_leaves_nothing_of_it_to_the_child)
{
	static char config[4096];
	int tcp_backend = peer_listen(BACKEND_V4);
	struct connection connection;
	pid_t child = 0;

	backend = udp_open(BACKEND_V4);
	balancer = balancer_open();
	/* The child is a child of this process then. */
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	manager_open();
	snprintf(config, sizeof(config),
		 "%sworkers = 2; drain_timeout = \"1h\"; log = { level = \"debug\"; };\n"
		 "listeners = ( { name = \"tcp\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS
		 "}, { name = \"t\"; protocol = \"udp\"; listen = \"" LISTEN_V4
		 "\"; udp_relay = \"kernel\"; " DAEMON_TARGETS DAEMON_PATIENT_UDP "} );\n",
		 admin_line());
	(void)daemon_write_config(config);
	start_managed();
	daemon_await_look();
	connection_open(&connection, tcp_backend, CONNECTION_CLIENT);
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	daemon_signal(SIGQUIT);
	ck_assert_int_eq(daemon_wait(), 0);
	(void)daemon_log_await("client=" BALANCER_CLIENT, "reason=shutdown", NULL);
	start_managed();
	kernel_relay_await(balancer, backend, BALANCER_CLIENT, 1);
	kernel_relay_check(balancer, backend, BALANCER_CLIENT);
	connection_check(&connection);
	connection_finish(&connection);
	HARNESS_AWAIT((child = waitpid(-1, NULL, WNOHANG)) > 0);
	kernel_relay_check(balancer, backend, BALANCER_CLIENT);
	daemon_signal(SIGTERM);
	(void)daemon_log_await("stopping: ", NULL, NULL);
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

/* ---- upgrades ---- */

/* What the former process had carried is in the line that its successor writes. */
START_TEST(an_upgrade_keeps_flows_and_counts)
{
	unsigned count = 0;

	backend = udp_open(BACKEND_V4);
	balancer = balancer_open();
	upgrade_prepare();
	kernel_relay_start("");
	for (int i = 0; i < 2; i++) {
		uint64_t before = kernel_relay_datagrams("carried_datagrams_total", "up");

		do {
			balancer_check(balancer, backend, BALANCER_CLIENT);
			count++;
		} while (kernel_relay_datagrams("carried_datagrams_total", "up") < before + 10);
		upgrade_daemon_idle();
	}
	ck_assert_uint_eq(daemon_log_count("reason=", NULL), 0);
	daemon_stop();
	kernel_relay_expect_end(BALANCER_CLIENT, "reason=shutdown", count, count);
}
END_TEST

START_TEST(upgrades_and_reloads_under_load_lose_nothing)
{
	enum { CLIENTS = 200 };
	pid_t echo = traffic_echo_datagrams(BACKEND_V4);
	pid_t clients;

	upgrade_prepare();
	daemon_start_config(kernel_relay_config(2, ""));
	clients = traffic_send_datagrams(CLIENTS, 0);
	for (int i = 0; i < 3; i++) {
		HARNESS_AWAIT(kernel_relay_metric("carried_flows") == CLIENTS);
		daemon_signal(SIGHUP);
		HARNESS_AWAIT(kernel_relay_metric("carried_flows") == CLIENTS);
		upgrade_daemon_idle();
	}
	HARNESS_AWAIT(kernel_relay_metric("carried_flows") == CLIENTS);
	ck_assert_uint_eq(udp_table_connected_to(8000), CLIENTS);
	traffic_stop(clients);
	traffic_stop(echo);
	ck_assert_uint_eq(daemon_log_count("reason=", NULL), 0);
	daemon_stop();
}
END_TEST

static Suite *udp_kernel_life_suite(void)
{
	Suite *suite = suite_create("net_udp_kernel_life");
	TCase *limits = harness_case(suite, "limits", 60);
	TCase *access = harness_case(suite, "access", 60);
	TCase *ends = harness_case(suite, "ends", 60);

	tcase_add_test(limits, a_busy_flow_is_not_idle);
	tcase_add_test(limits, the_flow_idle_longest_makes_room);
	tcase_add_test(access, a_denied_client_is_cut_at_once);
	tcase_add_test(access, a_kicked_client_begins_anew);
	tcase_add_test(access, a_balancer_that_may_no_more_is_cut);
	tcase_add_test(access, clients_that_may_no_more_are_cut);
	tcase_add_test(access, a_new_target_is_for_new_flows);
	tcase_add_test(access, a_reload_to_user_space_takes_them_back);
	tcase_add_test(access, a_process_that_began_without_it_needs_a_restart);
	tcase_add_test(ends, a_drain_goes_on_in_user_space);
	tcase_add_test(ends, a_killed_daemon_carries_nothing);
	tcase_add_test(ends, a_daemon_that_stands_still_carries_nothing);
	tcase_add_test(ends, a_restart_leaves_nothing_of_it_to_the_child);
	tcase_add_test(ends, an_upgrade_keeps_flows_and_counts);
	tcase_add_test(ends, upgrades_and_reloads_under_load_lose_nothing);
	return suite;
}

int main(void)
{
	return kernel_relay_run(udp_kernel_life_suite());
}
