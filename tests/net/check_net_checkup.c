/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's own look at the way to its targets and back, and what the log says of it. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "balancer.h"
#include "command.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "manager.h"
#include "netns.h"
#include "peer.h"
#include "routes.h"
#include "sender.h"
#include "tcp_table.h"
#include "udp.h"
#include "upgrade.h"

/* At debug, at the end of each look. */
#define LOOKED "looked at the way "

#define LOUD	   DAEMON_AS_ROOT "workers = 1;\nlog = { level = \"debug\"; };\n"
#define HEAD	   LOUD "drain_timeout = \"100ms\";\n"
#define LONG_DRAIN LOUD "drain_timeout = \"1h\";\n"
#define TCP_BLOCK(keys)                                           \
	"{ name = \"t\"; listen = \"" LISTEN_V4 "\"; targets = {" \
	" ipv4 = \"127.0.0.1:8000\"; }; " keys " }"

static unsigned looks(void)
{
	return daemon_log_count("debug ", LOOKED);
}

static void await_looks(unsigned count)
{
	HARNESS_AWAIT(looks() >= count);
}

/* Warnings of a cause; NULL: of any. */
static unsigned warnings(const char *cause)
{
	char word[64];

	snprintf(word, sizeof(word), "(%s)", cause != NULL ? cause : "");
	return daemon_log_count("warn ", cause != NULL ? word : NULL);
}

static void start(const char *blocks)
{
	char config[4096];

	snprintf(config, sizeof(config), HEAD "listeners = ( %s );\n", blocks);
	daemon_start_config(config);
}

static void reload_with(const char *keys)
{
	char config[4096];

	snprintf(config, sizeof(config), HEAD "listeners = ( %s%s } );\n",
		 "{ name = \"t\"; listen = \"" LISTEN_V4
		 "\"; targets = { ipv4 = \"127.0.0.1:8000\"; }; ",
		 keys);
	(void)harness_write(DAEMON_CONFIG_NAME, config);
	daemon_signal(SIGHUP);
}

/* A target whose queue is full answers nobody, and the look waits for it: two seconds at least. */
#define DEAF_TARGET "127.0.0.1:8009"
#define DEAF_BLOCK                                                                          \
	"{ name = \"deaf\"; listen = \"127.0.0.1:7009\"; targets = { ipv4 = \"" DEAF_TARGET \
	"\"; }; }"

/* Who connects when the first connection is in the queue finds it full. */
static void listen_deaf(const char *target)
{
	const struct addr addr = peer_addr(target);

	(void)peer_listen_backlog(target, 0);
	(void)peer_connect(NULL, target);
	HARNESS_AWAIT(tcp_table_count(addr_port(&addr), TCP_TABLE_ESTABLISHED) == 1);
	for (int i = 0; i < 3; i++)
		(void)peer_begin_connect(NULL, target);
}

/* ---- the start ---- */

/* The command in the log mends it, for either family. */
START_TEST(missing_routes_are_said_at_the_start)
{
	static const char marker[] = "to mend it: mmproxy ";
	static struct command_result result;
	const char *target = _i == 0 ? BACKEND_V4 : BACKEND_V6;
	struct command command;
	char config[1024];
	const char *line;
	int backend;

	if (!routes_are_built() || (_i == 1 && !netns_has_ipv6()))
		return;
	backend = peer_listen(target);
	snprintf(config, sizeof(config),
		 HEAD "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4
		      "\"; targets = { %s = \"%s\"; }; } );\n",
		 _i == 0 ? "ipv4" : "ipv6", target);
	daemon_start_config(config);
	line = daemon_log_await("warn ", "listener t: no rule leads what ", "(rule_missing)");
	ck_assert_ptr_nonnull(strstr(line, target));
	line = strstr(line, marker);
	ck_assert_ptr_nonnull(line);
	ck_assert_ptr_nonnull(strstr(line, "--setup-routing"));
	ck_assert_ptr_nonnull(strstr(line, harness_path(DAEMON_CONFIG_NAME)));
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_path(DAEMON_CONFIG_NAME));
	command_add(&command, "--setup-routing");
	command_run(&command, &result);
	ck_assert_int_eq(result.exit_code, 0);
	connection_try(backend, _i == 0 ? CONNECTION_CLIENT : "[2001:db8::7]:40000");
	ck_assert_uint_eq(warnings(NULL), 1);
}
END_TEST

