/* SPDX-License-Identifier: BSD-2-Clause */
/* Health ports: open as long as the target accepts, and what HTTP gets there. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "health.h"
#include "netns.h"
#include "peer.h"
#include "tcp_table.h"

/* What a probe waits for an answer. */
#define PROBE_MS 2000

/* ---- answers ---- */

START_TEST(http_is_answered)
{
	static const char ok[] = "ok\nipv4: accepts\n";

	peer_listen(BACKEND_V4);
	health_start(HEALTH_ONLY_IPV4, "");
	HARNESS_AWAIT(health_is_open());
	health_assert_answer(health_ask(HEALTH_GET), 200, ok);
	health_assert_answer(health_ask("GET /any/path HTTP/1.0\r\n\r\n"), 200, ok);
	health_assert_answer(health_ask("OPTIONS / HTTP/1.0\r\n\r\n"), 200, ok);
	health_assert_answer(health_ask("HEAD / HTTP/1.1\r\n\r\n"), 200, "");
	health_assert_answer(health_ask("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), 405,
			     "GET, HEAD or OPTIONS\n");
	health_assert_answer(health_ask("what is this\r\n"), 400,
			     "this is not a request of HTTP/1\n");
}
END_TEST

START_TEST(a_request_in_pieces_is_answered)
{
	int fd;

	peer_listen(BACKEND_V4);
	health_start(HEALTH_ONLY_IPV4, "");
	HARNESS_AWAIT(health_is_open());
	fd = peer_connect(NULL, HEALTH);
	for (const char *at = HEALTH_GET; *at != '\0'; at++) {
		peer_send(fd, at, 1);
		peer_await_read(fd);
	}
	health_assert_answer(health_read_answer(fd), 200, "ok\nipv4: accepts\n");
}
END_TEST

/* As "nc -N" does: the question, then a FIN, then it reads. */
START_TEST(a_half_closed_question_is_answered)
{
	int fd;

	peer_listen(BACKEND_V4);
	health_start(HEALTH_ONLY_IPV4, "");
	HARNESS_AWAIT(health_is_open());
	fd = peer_connect(NULL, HEALTH);
	peer_send_text(fd, HEALTH_GET);
	peer_finish(fd);
	health_assert_answer(health_read_answer(fd), 200, "ok\nipv4: accepts\n");
}
END_TEST

/* ---- the target dies and comes back ---- */

/* Who asks then is told; after that the port refuses, until the target is back. */
START_TEST(a_dead_target_is_said_and_then_closes_the_port)
{
	const char *backend_addr = _i == 0 ? BACKEND_V4 : BACKEND_V6;
	const char *family = _i == 0 ? "ipv4" : "ipv6";
	char body[128];
	int backend;

	if (_i == 1 && !netns_has_ipv6())
		return;
	backend = peer_listen(backend_addr);
	health_start(_i == 0 ? HEALTH_ONLY_IPV4 : HEALTH_ONLY_IPV6, "");
	HARNESS_AWAIT(health_is_open());
	for (int round = 0; round < 2; round++) {
		peer_close(backend);
		health_let_result_expire();
		snprintf(body, sizeof(body), "backend_refused\n%s: backend_refused\n", family);
		health_assert_answer(health_ask(HEALTH_GET), 503, body);
		ck_assert_int_lt(peer_try_connect(NULL, HEALTH), 0);
		daemon_log_await("warn listener=t health=" HEALTH, backend_addr,
				 "reason=backend_refused");
		/* Nobody else can have the port meanwhile. */
		ck_assert(!health_is_open());
		backend = peer_listen(backend_addr);
		HARNESS_AWAIT(health_is_open());
		snprintf(body, sizeof(body), "ok\n%s: accepts\n", family);
		health_assert_answer(health_ask(HEALTH_GET), 200, body);
	}
	ck_assert_uint_eq(daemon_log_count("health=" HEALTH, "reason=backend_refused"), 2);
	ck_assert_uint_eq(daemon_log_count("health=" HEALTH, "port open"), 3);
}
END_TEST

/* Who only connects is a question too, for the benefit of the next. */
START_TEST(a_check_that_only_connects_is_refused_while_the_target_is_dead)
{
	int backend = peer_listen(BACKEND_V4);
	int fd;

	health_start(HEALTH_ONLY_IPV4, "");
	HARNESS_AWAIT(health_is_open());
	peer_close(peer_connect(NULL, HEALTH));
	peer_close(backend);
	health_let_result_expire();
	fd = peer_try_connect(NULL, HEALTH);
	if (fd >= 0)
		peer_close(fd);
	HARNESS_AWAIT(!health_is_open());
	ck_assert_int_lt(peer_try_connect(NULL, HEALTH), 0);
	peer_listen(BACKEND_V4);
	HARNESS_AWAIT(health_is_open());
	peer_close(peer_connect(NULL, HEALTH));
}
END_TEST

START_TEST(the_port_is_closed_until_the_target_has_accepted)
{
	health_start(HEALTH_ONLY_IPV4, "");
	daemon_log_await("warn listener=t health=" HEALTH, "reason=backend_refused", NULL);
	ck_assert_int_lt(peer_try_connect(NULL, HEALTH), 0);
	peer_listen(BACKEND_V4);
	HARNESS_AWAIT(health_is_open());
	health_assert_answer(health_ask(HEALTH_GET), 200, "ok\nipv4: accepts\n");
}
END_TEST

START_TEST(every_target_has_to_accept)
{
	int ipv6;

	if (!netns_has_ipv6())
		return;
	peer_listen(BACKEND_V4);
	health_start(DAEMON_TARGETS, "");
	daemon_log_await("health=" HEALTH, "backend=" BACKEND_V6, "reason=backend_refused");
	ck_assert(!health_is_open());
	ipv6 = peer_listen(BACKEND_V6);
	HARNESS_AWAIT(health_is_open());
	health_assert_answer(health_ask(HEALTH_GET), 200, "ok\nipv4: accepts\nipv6: accepts\n");
	peer_close(ipv6);
	health_let_result_expire();
	health_assert_answer(health_ask(HEALTH_GET), 503,
			     "backend_refused\nipv4: accepts\nipv6: backend_refused\n");
}
END_TEST

/* A queue without room: its kernel drops further SYNs. */
static void fill_queue(void)
{
	for (int i = 0; i < 4; i++)
		peer_begin_connect(NULL, BACKEND_V4);
}

/* One probe for all who ask, and an answer in time, whatever connect_timeout is. */
START_TEST(a_silent_target_is_a_timeout_for_all_who_ask)
{
	int askers[20];
	unsigned long opens;
	int64_t started;

	peer_listen_backlog(BACKEND_V4, 0);
	health_start(HEALTH_ONLY_IPV4, "connect_timeout = \"60s\";");
	HARNESS_AWAIT(health_is_open());
	fill_queue();
	health_let_result_expire();
	opens = health_active_opens();
	started = harness_now_ms();
	for (size_t i = 0; i < 20; i++)
		askers[i] = peer_connect(NULL, HEALTH);
	for (size_t i = 0; i < 20; i++)
		peer_send_text(askers[i], HEALTH_GET);
	for (size_t i = 0; i < 20; i++)
		health_assert_answer(health_read_answer(askers[i]), 503,
				     "backend_timeout\nipv4: backend_timeout\n");
	ck_assert_int_ge(harness_now_ms() - started, 1900);
	daemon_log_await("health=" HEALTH, "reason=backend_timeout", NULL);
	/* The first probe gets this answer; there may be another one when all that took long. */
	ck_assert_uint_le(health_active_opens() - opens,
			  20 + 1 + (unsigned long)(harness_now_ms() - started) / 1900);
}
END_TEST

/* The daemon stands still when the answer comes, and goes on when its patience is over. */
START_TEST(an_answer_that_came_in_time_is_read_late)
{
	int backend = peer_listen_backlog(BACKEND_V4, 0);
	bool in_time;

	health_start(HEALTH_ONLY_IPV4, "");
	do {
		int64_t asked;
		int fillers[2];
		int asker;

		HARNESS_AWAIT(health_is_open());
		peer_assert_no_connection(backend);
		fillers[0] = peer_connect(NULL, BACKEND_V4);
		fillers[1] = peer_begin_connect(NULL, BACKEND_V4);
		health_let_result_expire();
		asked = harness_now_ms();
		asker = peer_connect(NULL, HEALTH);
		peer_send_text(asker, HEALTH_GET);
		peer_await_read(asker);
		daemon_pause();
		in_time = harness_now_ms() - asked < PROBE_MS;
		peer_close(fillers[1]);
		peer_close(peer_accept(backend, NULL));
		peer_close(fillers[0]);
		/* The kernel asks again a second later, and in the end sends what the probe held
		 * back. */
		if (in_time)
			HARNESS_AWAIT(peer_is_readable(backend));
		while (harness_now_ms() - asked < PROBE_MS + 200)
			harness_sleep_ms(50);
		daemon_resume();
		if (in_time)
			health_assert_answer(health_read_answer(asker), 200, "ok\nipv4: accepts\n");
		else
			peer_close(asker);
	} while (!in_time);
}
END_TEST

/* How long the answer takes that a target without room in its queue gets. */
static int64_t time_silence(int backend)
{
	int fillers[4];
	int64_t took;

	HARNESS_AWAIT(health_is_open());
	for (size_t i = 0; i < 4; i++)
		fillers[i] = peer_begin_connect(NULL, BACKEND_V4);
	health_let_result_expire();
	took = harness_now_ms();
	health_assert_answer(health_ask(HEALTH_GET), 503,
			     "backend_timeout\nipv4: backend_timeout\n");
	took = harness_now_ms() - took;
	for (size_t i = 0; i < 4; i++)
		peer_close(fillers[i]);
	while (peer_is_readable(backend))
		peer_close(peer_accept(backend, NULL));
	return took;
}

/* Each answer takes longer with another timeout; with this one some do where the machine is slow.
 */
START_TEST(a_short_connect_timeout_holds)
{
	int backend = peer_listen_backlog(BACKEND_V4, 0);
	int64_t deadline = harness_now_ms() + 4 * harness_patience_ms();
	int64_t took;

	health_start(HEALTH_ONLY_IPV4, "connect_timeout = \"300ms\";");
	do {
		ck_assert_int_lt(harness_now_ms(), deadline);
		took = time_silence(backend);
		ck_assert_int_ge(took, 280);
	} while (took >= PROBE_MS - 100);
}
END_TEST

/* ---- start, reload and stop ---- */

/* Have the daemon read other keys, and wait until it says whether it serves them. */
static void reload(const char *targets, const char *keys, bool works)
{
	const char *level = works ? "info " : "error ";
	unsigned before = daemon_log_count(level, "reloaded");

	daemon_write_config(health_config(targets, keys));
	daemon_signal(SIGHUP);
	HARNESS_AWAIT(daemon_log_count(level, "reloaded") > before);
}

START_TEST(a_port_in_use_is_an_error)
{
	struct command command = {0};
	static struct command_result result;

	peer_listen(HEALTH);
	harness_write("t.conf", DAEMON_AS_ROOT "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4
					       "\"; " HEALTH_KEY HEALTH_ONLY_IPV4 " } );\n");
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_path("t.conf"));
	command_run(&command, &result);
	ck_assert_int_eq(result.exit_code, 1);
	ck_assert_ptr_nonnull(
	    strstr(result.err, "listener t: health: cannot bind " HEALTH ": Address already"));
}
END_TEST

