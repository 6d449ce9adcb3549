/* SPDX-License-Identifier: BSD-2-Clause */
/* --status: the table of the running daemon, its sessions, and what is said when there is none. */
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin.h"
#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "http.h"
#include "peer.h"

#define LISTENERS                                                                      \
	"workers = 2; log = { level = \"debug\"; }; drain_timeout = \"100ms\";\n"      \
	"listeners = ( { name = \"web\"; listen = [ \"" LISTEN_V4                      \
	"\", \"127.0.0.1:7100-7109\" ]; " DAEMON_TARGETS " max_connections = 50; },\n" \
	"{ name = \"game-server\"; protocol = \"udp\"; listen = \"" LISTEN_V4          \
	"\"; " DAEMON_TARGETS " } );\n"

/* A series of the listener "web" with another label. */
#define WEB(name, label) name "{listener=\"web\"," label "}"

static struct command_result result;

static void expect_in(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

/* ---- what it shows ---- */

START_TEST(a_table_of_listeners)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	int udp_backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	admin_start_config(LISTENERS);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	peer_send_text(connection.client, "0123456789");
	peer_expect_text(connection.backend, "0123456789");
	balancer_check(balancer, udp_backend, BALANCER_CLIENT);
	peer_expect_reset(sender_open_v1("0.0.0.0:1"));
	/* Those counts are made behind what is seen here. */
	admin_await_metric(WEB("mmproxy_connections_closed_total", "reason=\"source_invalid\""), 1);
	HARNESS_AWAIT(admin_metric("mmproxy_connections_active{listener=\"web\"}") == 1);
	admin_await_metric(WEB("mmproxy_bytes_total", "direction=\"up\""), 10);
	admin_run(&result, "--status", NULL);
	ck_assert_msg(result.exit_code == 0, "%s", result.err);
	expect_in(result.out, "mmproxy " PACKAGE_VERSION ", pid ");
	expect_in(result.out, "\nLISTENER     PROTOCOL  ACTIVE  ");
	expect_in(result.out, "\nweb          tcp            1  ");
	expect_in(result.out, "\ngame-server  udp            1  ");
	expect_in(result.out, "10 B");
	expect_in(result.out, "\nweb       source_invalid            1          0  "
			      "the header names a source address that cannot be used\n");
	/* No colours, and no space at the ends of lines. */
	ck_assert_ptr_null(strchr(result.out, '\033'));
	ck_assert_ptr_null(strstr(result.out, " \n"));
}
END_TEST

START_TEST(json_has_all_of_it)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	int udp_backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	admin_start_config(LISTENERS);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	connection_check(&connection);
	balancer_check(balancer, udp_backend, BALANCER_CLIENT);
	balancer_send_text(balancer, "0.0.0.0:1", "x");
	admin_await_metric(WEB("mmproxy_bytes_total", "direction=\"up\""), 2);
	admin_await_metric(WEB("mmproxy_bytes_total", "direction=\"down\""), 4);
	admin_await_metric("mmproxy_udp_datagrams_total{listener=\"game-server\",direction=\"up\"}",
			   1);
	admin_await_metric(
	    "mmproxy_udp_datagrams_total{listener=\"game-server\",direction=\"down\"}", 1);
	admin_await_metric(
	    "mmproxy_udp_dropped_total{listener=\"game-server\",reason=\"source_invalid\"}", 1);
	admin_run(&result, "--status", "--json", NULL);
	ck_assert_int_eq(result.exit_code, 0);
	admin_check_json(result.out, "d['version'] == '" PACKAGE_VERSION "' and d['workers'] == 2");
	admin_check_json(result.out, "d['pid'] > 1 and d['uptime_s'] >= 0 and "
				     "d['started'].endswith('Z')");
	admin_check_json(result.out,
			 "[l['name'] for l in d['listeners']] == ['web', 'game-server']");
	admin_check_json(result.out,
			 "d['listeners'][0]['listen'] == ['127.0.0.1:7000', "
			 "'127.0.0.1:7100-7109'] and d['listeners'][0]['targets'] == {'ipv4': "
			 "'127.0.0.1:8000', 'ipv6': '[::1]:8000'}");
	admin_check_json(result.out, "d['listeners'][0]['active'] == 1 and "
				     "d['listeners'][0]['limit'] == 50 and "
				     "d['listeners'][0]['opened'] == 1");
	admin_check_json(result.out, "d['listeners'][0]['bytes']['up'] > 0 and "
				     "d['listeners'][0]['bytes']['down'] > 0");
	admin_check_json(result.out, "d['listeners'][1]['datagrams'] == {'up': 1, 'down': 1} and "
				     "d['listeners'][1]['dropped'] == {'source_invalid': 1}");
	admin_check_json(result.out, "d['denied'] == [] and d['reloads'] == {'succeeded': 0, "
				     "'failed': 0, 'last': None}");
	admin_check_json(result.out, "0 < d['descriptors']['open'] < d['descriptors']['limit']");
}
END_TEST

