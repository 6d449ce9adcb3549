/* SPDX-License-Identifier: BSD-2-Clause */
/* Return routes over the daemon's life: crashes, reloads, other programs, and its end. */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "routes.h"
#include "upgrade.h"

#define LISTENERS(...) "listeners = ( " __VA_ARGS__ " );\n"
#define LISTENER(name, port, targets) \
	"{ name = \"" name "\"; listen = \"127.0.0.1:" port "\"; targets = { " targets " }; }"
#define HEAD                                                                                   \
	"workers = 2; drain_timeout = \"100ms\"; log = { level = \"debug\"; };\ndefaults = { " \
	"header_timeout = \"10m\"; connect_timeout = \"10m\"; };\n"
#define MANAGE	   HEAD "routing = { manage = true; };\n"
#define OWN	   "proto 223"
#define FIRST_V4   "ipv4 = \"127.0.0.1:8000\"; "
#define SECOND_V4  "ipv4 = \"127.0.0.1:8001\"; "
#define GUEST_V4   "ipv4 = \"" ROUTES_GUEST_V4 "\"; "
#define FIRST_RULE "from 127.0.0.1 iif lo ipproto tcp sport 8000 lookup 123"
#define OTHER_RULE "from 127.0.0.1 iif lo ipproto tcp sport 8001 lookup 123"
#define NFT_TABLE  "table inet mmproxy"

static void assert_as_before(char *before)
{
	char *after = routes_dump();

	ck_assert_str_eq(after, before);
	free(after);
	free(before);
}

static void reload(const char *config)
{
	static unsigned reloads;
	char text[4096];

	reloads = daemon_log_count("reloaded: ", NULL);
	snprintf(text, sizeof(text), "%s%s", DAEMON_AS_ROOT, config);
	(void)harness_write(DAEMON_CONFIG_NAME, text);
	daemon_signal(SIGHUP);
	HARNESS_AWAIT(daemon_log_count("reloaded: ", NULL) > reloads);
}

/* ---- crashes ---- */

static void crash(void)
{
	daemon_signal(SIGKILL);
	ck_assert_int_eq(daemon_wait(), -SIGKILL);
}

START_TEST(what_a_crash_left_is_adopted)
{
	static const char config[] = MANAGE LISTENERS(LISTENER("t", "7000", FIRST_V4));
	int backend = peer_listen(BACKEND_V4);
	char *before = routes_dump();

	for (int i = 0; i < 3; i++) {
		daemon_start_config(config);
		ck_assert_uint_eq(routes_count(OWN), 2);
		connection_try(backend, CONNECTION_CLIENT);
		crash();
		ck_assert_uint_eq(routes_count(OWN), 2);
	}
	daemon_start_config(config);
	daemon_stop();
	assert_as_before(before);
}
END_TEST

START_TEST(what_a_crash_left_is_removed_if_nobody_needs_it)
{
	bool nft = harness_has_tool("nft");
	char *before;

	(void)routes_add_guest();
	before = routes_dump();
	daemon_start_config(
	    MANAGE LISTENERS(LISTENER("t", "7000", FIRST_V4) "," LISTENER("g", "7001", GUEST_V4)));
	ck_assert_uint_eq(routes_count(OWN), 3);
	ck_assert_uint_eq(routes_count(NFT_TABLE), nft);
	crash();
	daemon_start_config(MANAGE LISTENERS(LISTENER("t", "7000", SECOND_V4)));
	ck_assert_uint_eq(routes_count(OWN), 2);
	ck_assert_uint_eq(routes_count(OTHER_RULE), 1);
	ck_assert_uint_eq(routes_count(NFT_TABLE), 0);
	daemon_stop();
	assert_as_before(before);
}
END_TEST

/* ---- reloads ---- */

START_TEST(a_reload_adds_and_removes)
{
	int first = peer_listen(BACKEND_V4);
	int second = peer_listen("127.0.0.1:8001");
	char *before = routes_dump();

	daemon_start_config(MANAGE LISTENERS(LISTENER("t", "7000", FIRST_V4)));
	connection_try(first, CONNECTION_CLIENT);
	reload(MANAGE LISTENERS(LISTENER("t", "7000", SECOND_V4)));
	connection_try(second, CONNECTION_CLIENT);
	HARNESS_AWAIT(routes_count(FIRST_RULE) == 0);
	ck_assert_uint_eq(routes_count(OWN), 2);
	reload(HEAD LISTENERS(LISTENER("t", "7000", SECOND_V4)));
	HARNESS_AWAIT(routes_count(OWN) == 0);
	assert_as_before(before);
	reload(MANAGE LISTENERS(LISTENER("t", "7000", FIRST_V4)));
	connection_try(first, CONNECTION_CLIENT);
}
END_TEST

