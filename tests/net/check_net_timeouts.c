/* SPDX-License-Identifier: BSD-2-Clause */
/* Backends that do not answer, connections on which nothing happens, and keepalive. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "sender.h"
#include "tcp_table.h"

/*
 * How early a timer may come: the daemon takes the kernel's coarse clock, which is five ticks of 10
 * ms late when the processor that counts them stands still.
 */
#define TICKS_MS 100

/* A deadline that a busy machine may miss is doubled up to here. */
#define DEADLINE_MAX_MS 60000

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
	ck_assert_int_ge(harness_now_ms() - started, 400 - TICKS_MS);
	daemon_log_await("warn listener=t", "reason=backend_timeout", "client=" CONNECTION_CLIENT);
}
END_TEST

START_TEST(a_client_that_leaves_while_connecting_leaves_nothing)
{
	unsigned fds;
	int client;

	listen_deaf();
	/* Until this is over the client is not looked at. */
	daemon_start("connect_timeout = \"700ms\";");
	fds = daemon_fd_count();
	client = sender_open_v1(CONNECTION_CLIENT);
	daemon_log_await("step=connecting", CONNECTION_CLIENT, NULL);
	if (_i == 0)
		peer_close(client);
	else
		peer_reset(client);
	daemon_log_await("reason=backend_timeout", CONNECTION_CLIENT, NULL);
	daemon_await_fd_count(fds);
}
END_TEST

START_TEST(a_backend_that_answers_late_is_waited_for)
{
	const struct addr wanted = peer_addr(CONNECTION_CLIENT);
	struct addr from;
	int client;

	listen_deaf();
	daemon_start("");
	client = sender_open_v1(CONNECTION_CLIENT);
	peer_send_text(client, "patience");
	peer_expect_silence(client, 200);
	/* Make room: the next SYN, after a second, gets through. */
	for (;;) {
		int server = peer_accept(backend, &from);

		if (addr_equal(&from, &wanted)) {
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

	backend = peer_listen(BACKEND_V4);
	daemon_start("idle_timeout = \"400ms\";");
	started = harness_now_ms();
	connection_open(&connection, backend, CONNECTION_CLIENT);
	peer_expect_closed(connection.client);
	peer_expect_closed(connection.backend);
	ck_assert_int_ge(harness_now_ms() - started, 400 - TICKS_MS);
	daemon_log_await("info ", "reason=idle_timeout", "client=" CONNECTION_CLIENT);
}
END_TEST

/*
 * Send a byte now and then, for longer than a timeout that runs since a moment at the earliest.
 * None may be lost, unless two were further apart than the timeout, since the machine was busy
 * elsewhere: then the answer is false, and nothing is known.
 */
static bool pass_bytes(int from, int to, int timeout_ms, int64_t since)
{
	const int64_t end = harness_now_ms() + timeout_ms + timeout_ms / 3;
	int64_t sent = since;
	char byte = 'x';

	while (harness_now_ms() < end) {
		int64_t last = sent;
		bool passed;

		sent = harness_now_ms();
		passed = send(from, &byte, 1, MSG_NOSIGNAL) == 1 &&
			 peer_poll(to, POLLIN, harness_patience_ms()) != 0 &&
			 recv(to, &byte, 1, 0) == 1;
		if (harness_now_ms() - last >= timeout_ms - TICKS_MS)
			return false;
		ck_assert_msg(passed, "cut %lld ms after a byte, whose timeout is %d ms",
			      (long long)(harness_now_ms() - last), timeout_ms);
		harness_sleep_ms(timeout_ms / 20);
	}
	return true;
}

/* The daemon again, with a longer timeout than this one. */
static void start_over(int timeout_ms)
{
	ck_assert_int_lt(timeout_ms, DEADLINE_MAX_MS);
	peer_close_all();
	daemon_stop();
}

static bool goes_on_by_any_byte(bool up, int timeout_ms)
{
	int64_t began = harness_now_ms();
	char keys[64];

	snprintf(keys, sizeof(keys), "idle_timeout = \"%dms\";", timeout_ms);
	open_one(keys);
	return pass_bytes(up ? connection.client : connection.backend,
			  up ? connection.backend : connection.client, timeout_ms, began);
}

START_TEST(any_byte_puts_idle_timeout_off)
{
	int timeout_ms = 2000;

	for (; !goes_on_by_any_byte(_i == 0, timeout_ms); timeout_ms *= 2)
		start_over(timeout_ms);
}
END_TEST

/* Open a connection whose header and backend meet their deadlines; false: the machine is too slow.
 */
static bool is_open_in_time(int deadline_ms)
{
	static struct sender_header header;
	unsigned ends = daemon_log_count("reason=", NULL);
	char keys[256];

	snprintf(keys, sizeof(keys),
		 "idle_timeout = 0; header_timeout = \"%dms\"; connect_timeout = \"%dms\"; "
		 "half_close_timeout = \"%dms\";",
		 deadline_ms, deadline_ms, deadline_ms);
	backend = peer_listen(BACKEND_V4);
	daemon_start(keys);
	sender_v1(&header, CONNECTION_CLIENT, NULL);
	connection.client = peer_connect("127.0.0.1:0", LISTEN_V4);
	/* It fails when the deadline is over already. */
	(void)!send(connection.client, header.bytes, header.len, MSG_NOSIGNAL);
	HARNESS_AWAIT(daemon_log_count("step=connected", NULL) > 0 ||
		      daemon_log_count("reason=", NULL) > ends);
	return daemon_log_count("step=connected", NULL) > 0;
}

START_TEST(deadlines_end_with_what_they_are_for)
{
	int deadline_ms = 100;

	for (; !is_open_in_time(deadline_ms); deadline_ms *= 2)
		start_over(deadline_ms);
	connection.backend = peer_accept_from(backend, CONNECTION_CLIENT);
	peer_expect_silence(connection.client, 4 * deadline_ms);
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
	ck_assert_int_ge(harness_now_ms() - started, 400 - TICKS_MS);
	peer_expect_closed(_i == 0 ? connection.client : connection.backend);
}
END_TEST

static bool half_goes_on(int timeout_ms)
{
	char keys[64];
	int64_t finished;

	snprintf(keys, sizeof(keys), "half_close_timeout = \"%dms\";", timeout_ms);
	open_one(keys);
	finished = harness_now_ms();
	peer_finish(connection.client);
	peer_expect_end(connection.backend);
	return pass_bytes(connection.backend, connection.client, timeout_ms, finished);
}

START_TEST(a_half_that_moves_is_not_timed_out)
{
	int timeout_ms = 2000;

	for (; !half_goes_on(timeout_ms); timeout_ms *= 2)
		start_over(timeout_ms);
	peer_close(connection.backend);
	peer_expect_closed(connection.client);
	daemon_log_await("reason=", CONNECTION_CLIENT, NULL);
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
	/* Before the last byte, which the time of silence counts from. */
	started = harness_now_ms();
	connection_check(&connection);
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
	tcase_add_test(silence, deadlines_end_with_what_they_are_for);
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