START_TEST(rates_are_of_the_last_seconds)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	static char bytes[100000];
	int64_t deadline = harness_now_ms() + harness_patience_ms();

	admin_start_config(LISTENERS);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	/* Until a sample has seen it. */
	while (strstr(http_get(admin_path(), "/status?format=table"), "iB/s") == NULL) {
		ck_assert_int_lt(harness_now_ms(), deadline);
		peer_send(connection.client, bytes, sizeof(bytes));
		peer_expect(connection.backend, bytes, sizeof(bytes));
		harness_sleep_ms(100);
	}
	admin_check_json(http_get(admin_path(), "/status"),
			 "0 < d['listeners'][0]['rates']['bytes_up'] <= "
			 "d['listeners'][0]['bytes']['up'] and "
			 "d['listeners'][1]['rates']['bytes_up'] == 0");
	/* What is over is over: ten seconds later there is none. */
	deadline = harness_now_ms() + harness_patience_ms() + 10000;
	while (strstr(http_get(admin_path(), "/status?format=table"), "iB/s") != NULL) {
		ck_assert_int_lt(harness_now_ms(), deadline);
		harness_sleep_ms(100);
	}
}
END_TEST

START_TEST(the_busiest_sessions_come_first)
{
	struct connection connections[5];
	int backend = peer_listen(BACKEND_V4);
	int udp_backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	static char bytes[20000];

	admin_start_config(LISTENERS);
	for (unsigned i = 0; i < 5; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.%u:20000", i);
		connection_open(&connections[i], backend, who);
		peer_send(connections[i].client, bytes, 1000 * (i + 1));
		peer_expect(connections[i].backend, bytes, 1000 * (i + 1));
		/* More than a tick, so that the first one is the oldest. */
		harness_sleep_ms(i == 0 ? 50 : 0);
	}
	balancer_check(balancer, udp_backend, BALANCER_CLIENT);
	/* One that is nobody's yet. */
	peer_connect("127.0.0.1:0", LISTEN_V4);
	HARNESS_AWAIT(admin_metric("mmproxy_connections_active{listener=\"web\"}") == 6);
	admin_run(&result, "--status", "--sessions", "--json", NULL);
	ck_assert_int_eq(result.exit_code, 0);
	admin_check_json(result.out, "[s['client'] for s in d['sessions'][:5]] == "
				     "['203.0.113.%d:20000' % i for i in (4, 3, 2, 1, 0)]");
	admin_check_json(result.out, "len(d['sessions']) == 7 and [s['bytes_up'] for s in "
				     "d['sessions'][:5]] == [5000, 4000, 3000, 2000, 1000]");
	admin_check_json(result.out, "[s['protocol'] for s in d['sessions']].count('udp') == 1");
	admin_check_json(result.out,
			 "d['sessions'][6]['state'] == 'header' and d['sessions'][6]['client'] is "
			 "None and d['sessions'][6]['backend'] is None");
	admin_check_json(result.out, "all(s['peer'].startswith('127.0.0.1:') for s in "
				     "d['sessions']) and d['sessions'][0]['backend'] == "
				     "'127.0.0.1:8000'");
	admin_check_json(http_get(admin_path(), "/sessions?limit=1&by=age"),
			 "[s['client'] for s in d['sessions']] == ['203.0.113.0:20000']");
	admin_check_json(http_get(admin_path(), "/sessions?limit=7&by=age"),
			 "[s['age_ms'] for s in d['sessions']] == sorted((s['age_ms'] for s in "
			 "d['sessions']), reverse=True)");
	admin_check_json(http_get(admin_path(), "/sessions?limit=7&by=idle"),
			 "[s['idle_ms'] for s in d['sessions']] == sorted((s['idle_ms'] for s in "
			 "d['sessions']), reverse=True)");
	admin_check_json(http_get(admin_path(), "/sessions?limit=3"), "len(d['sessions']) == 3");
	admin_run(&result, "--status", "--sessions", NULL);
	expect_in(result.out, "CLIENT             LISTENER     PROTOCOL  STATE     ");
	expect_in(result.out, "203.0.113.4:20000  web          tcp       relaying  4.9 KiB");
}
END_TEST