START_TEST(a_reload_to_another_table)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start_config(MANAGE LISTENERS(LISTENER("t", "7000", FIRST_V4)));
	reload(HEAD "routing = { manage = true; table = 70000; };\n" LISTENERS(
	    LISTENER("t", "7000", FIRST_V4)));
	HARNESS_AWAIT(routes_count("table 123") == 0);
	ck_assert_uint_eq(routes_count("lookup 70000 " OWN), 1);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

START_TEST(what_is_open_keeps_its_routes)
{
	struct connection old;
	int first = peer_listen(BACKEND_V4);

	daemon_start_config(MANAGE LISTENERS(LISTENER("t", "7000", FIRST_V4)));
	connection_open(&old, first, CONNECTION_CLIENT);
	reload(MANAGE LISTENERS(LISTENER("t", "7000", SECOND_V4)));
	reload(HEAD LISTENERS(LISTENER("t", "7000", SECOND_V4)));
	/* Two ticks, in which it would be removed. */
	harness_sleep_ms(2500);
	ck_assert_uint_eq(routes_count(FIRST_RULE), 1);
	connection_check(&old);
	connection_finish(&old);
	HARNESS_AWAIT(routes_count(OWN) == 0);
}
END_TEST

START_TEST(a_reload_that_cannot_be_changes_nothing)
{
	int backend = peer_listen(BACKEND_V4);
	char *before;

	harness_shell("ip route add 198.18.0.0/15 dev lo table 77 proto static");
	daemon_start_config(MANAGE LISTENERS(LISTENER("t", "7000", FIRST_V4)));
	before = routes_dump();
	(void)harness_write(DAEMON_CONFIG_NAME, DAEMON_AS_ROOT HEAD
			    "routing = { manage = true; table = 77; };\n" LISTENERS(LISTENER(
				"t", "7000", FIRST_V4) "," LISTENER("u", "7001", SECOND_V4)));
	daemon_signal(SIGHUP);
	(void)daemon_log_await("error ", "table 77 has a route that is not mmproxy's",
			       "unicast 198.18.0.0/15 proto 4");
	(void)daemon_log_await("not reloaded", NULL, NULL);
	assert_as_before(before);
	connection_try(backend, CONNECTION_CLIENT);
	ck_assert_int_eq(peer_try_connect("127.0.0.1:0", "127.0.0.1:7001"), -1);
}
END_TEST

/* ---- other programs ---- */

START_TEST(what_others_remove_is_restored)
{
	int backend = peer_listen(BACKEND_V4);

	daemon_start_config(MANAGE LISTENERS(LISTENER("t", "7000", FIRST_V4)));
	daemon_pause();
	harness_shell("ip rule flush protocol 223");
	ck_assert_uint_eq(routes_count("lookup 123"), 0);
	daemon_resume();
	HARNESS_AWAIT(routes_count(FIRST_RULE) == 1);
	harness_shell("ip route flush table 123");
	HARNESS_AWAIT(routes_count(OWN) == 2);
	/* Routes go with their interface. */
	harness_shell("ip link set lo down && ip link set lo up");
	HARNESS_AWAIT(routes_count(OWN) == 2);
	connection_try(backend, CONNECTION_CLIENT);
	(void)daemon_log_await("warn ", "return routes were missing", NULL);
}
END_TEST

