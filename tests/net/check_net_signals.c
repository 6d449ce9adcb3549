/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals: draining, stopping, and all those that must not end the process. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "tcp_table.h"

static void start(const char *drain_timeout, int workers)
{
	char config[512];

	snprintf(config, sizeof(config),
		 "workers = %d;\ndrain_timeout = %s;\nlog = { level = \"debug\"; };\n"
		 "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS
		 " } );\n",
		 workers, drain_timeout);
	daemon_start_config(config);
}

static const int stopping[] = {SIGTERM, SIGINT};

START_TEST(an_idle_daemon_stops_at_once)
{
	start("\"1h\"", 2);
	daemon_signal(stopping[_i]);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

START_TEST(stopping_waits_for_open_connections)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	start("\"1h\"", 2);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	daemon_signal(stopping[_i]);
	HARNESS_AWAIT(tcp_table_count(7000, TCP_TABLE_LISTEN) == 0);
	ck_assert_int_lt(peer_try_connect(NULL, LISTEN_V4), 0);
	ck_assert_int_eq(errno, ECONNREFUSED);
	connection_check(&connection);
	daemon_assert_alive();
	connection_check(&connection);
	connection_finish(&connection);
	ck_assert_int_eq(daemon_wait(), 0);
	ck_assert_uint_eq(daemon_log_count("reason=done", CONNECTION_CLIENT), 1);
}
END_TEST

START_TEST(a_second_signal_stops_at_once)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	start("\"1h\"", 1);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	daemon_signal(SIGTERM);
	HARNESS_AWAIT(tcp_table_count(7000, TCP_TABLE_LISTEN) == 0);
	daemon_signal(stopping[_i]);
	peer_expect_closed(connection.client);
	peer_expect_closed(connection.backend);
	ck_assert_int_eq(daemon_wait(), 0);
	ck_assert_uint_eq(daemon_log_count("reason=shutdown", CONNECTION_CLIENT), 1);
}
END_TEST

START_TEST(drain_timeout_ends_what_is_left)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	int silent;

	start("\"300ms\"", 2);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	silent = peer_connect("127.0.0.1:0", LISTEN_V4);
	daemon_log_await("step=accepted", NULL, NULL);
	daemon_signal(SIGTERM);
	peer_expect_closed(connection.client);
	peer_expect_closed(connection.backend);
	peer_expect_closed(silent);
	ck_assert_int_eq(daemon_wait(), 0);
	ck_assert_uint_eq(daemon_log_count("reason=shutdown", CONNECTION_CLIENT), 1);
}
END_TEST

static const int harmless[] = {SIGHUP, SIGUSR1, SIGPIPE};

enum { HARMLESS = sizeof(harmless) / sizeof(harmless[0]) };

START_TEST(other_signals_end_nothing)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	start("\"1s\"", 2);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	for (int i = 0; i < 20; i++) {
		daemon_signal(harmless[_i]);
		connection_check(&connection);
	}
	connection_finish(&connection);
	connection_try(backend, "203.0.113.8:40000");
	daemon_assert_alive();
}
END_TEST

START_TEST(a_storm_of_signals_ends_nothing)
{
	int backend = peer_listen(BACKEND_V4);

	start("\"1s\"", 2);
	for (unsigned i = 0; i < 200; i++) {
		char who[64];

		daemon_signal(harmless[i % HARMLESS]);
		snprintf(who, sizeof(who), "203.0.113.7:%u", 20000 + i);
		connection_try(backend, who);
	}
	daemon_assert_alive();
}
END_TEST

static Suite *signals_suite(void)
{
	Suite *suite = suite_create("net_signals");
	TCase *stop = harness_case(suite, "stop", 60);
	TCase *others = harness_case(suite, "others", 60);

	tcase_add_loop_test(stop, an_idle_daemon_stops_at_once, 0, 2);
	tcase_add_loop_test(stop, stopping_waits_for_open_connections, 0, 2);
	tcase_add_loop_test(stop, a_second_signal_stops_at_once, 0, 2);
	tcase_add_test(stop, drain_timeout_ends_what_is_left);
	tcase_add_loop_test(others, other_signals_end_nothing, 0, HARMLESS);
	tcase_add_test(others, a_storm_of_signals_ends_nothing);
	return suite;
}

int main(void)
{
	return harness_run(signals_suite());
}