#define MANY 8

/* Whichever worker comes late, and however late. */
START_TEST(ages_of_different_workers_are_of_one_moment)
{
	static const char request[] = "GET /sessions?limit=8&by=age HTTP/1.1\r\nHost: test\r\n\r\n";
	struct connection connections[MANY];
	int backend = peer_listen(BACKEND_V4);
	struct http_answer answer;
	pid_t workers[8];
	int fd;

	if (daemon_is_wrapped())
		return;
	admin_start_config(LISTENERS);
	daemon_await_look();
	for (unsigned i = 0; i < MANY; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.%u:20000", i);
		connection_open(&connections[i], backend, who);
		/* More than a tick. */
		harness_sleep_ms(20);
	}
	HARNESS_AWAIT(daemon_worker_threads(workers, 8) == 2);
	ck_assert_int_eq(ptrace(PTRACE_ATTACH, workers[_i], NULL, NULL), 0);
	ck_assert_int_eq(waitpid(workers[_i], NULL, __WALL), workers[_i]);
	fd = http_connect(admin_path());
	ck_assert_int_gt(send(fd, request, strlen(request), MSG_NOSIGNAL), 0);
	harness_sleep_ms(500);
	ck_assert_int_eq(ptrace(PTRACE_DETACH, workers[_i], NULL, NULL), 0);
	http_read(fd, &answer);
	ck_assert_int_eq(answer.code, 200);
	admin_check_json(answer.body, "[s['client'] for s in d['sessions']] == "
				      "['203.0.113.%d:20000' % i for i in range(8)]");
	admin_check_json(answer.body,
			 "[s['age_ms'] for s in d['sessions']] == sorted((s['age_ms'] for s in "
			 "d['sessions']), reverse=True)");
}
END_TEST

static bool is_shown_twice(void)
{
	char *text = harness_read(harness_path("watched"));
	const char *first = strstr(text, "LISTENER");
	bool twice = first != NULL && strstr(first + 1, "LISTENER") != NULL;

	free(text);
	return twice;
}

START_TEST(watch_shows_it_again_and_again)
{
	struct command command;
	FILE *out;
	char *text;
	pid_t child;
	int status;

	admin_start_config(LISTENERS);
	out = fopen(harness_path("watched"), "w");
	ck_assert_ptr_nonnull(out);
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_path(DAEMON_CONFIG_NAME));
	command_add(&command, "--status");
	command_add(&command, "--watch");
	child = command_start(&command, fileno(out), fileno(out));
	fclose(out);
	while (!is_shown_twice())
		harness_sleep_ms(50);
	ck_assert_int_eq(kill(child, SIGINT), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	text = harness_read(harness_path("watched"));
	ck_assert_ptr_null(strchr(text, '\033'));
	free(text);
}
END_TEST

/* ---- what it says instead ---- */

static void expect_failure(const char *why)
{
	ck_assert_int_eq(result.exit_code, 1);
	ck_assert_str_eq(result.out, "");
	expect_in(result.err, why);
}

START_TEST(without_a_key_it_says_which)
{
	daemon_start("");
	admin_run(&result, "--status", NULL);
	expect_failure("has no admin.listen");
}
END_TEST