START_TEST(a_host_that_is_right_is_not_mentioned)
{
	int backend = peer_listen(BACKEND_V4);
	int balancer = balancer_open();
	int server = udp_open("127.0.0.1:8001");

	start(TCP_BLOCK("") ", { name = \"u\"; protocol = \"udp\"; listen = \"127.0.0.1:7001\"; "
			    "targets = { ipv4 = \"127.0.0.1:8001\"; }; }");
	await_looks(1);
	ck_assert_uint_eq(warnings(NULL), 0);
	/* Nobody but the client has connected, and nothing was sent. */
	connection_try(backend, CONNECTION_CLIENT);
	peer_assert_no_connection(backend);
	balancer_check_at(balancer, "127.0.0.1:7001", server, BALANCER_CLIENT);
	daemon_stop();
	ck_assert_uint_eq(warnings(NULL), 0);
	ck_assert_uint_eq(looks(), 1);
}
END_TEST

#ifdef HAVE_CAP_NG

/* go-mmproxy's default for the other family is there, but nobody means it. */
START_TEST(a_target_that_no_flag_names_is_not_looked_at)
{
	struct command command;

	daemon_command(&command);
	command_add(&command, "-l");
	command_add(&command, LISTEN_V4);
	command_add(&command, "-4");
	command_add(&command, BACKEND_V4);
	command_add(&command, "-v");
	command_add(&command, "2");
	daemon_start_command(&command);
	await_looks(1);
	ck_assert_uint_eq(daemon_log_count("warn ", BACKEND_V4), 1);
	ck_assert_uint_eq(daemon_log_count("warn ", "[::1]:443"), 0);
}
END_TEST

START_TEST(another_user_may_look_as_well)
{
	(void)peer_listen(BACKEND_V4);
	daemon_start_config("user = \"nobody\"; group = \"nogroup\"; workers = 1;\n"
			    "log = { level = \"debug\"; };\nlisteners = ( " TCP_BLOCK("") " );\n");
	await_looks(1);
	ck_assert_uint_eq(warnings(NULL), 0);
}
END_TEST

#endif

START_TEST(managed_routes_need_no_advice)
{
	int client;

	if (!routes_are_built())
		return;
	daemon_start_config(HEAD "routing = { manage = true; table = 123; };\nlisteners = ( "
				 "{ name = \"t\"; listen = \"" LISTEN_V4
				 "\"; targets = { ipv4 = \"127.0.0.1:8000\"; }; "
				 "connect_timeout = \"300ms\"; } );\n");
	(void)daemon_log_await("warn ", "nothing listens at 127.0.0.1:8000", "(backend_down)");
	await_looks(1);
	/* Clients get no answer for another reason than a route's. */
	listen_deaf(BACKEND_V4);
	client = sender_open_v1(CONNECTION_CLIENT);
	peer_expect_closed(client);
	(void)daemon_log_await("reason=backend_timeout", NULL, NULL);
	await_looks(2);
	daemon_stop();
	ck_assert_uint_eq(warnings("rule_missing"), 0);
	ck_assert_uint_eq(daemon_log_count("ip rule", NULL), 0);
	ck_assert_uint_eq(daemon_log_count("ip route", NULL), 0);
}
END_TEST

/* More than anybody reads in a log. */
START_TEST(many_findings_are_counted)
{
	char blocks[8192] = "";
	char config[9000];
	size_t len = 0;

	for (int i = 0; i < 30; i++)
		len += (size_t)snprintf(blocks + len, sizeof(blocks) - len,
					"%s{ name = \"t%d\"; listen = \"127.0.0.1:%d\"; targets = "
					"{ ipv4 = \"127.0.0.1:%d\"; }; }",
					i > 0 ? ", " : "", i, 7000 + i, 8000 + i);
	snprintf(config, sizeof(config), HEAD "listeners = ( %s );\n", blocks);
	daemon_start_config(config);
	(void)daemon_log_await("warn ", " more: mmproxy --check-routing", NULL);
	await_looks(1);
	ck_assert_uint_eq(warnings(NULL), 21);
}
END_TEST

/* ---- later ---- */

