/* SPDX-License-Identifier: BSD-2-Clause */
/* Backends that do not answer, connections on which nothing happens, and keepalive. */
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "sender.h"
#include "tcp_table.h"

static struct connection connection;
static int backend;

static void open_one(const char *keys)
{
	backend = peer_listen(BACKEND_V4);
	daemon_start(keys);
	connection_open(&connection, backend, CONNECTION_CLIENT);
}

/* ---- connecting ---- */

START_TEST(a_refused_connection_resets_the_client)
{
	const char *who = _i == 0 ? CONNECTION_CLIENT : "[2001:db8::7]:40000";
	int client;

	if (_i == 1 && !netns_has_ipv6())
		return;
	daemon_start("");
	client = sender_open_v2(who);
	peer_expect_reset(client);
	daemon_log_await("warn listener=t", "reason=backend_refused", who);
	/* A backend that comes up serves the next client at once. */
	backend = peer_listen(_i == 0 ? BACKEND_V4 : BACKEND_V6);
	connection_try(backend, who);
}
END_TEST

/* A listener whose queue is full: the kernel drops further SYNs. */
static void listen_deaf(void)
{
	backend = peer_listen_backlog(BACKEND_V4, 0);
	for (int i = 0; i < 4; i++)
		peer_begin_connect(NULL, BACKEND_V4);
}

START_TEST(connect_timeout_resets_the_client)
{
	int64_t started;
	int client;

	listen_deaf();
	daemon_start("connect_timeout = \"400ms\";");
	started = harness_now_ms();
	client = sender_open_v1(CONNECTION_CLIENT);
	peer_expect_reset(client);
	ck_assert_int_ge(harness_now_ms() - started, 380);
	daemon_log_await("warn listener=t", "reason=backend_timeout", "client=" CONNECTION_CLIENT);
}
END_TEST

START_TEST(a_client_that_leaves_while_connecting_leaves_nothing)
{
	unsigned fds;
	int client;

	listen_deaf();
	daemon_start("connect_timeout = \"700ms\";");
	fds = daemon_fd_count();
	client = sender_open_v1(CONNECTION_CLIENT);
	HARNESS_AWAIT(daemon_fd_count() >= fds + 2);
	if (_i == 0)
		peer_close(client);
	else
		peer_reset(client);
	daemon_await_fd_count(fds);
	daemon_log_await("reason=", CONNECTION_CLIENT, NULL);
}
END_TEST

START_TEST(a_backend_that_answers_late_is_waited_for)
{
	struct addr ignored;
	int client;

	listen_deaf();
	daemon_start("connect_timeout = \"10s\";");
	client = sender_open_v1(CONNECTION_CLIENT);
	peer_send_text(client, "patience");
	peer_expect_silence(client, 200);
	/* Make room: the next SYN, after a second, gets through. */
	for (;;) {
		int server = peer_accept(backend, &ignored);

		if (addr_port(&ignored) == 40000) {
			peer_expect_text(server, "patience");
			break;
		}
		peer_close(server);
	}
}
END_TEST

/* ---- silence ---- */

START_TEST(idle_timeout_ends_both_sides)
{
	int64_t started;

	open_one("idle_timeout = \"400ms\";");
	connection_check(&connection);
	started = harness_now_ms();
	peer_expect_closed(connection.client);
	peer_expect_closed(connection.backend);
	ck_assert_int_ge(harness_now_ms() - started, 350);
	daemon_log_await("info ", "reason=idle_timeout", "client=" CONNECTION_CLIENT);
}
END_TEST

START_TEST(any_byte_puts_idle_timeout_off)
{
	int64_t started;

	open_one("idle_timeout = \"2s\";");
	started = harness_now_ms();
	/* Only one way, and altogether longer than the timeout. */
	for (int i = 0; i < 26; i++) {
		peer_send_text(_i == 0 ? connection.client : connection.backend, "x");
		peer_expect_text(_i == 0 ? connection.backend : connection.client, "x");
		harness_sleep_ms(100);
	}
	connection_check(&connection);
	ck_assert_int_ge(harness_now_ms() - started, 2600);
}
END_TEST

START_TEST(without_idle_timeout_silence_is_fine)
{
	open_one("idle_timeout = 0; header_timeout = \"100ms\"; connect_timeout = \"100ms\"; "
		 "half_close_timeout = \"100ms\";");
	peer_expect_silence(connection.client, 400);
	connection_check(&connection);
}
END_TEST

START_TEST(half_close_timeout_ends_a_silent_half)
{
	int quiet;
	int64_t started;

	open_one("half_close_timeout = \"400ms\";");
	connection_check(&connection);
	started = harness_now_ms();
	peer_finish(_i == 0 ? connection.client : connection.backend);
	quiet = _i == 0 ? connection.backend : connection.client;
	peer_expect_end(quiet);
	daemon_log_await("info ", "reason=half_close_timeout", "client=" CONNECTION_CLIENT);
	ck_assert_int_ge(harness_now_ms() - started, 350);
	peer_expect_closed(_i == 0 ? connection.client : connection.backend);
}
END_TEST