START_TEST(without_a_daemon_it_says_where_it_looked)
{
	char why[512];

	admin_start("tcp", "");
	daemon_stop();
	admin_run(&result, "--status", NULL);
	snprintf(why, sizeof(why), "nobody listens on %s: mmproxy does not run", admin_path());
	expect_failure(why);
}
END_TEST

START_TEST(by_an_address_nothing_can_be_changed)
{
	daemon_start_config("admin = { listen = \"127.0.0.1:9145\"; };\n" LISTENERS);
	admin_run(&result, "--status", NULL);
	ck_assert_int_eq(result.exit_code, 0);
	expect_in(result.out, "game-server");
	admin_run(&result, "--deny", "192.0.2.1", NULL);
	expect_failure("/deny is taken by a UNIX socket only.");
	daemon_stop();
	admin_run(&result, "--status", NULL);
	expect_failure("nobody listens on 127.0.0.1:9145");
}
END_TEST

/* Without CAP_DAC_OVERRIDE root is asked for permission as anybody else. */
START_TEST(without_permission_it_says_who_has_it)
{
	struct command command;

	admin_start("tcp", "");
	ck_assert_int_eq(chmod(admin_path(), 0), 0);
	daemon_command(&command);
	command.dropped_caps = UINT64_C(1) << CAP_DAC_OVERRIDE;
	command_add(&command, "-c");
	command_add(&command, harness_path(DAEMON_CONFIG_NAME));
	command_add(&command, "--status");
	command_run(&command, &result);
	expect_failure("permission denied; run this as root, as the user root or as a member of "
		       "the group root");
}
END_TEST

START_TEST(what_is_no_answer_is_said_to_be_none)
{
	int listener = peer_listen("127.0.0.1:9145");
	struct command command = {0};
	int fds[2];
	char text[1024] = "";
	pid_t child;
	int status;
	int fd;

	daemon_write_config("admin = { listen = \"127.0.0.1:9145\"; };\n" LISTENERS);
	ck_assert_int_eq(pipe(fds), 0);
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_path(DAEMON_CONFIG_NAME));
	command_add(&command, "--status");
	child = command_start(&command, fds[1], fds[1]);
	close(fds[1]);
	fd = peer_accept(listener, NULL);
	peer_send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
	peer_finish(fd);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	for (ssize_t got, len = 0;
	     (got = read(fds[0], text + len, sizeof(text) - 1 - (size_t)len)) > 0;)
		len += got;
	close(fds[0]);
	expect_in(text, "is not whole");
}
END_TEST

START_TEST(flags_that_do_not_fit_are_refused)
{
	static const char *const alone[] = {"--sessions", "--watch", "--json"};

	admin_start("tcp", "");
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
		admin_run(&result, alone[i], NULL);
		ck_assert_int_eq(result.exit_code, 2);
		expect_in(result.err, "goes with --status");
	}
	admin_run(&result, "--status=x", NULL);
	ck_assert_int_eq(result.exit_code, 2);
	admin_run(&result, "--status", "-t", NULL);
	ck_assert_int_eq(result.exit_code, 2);
}
END_TEST

static Suite *status_suite(void)
{
	Suite *suite = suite_create("net_status");
	TCase *shows = harness_case(suite, "shows", 90);
	TCase *says = harness_case(suite, "says", 60);

	tcase_add_test(shows, a_table_of_listeners);
	tcase_add_test(shows, json_has_all_of_it);
	tcase_add_test(shows, rates_are_of_the_last_seconds);
	tcase_add_test(shows, the_busiest_sessions_come_first);
	tcase_add_loop_test(shows, ages_of_different_workers_are_of_one_moment, 0, 2);
	tcase_add_test(shows, watch_shows_it_again_and_again);
	tcase_add_test(says, without_a_key_it_says_which);
	tcase_add_test(says, without_a_daemon_it_says_where_it_looked);
	tcase_add_test(says, by_an_address_nothing_can_be_changed);
	tcase_add_test(says, without_permission_it_says_who_has_it);
	tcase_add_test(says, what_is_no_answer_is_said_to_be_none);
	tcase_add_test(says, flags_that_do_not_fit_are_refused);
	return suite;
}

int main(void)
{
	return harness_run(status_suite());
}