START_TEST(an_nft_table_that_others_change_is_restored)
{
	int backend = routes_listen_in_guest(routes_add_guest(), ROUTES_GUEST_V4);

	daemon_start_config(MANAGE LISTENERS(LISTENER("t", "7000", GUEST_V4)));
	harness_shell("nft flush ruleset");
	HARNESS_AWAIT(routes_count(NFT_TABLE) == 1);
	harness_shell("nft flush chain inet mmproxy forth");
	HARNESS_AWAIT(routes_count("ct mark set") == 1);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

/*
 * How often there can be routes to remove in this time, by a clock whose ticks are less than 100
 * ms: at the start, at once, and after one, two, four ... seconds.
 */
static unsigned removals_max(int64_t ms)
{
	unsigned count = 2;

	ms += 100;
	for (int64_t wait_ms = 1000; ms >= wait_ms; wait_ms *= 2) {
		ms -= wait_ms;
		count++;
	}
	return count;
}

/* Whoever removes again and again is outlasted, not fought. */
START_TEST(a_fight_is_bounded)
{
	int64_t began;
	int64_t took;
	unsigned removed = 0;
	unsigned before;

	daemon_start_config(MANAGE LISTENERS(LISTENER("t", "7000", FIRST_V4)));
	before = daemon_cpu_ms();
	began = harness_now_ms();
	do {
		if (routes_count("lookup 123") > 0) {
			harness_shell("ip rule flush protocol 223");
			removed++;
		}
		took = harness_now_ms() - began;
	} while (took < 4000 || removed < 2);
	ck_assert_uint_le(removed, removals_max(took));
	ck_assert_uint_le(daemon_log_count("return routes", "warn "), 2);
	/* One that spins has all of a CPU; some of them count it as theirs when it is taken away.
	 */
	ck_assert_int_lt((int64_t)(daemon_cpu_ms() - before), took / 2);
	HARNESS_AWAIT(routes_count(FIRST_RULE) == 1);
}
END_TEST

START_TEST(what_is_not_its_own_stays)
{
	char *before;

	harness_shell("ip rule add pref 50 from 10.0.0.0/8 table 123 && "
		      "ip rule add pref 123 from 127.0.0.1 iif lo ipproto tcp sport 8000 table 123 "
		      "&& ip route add 198.18.0.0/15 dev lo table 124");
	if (harness_has_tool("nft"))
		harness_shell("nft add table inet other");
	before = routes_dump();
	daemon_start_config(MANAGE LISTENERS(LISTENER("t", "7000", FIRST_V4)));
	/* An equal one beside it. */
	ck_assert_uint_eq(routes_count(FIRST_RULE), 2);
	ck_assert_uint_eq(routes_count(OWN), 2);
	daemon_stop();
	assert_as_before(before);
}
END_TEST

static bool is_ready(const char *log)
{
	char *text = harness_read(harness_path(log));
	bool ready = strstr(text, " is ready, workers: ") != NULL;

	free(text);
	return ready;
}

/* As a successor does, or the child that a restart leaves open connections to. */
START_TEST(the_last_process_removes)
{
	struct command command;
	struct connection old;
	int first = peer_listen(BACKEND_V4);
	char *before = routes_dump();
	int status;
	int log_fd;
	pid_t other;

	daemon_start_config(MANAGE LISTENERS(LISTENER("t", "7000", FIRST_V4)));
	connection_open(&old, first, CONNECTION_CLIENT);
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_write("other.conf", DAEMON_AS_ROOT MANAGE LISTENERS(
							      LISTENER("o", "7001", SECOND_V4))));
	log_fd = peer_adopt(open(harness_path("other.log"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	ck_assert_int_ge(log_fd, 0);
	other = command_start(&command, log_fd, log_fd);
	/* Before, a signal would end it as any other program. */
	HARNESS_AWAIT(is_ready("other.log"));
	ck_assert_uint_eq(routes_count(OTHER_RULE), 1);
	/* What the second one does not need is needed by the first. */
	ck_assert_uint_eq(routes_count(FIRST_RULE), 1);
	connection_check(&old);
	connection_finish(&old);
	daemon_stop();
	ck_assert_uint_eq(routes_count(OTHER_RULE), 1);
	HARNESS_AWAIT(routes_count(FIRST_RULE) == 0);
	ck_assert_int_eq(kill(other, SIGTERM), 0);
	ck_assert_int_eq(waitpid(other, &status, 0), other);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_as_before(before);
}
END_TEST

START_TEST(an_upgrade_keeps_what_both_processes_need)
{
	struct connection old;
	int first = peer_listen(BACKEND_V4);
	int second = peer_listen("127.0.0.1:8001");
	char *before = routes_dump();
	pid_t former;

	(void)upgrade_prepare();
	daemon_start_config(MANAGE LISTENERS(LISTENER("t", "7000", FIRST_V4)));
	connection_open(&old, first, CONNECTION_CLIENT);
	(void)harness_write(DAEMON_CONFIG_NAME,
			    DAEMON_AS_ROOT MANAGE LISTENERS(LISTENER("t", "7000", SECOND_V4)));
	former = upgrade_daemon();
	connection_try(second, "203.0.113.8:40000");
	/* Two ticks, in which the new process would remove what it does not need. */
	harness_sleep_ms(2500);
	connection_check(&old);
	connection_finish(&old);
	upgrade_await_end(former);
	HARNESS_AWAIT(routes_count(FIRST_RULE) == 0);
	connection_try(second, "203.0.113.9:40000");
	daemon_stop();
	assert_as_before(before);
}
END_TEST

static Suite *life_suite(void)
{
	Suite *suite = suite_create("net_routing_life");
	TCase *life = harness_case_without_routes(suite, "life", 60);

	tcase_add_test(life, what_a_crash_left_is_adopted);
	tcase_add_test(life, a_reload_adds_and_removes);
	tcase_add_test(life, a_reload_to_another_table);
	tcase_add_test(life, what_is_open_keeps_its_routes);
	tcase_add_test(life, a_reload_that_cannot_be_changes_nothing);
	tcase_add_test(life, what_others_remove_is_restored);
	tcase_add_test(life, the_last_process_removes);
	tcase_add_test(life, an_upgrade_keeps_what_both_processes_need);
	tcase_add_test(life, a_fight_is_bounded);
	tcase_add_test(life, what_is_not_its_own_stays);
	if (!routes_have_marks())
		return suite;
	tcase_add_test(life, what_a_crash_left_is_removed_if_nobody_needs_it);
	tcase_add_test(life, an_nft_table_that_others_change_is_restored);
	return suite;
}

int main(void)
{
	return routes_are_built() ? harness_run(life_suite()) : 77;
}