START_TEST(a_reload_moves_the_port)
{
	int taken = peer_listen("127.0.0.1:8082");

	peer_listen(BACKEND_V4);
	daemon_start_config(health_config(HEALTH_ONLY_IPV4, ""));
	reload(HEALTH_ONLY_IPV4, HEALTH_KEY, true);
	HARNESS_AWAIT(health_is_open());
	/* One that fails leaves it. */
	reload(HEALTH_ONLY_IPV4, "health = { listen = \"127.0.0.1:8082\"; };", false);
	health_assert_answer(health_ask(HEALTH_GET), 200, "ok\nipv4: accepts\n");
	peer_close(taken);
	reload(HEALTH_ONLY_IPV4, "health = { listen = \"127.0.0.1:8082\"; };", true);
	HARNESS_AWAIT(tcp_table_count(8082, TCP_TABLE_LISTEN) == 1);
	ck_assert(!health_is_open());
	/* Another target, which is not there. */
	reload("targets = { ipv4 = \"127.0.0.1:8001\"; };",
	       "health = { listen = \"127.0.0.1:8082\"; };", true);
	HARNESS_AWAIT(tcp_table_count(8082, TCP_TABLE_LISTEN) == 0);
	daemon_log_await("health=127.0.0.1:8082", "backend=127.0.0.1:8001", "backend_refused");
	reload(HEALTH_ONLY_IPV4, "", true);
	peer_close(peer_listen("127.0.0.1:8082"));
}
END_TEST