START_TEST(a_firewall_that_comes_later_is_said_once)
{
	int backend = peer_listen(BACKEND_V4);
	int64_t looked;

	if (!harness_has_tool("nft"))
		return;
	start(TCP_BLOCK("connect_timeout = \"300ms\";"));
	await_looks(1);
	ck_assert_uint_eq(warnings(NULL), 0);
	harness_shell(
	    "nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; "
	    "add rule ip t c ip saddr != 127.0.0.0/8 tcp dport 8000 drop'");
	peer_expect_closed(sender_open_v1(CONNECTION_CLIENT));
	(void)daemon_log_await("warn ", "listener t: ", "(firewall_drop)");
	await_looks(2);
	looked = harness_now_ms();
	for (int i = 0; i < 5; i++) {
		peer_expect_closed(sender_open_v1("203.0.113.8:40000"));
		harness_sleep_ms(1000);
	}
	/* Within the minute nobody looks again, and less than that has passed on most machines. */
	if (harness_now_ms() - looked < 55000)
		ck_assert_uint_eq(looks(), 2);
	ck_assert_uint_eq(warnings("firewall_drop"), 1);
	harness_shell("nft delete table ip t");
	peer_assert_no_connection(backend);
}
END_TEST

START_TEST(a_udp_target_that_refuses_is_looked_at)
{
	int balancer = balancer_open();
	int backend = udp_open(BACKEND_V4);

	start("{ name = \"u\"; protocol = \"udp\"; listen = \"" LISTEN_V4
	      "\"; targets = { ipv4 = \"127.0.0.1:8000\"; }; }");
	await_looks(1);
	ck_assert_uint_eq(warnings(NULL), 0);
	peer_close(backend);
	balancer_send_text(balancer, BALANCER_CLIENT, "lost");
	(void)daemon_log_await("warn ",
			       "listener u: 127.0.0.1:8000 (IPv4) refuses datagrams: "
			       "nothing listens there",
			       NULL);
	(void)daemon_log_await("warn ", "listener u: nothing listens at 127.0.0.1:8000",
			       "(backend_down)");
}
END_TEST

/* ---- reloads ---- */

START_TEST(a_reload_that_changes_listeners_looks_again)
{
	(void)peer_listen(BACKEND_V4);
	start(TCP_BLOCK(""));
	await_looks(1);
	ck_assert_uint_eq(warnings("rule_missing"), 1);
	/* The harness had given it timeouts. */
	reload_with("");
	await_looks(2);
	ck_assert_uint_eq(warnings("rule_missing"), 2);
	/* Nothing has changed: the next look is that of the reload behind it. */
	reload_with("");
	(void)daemon_log_await("reloaded: 1 listener unchanged", NULL, NULL);
	reload_with("max_connections = 7;");
	await_looks(3);
	ck_assert_uint_eq(warnings("rule_missing"), 3);
	harness_sleep_ms(1000);
	ck_assert_uint_eq(looks(), 3);
}
END_TEST

#define RELOADS 5

/* Targets one after the other, for "127.0.0.1:8000" and the ports behind it. */
static const char *target_of(unsigned reload)
{
	static char target[32];

	snprintf(target, sizeof(target), "127.0.0.1:%u", 8000 + reload);
	return target;
}

static void reload_to(const char *target)
{
	char config[1024];

	snprintf(config, sizeof(config),
		 HEAD "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4
		      "\"; targets = { ipv4 = \"%s\"; }; } );\n",
		 target);
	(void)harness_write(DAEMON_CONFIG_NAME, config);
	daemon_signal(SIGHUP);
}