START_TEST(a_half_that_moves_is_not_timed_out)
{
	int quiet;
	int64_t started;

	open_one("half_close_timeout = \"2s\";");
	peer_finish(connection.client);
	quiet = connection.backend;
	peer_expect_end(quiet);
	started = harness_now_ms();
	for (int i = 0; i < 26; i++) {
		peer_send_text(quiet, "x");
		peer_expect_text(connection.client, "x");
		harness_sleep_ms(100);
	}
	ck_assert_int_ge(harness_now_ms() - started, 2600);
	peer_close(quiet);
	peer_expect_end(connection.client);
	daemon_log_await("reason=done", NULL, NULL);
}
END_TEST

/* ---- keepalive ---- */

/* The timer of the daemon's socket between these two; 0 when none runs. */
static unsigned long keepalive_ms(const char *local, const char *remote)
{
	struct addr from = peer_addr(local);
	struct addr to = peer_addr(remote);
	struct tcp_table_row row;

	/* Retransmission comes first in this column while a byte is on its way. */
	do
		ck_assert_msg(tcp_table_find(&from, &to, &row), "no socket %s", local);
	while (row.timer == TCP_TIMER_RETRANSMIT);
	return row.timer == TCP_TIMER_KEEPALIVE ? row.timer_ms : 0;
}

/* The timers of both sides; 0: none. */
static void expect_keepalive(unsigned long max_ms)
{
	char client[64];

	snprintf(client, sizeof(client), "127.0.0.1:%u", peer_local_port(connection.client));
	if (max_ms > 0) {
		HARNESS_AWAIT(keepalive_ms(LISTEN_V4, client) > 0);
		HARNESS_AWAIT(keepalive_ms(CONNECTION_CLIENT, BACKEND_V4) > 0);
	}
	ck_assert_uint_le(keepalive_ms(LISTEN_V4, client), max_ms);
	ck_assert_uint_le(keepalive_ms(CONNECTION_CLIENT, BACKEND_V4), max_ms);
}

START_TEST(keepalive_watches_both_sides)
{
	open_one("tcp_keepalive = \"1s\";");
	expect_keepalive(1000);
	connection_check(&connection);
	/* Probes that are answered end nothing. */
	harness_sleep_ms(2500);
	expect_keepalive(1000);
	connection_check(&connection);
}
END_TEST

START_TEST(keepalive_waits_for_its_time)
{
	open_one(_i == 0 ? "" : "tcp_keepalive = 0;");
	connection_check(&connection);
	harness_sleep_ms(1500);
	expect_keepalive(0);
}
END_TEST

START_TEST(keepalive_finds_a_side_that_has_vanished)
{
	int64_t started;

	open_one("tcp_keepalive = \"1s\";");
	connection_check(&connection);
	started = harness_now_ms();
	peer_vanish(_i == 0 ? connection.client : connection.backend);
	peer_expect_reset(_i == 0 ? connection.backend : connection.client);
	ck_assert_int_ge(harness_now_ms() - started, 500);
	daemon_log_await(_i == 0 ? "reason=client_reset" : "reason=backend_reset", NULL, NULL);
}
END_TEST

static Suite *timeouts_suite(void)
{
	Suite *suite = suite_create("net_timeouts");
	TCase *connecting = harness_case(suite, "connecting", 60);
	TCase *silence = harness_case(suite, "silence", 60);
	TCase *keepalive = harness_case(suite, "keepalive", 60);

	tcase_add_loop_test(connecting, a_refused_connection_resets_the_client, 0, 2);
	tcase_add_test(connecting, connect_timeout_resets_the_client);
	tcase_add_loop_test(connecting, a_client_that_leaves_while_connecting_leaves_nothing, 0, 2);
	tcase_add_test(connecting, a_backend_that_answers_late_is_waited_for);
	tcase_add_test(silence, idle_timeout_ends_both_sides);
	tcase_add_loop_test(silence, any_byte_puts_idle_timeout_off, 0, 2);
	tcase_add_test(silence, without_idle_timeout_silence_is_fine);
	tcase_add_loop_test(silence, half_close_timeout_ends_a_silent_half, 0, 2);
	tcase_add_test(silence, a_half_that_moves_is_not_timed_out);
	tcase_add_test(keepalive, keepalive_watches_both_sides);
	tcase_add_loop_test(keepalive, keepalive_waits_for_its_time, 0, 2);
	tcase_add_loop_test(keepalive, keepalive_finds_a_side_that_has_vanished, 0, 2);
	return suite;
}

int main(void)
{
	return harness_run(timeouts_suite());
}