/* Balancers go elsewhere while what is open may go on. */
START_TEST(a_drain_closes_the_port_first)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	int waiting;

	health_start(HEALTH_ONLY_IPV4, "");
	HARNESS_AWAIT(health_is_open());
	connection_open(&connection, backend, CONNECTION_CLIENT);
	waiting = peer_connect(NULL, HEALTH);
	peer_send_text(waiting, "GET / HTTP/1.1\r\n");
	peer_await_read(waiting);
	daemon_signal(SIGTERM);
	HARNESS_AWAIT(!health_is_open());
	ck_assert_int_lt(peer_try_connect(NULL, HEALTH), 0);
	peer_expect_closed(waiting);
	connection_check(&connection);
	connection_finish(&connection);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

static Suite *health_suite(void)
{
	Suite *suite = suite_create("net_health");
	TCase *answers = harness_case(suite, "answers", 60);
	TCase *targets = harness_case(suite, "targets", 60);
	TCase *ends = harness_case(suite, "ends", 60);

	tcase_add_test(answers, http_is_answered);
	tcase_add_test(answers, a_request_in_pieces_is_answered);
	tcase_add_test(answers, a_half_closed_question_is_answered);
	tcase_add_loop_test(targets, a_dead_target_is_said_and_then_closes_the_port, 0, 2);
	tcase_add_test(targets, a_check_that_only_connects_is_refused_while_the_target_is_dead);
	tcase_add_test(targets, the_port_is_closed_until_the_target_has_accepted);
	tcase_add_test(targets, every_target_has_to_accept);
	tcase_add_test(targets, a_silent_target_is_a_timeout_for_all_who_ask);
	tcase_add_test(targets, an_answer_that_came_in_time_is_read_late);
	tcase_add_test(targets, a_short_connect_timeout_holds);
	tcase_add_test(ends, a_port_in_use_is_an_error);
	tcase_add_test(ends, a_reload_moves_the_port);
	tcase_add_test(ends, a_drain_closes_the_port_first);
	return suite;
}

int main(void)
{
	return harness_run(health_suite());
}