/* Each warning is about the target of the latest reload before it. */
static void expect_warnings_in_time(void)
{
	char *log = harness_read(harness_path(DAEMON_LOG_NAME));
	unsigned reloads = 0;
	char *rest = NULL;

	for (char *line = strtok_r(log, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		reloads += strstr(line, "msg=\"reloaded: ") != NULL;
		if (strstr(line, "(rule_missing)") != NULL)
			ck_assert_msg(strstr(line, target_of(reloads)) != NULL,
				      "behind %u reloads: %s", reloads, line);
	}
	free(log);
}

/* A look that is under way belongs to what was configured before: without routes it takes two
 * seconds, in which most of the reloads are done. */
START_TEST(a_reload_while_it_looks_is_looked_at_behind_it)
{
	for (unsigned i = 0; i <= RELOADS; i++)
		(void)peer_listen(target_of(i));
	start(TCP_BLOCK(""));
	for (unsigned i = 1; i <= RELOADS; i++) {
		reload_to(target_of(i));
		HARNESS_AWAIT(daemon_log_count("reloaded: ", NULL) == i);
	}
	(void)daemon_log_await("warn ", target_of(RELOADS), "(rule_missing)");
	HARNESS_AWAIT(looks() == warnings("rule_missing"));
	expect_warnings_in_time();
}
END_TEST

/* ---- ends ---- */

static bool is_looking(void)
{
	char command[128];

	snprintf(command, sizeof(command), "grep -q mmproxy-look /proc/%d/task/*/comm",
		 (int)daemon_pid());
	return system(command) == 0;
}

/* Connections to it that wait for an answer. */
static unsigned deaf_attempts(void)
{
	char *table = harness_read("/proc/net/tcp");
	unsigned count = 0;

	for (const char *at = table; (at = strstr(at, ":1F49 02 ")) != NULL; at++)
		count++;
	free(table);
	return count;
}

static void await_look_under_way(void)
{
	HARNESS_AWAIT(is_looking() || looks() > 0);
}

START_TEST(a_stop_ends_it)
{
	listen_deaf(DEAF_TARGET);
	start(TCP_BLOCK("") ", " DEAF_BLOCK);
	await_look_under_way();
	daemon_stop();
	/* One that was ended says nothing. */
	if (looks() == 0)
		ck_assert_uint_eq(warnings(NULL), 0);
}
END_TEST

START_TEST(an_upgrade_ends_it)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	pid_t former;

	(void)upgrade_prepare();
	listen_deaf(DEAF_TARGET);
	start(TCP_BLOCK("") ", " DEAF_BLOCK);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	await_look_under_way();
	former = upgrade_daemon();
	/* The successor looks as well. */
	await_look_under_way();
	HARNESS_AWAIT(!is_looking());
	connection_check(&connection);
	connection_finish(&connection);
	upgrade_await_end(former);
	connection_try(backend, "203.0.113.8:40000");
}
END_TEST

/* The process forks; the thread's descriptors must not be in the child for ever. */
START_TEST(leaving_ends_it)
{
	struct connection connection;
	struct command command;
	int backend = peer_listen(BACKEND_V4);
	unsigned attempts;
	int status = 0;
	pid_t child = 0;

	manager_open();
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	listen_deaf(DEAF_TARGET);
	attempts = deaf_attempts();
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command,
		    harness_write(DAEMON_CONFIG_NAME, LONG_DRAIN
				  "listeners = ( " TCP_BLOCK("") ", " DEAF_BLOCK " );\n"));
	daemon_start_command(&command);
	manager_await("READY=1");
	connection_open(&connection, backend, CONNECTION_CLIENT);
	await_look_under_way();
	daemon_signal(SIGQUIT);
	ck_assert_int_eq(daemon_wait(), 0);
	connection_check(&connection);
	HARNESS_AWAIT(deaf_attempts() == attempts);
	connection_finish(&connection);
	HARNESS_AWAIT((child = waitpid(-1, &status, WNOHANG)) > 0);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

static Suite *checkup_suite(void)
{
	Suite *suite = suite_create("net_checkup");
	TCase *without = harness_case_without_routes(suite, "without_routes", 60);
	TCase *with = harness_case(suite, "with_routes", 60);

	tcase_add_loop_test(without, missing_routes_are_said_at_the_start, 0, 2);
	tcase_add_test(without, managed_routes_need_no_advice);
	tcase_add_test(without, many_findings_are_counted);
	tcase_add_test(without, a_reload_that_changes_listeners_looks_again);
	tcase_add_test(without, a_reload_while_it_looks_is_looked_at_behind_it);
	tcase_add_test(with, a_host_that_is_right_is_not_mentioned);
	tcase_add_test(with, a_target_that_no_flag_names_is_not_looked_at);
#ifdef HAVE_CAP_NG
	/* A user namespace of an ordinary user has no second user to become. */
	if (geteuid() == 0)
		tcase_add_test(with, another_user_may_look_as_well);
#endif
	tcase_add_test(with, a_firewall_that_comes_later_is_said_once);
	tcase_add_test(with, a_udp_target_that_refuses_is_looked_at);
	tcase_add_test(with, a_stop_ends_it);
	tcase_add_test(with, an_upgrade_ends_it);
	tcase_add_test(with, leaving_ends_it);
	return suite;
}

int main(void)
{
	return harness_run(checkup_suite());
}
