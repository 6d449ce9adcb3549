/* SPDX-License-Identifier: BSD-2-Clause */
/* --setup-routing, --clear-routing, and what the daemon says where it cannot set up routes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "routes.h"

/* As linux/capability.h numbers it. */
#define NET_ADMIN (1ull << 12)

#define T                                                     \
	"{ name = \"t\"; listen = \"" LISTEN_V4               \
	"\"; allowed_subnets = [ \"127.0.0.0/8\" ]; targets " \
	"= { ipv4 = \"127.0.0.1:8000\"; ipv6 = \"[::1]:8000\"; }; }"
#define LISTENERS(...) DAEMON_AS_ROOT "listeners = ( " __VA_ARGS__ " );\n"
#define MANAGE	       "routing = { manage = true; };\n"
#define OWN	       "proto 223"

/* Every kind of target: both families and protocols, guests, dynamic destinations, a mark. */
#define EVERYTHING                                                                                 \
	LISTENERS(T ", { name = \"u\"; protocol = \"udp\"; listen = \"" LISTEN_V4                  \
		    "\"; targets = { ipv4 = \"127.0.0.2:8000\"; ipv6 = \"[::1]:8000\"; }; },"      \
		    "{ name = \"g\"; listen = \"127.0.0.1:7001\"; mark = 7; targets = { "          \
		    "ipv4 = \"" ROUTES_GUEST_V4 "\"; ipv6 = \"" ROUTES_GUEST_V6 "\"; }; },"        \
		    "{ name = \"d\"; protocol = \"udp\"; listen = \"127.0.0.1:7002\"; "            \
		    "allowed_subnets = [ \"127.0.0.0/8\" ]; dynamic_destination = true; "          \
		    "allowed_destinations = [ \"127.0.0.0/16\", \"0.0.0.0/0\", \"192.0.2.0/24\", " \
		    "\"2001:db8:2::/48\", \"::/0\" ]; }")

static struct command_result result;

/* Run mmproxy with a configuration and one or two flags (NULL: none). */
static void run(const char *config, const char *flag, const char *other, uint64_t dropped_caps)
{
	struct command command;

	daemon_command(&command);
	command.dropped_caps = dropped_caps;
	command_add(&command, "-c");
	command_add(&command, harness_write("once.conf", config));
	if (flag != NULL)
		command_add(&command, flag);
	if (other != NULL)
		command_add(&command, other);
	command_run(&command, &result);
}

static void expect(int code, const char *text)
{
	ck_assert_msg(result.exit_code == code, "exit code %d: %s", result.exit_code, result.err);
	ck_assert_msg(strstr(result.err, text) != NULL, "no \"%s\" in: %s", text, result.err);
}

static unsigned lines_with(const char *text, const char *what)
{
	unsigned count = 0;

	for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
		count++;
	return count;
}

START_TEST(set_up_again_and_cleared)
{
	char *before;
	char *once;
	char *twice;

	if (harness_has_tool("nft"))
		(void)routes_add_guest();
	before = routes_dump();
	run(EVERYTHING, "--setup-routing", NULL, 0);
	expect(0, "");
	once = routes_dump();
	ck_assert_ptr_nonnull(strstr(once, OWN));
	run(EVERYTHING, "--setup-routing", NULL, 0);
	expect(0, "");
	twice = routes_dump();
	ck_assert_str_eq(once, twice);
	run(LISTENERS(T), "--setup-routing", NULL, 0);
	expect(0, "");
	ck_assert_uint_eq(routes_count(OWN), netns_has_ipv6() ? 4 : 2);
	ck_assert_uint_eq(routes_count("table inet mmproxy"), 0);
	for (int i = 0; i < 2; i++) {
		char *after;

		run(LISTENERS(T), "--clear-routing", NULL, 0);
		expect(0, "");
		after = routes_dump();
		ck_assert_str_eq(after, before);
		free(after);
	}
	run(EVERYTHING, "--setup-routing", NULL, 0);
	run(EVERYTHING, "--clear-routing", NULL, 0);
	expect(0, "");
	free(twice);
	twice = routes_dump();
	ck_assert_str_eq(twice, before);
	free(before);
	free(once);
	free(twice);
}
END_TEST

START_TEST(a_daemon_takes_over_from_a_script)
{
	int backend = peer_listen(BACKEND_V4);
	unsigned count;

	run(LISTENERS(T), "--setup-routing", NULL, 0);
	expect(0, "");
	count = routes_count(OWN);
	daemon_start_config(LISTENERS(T));
	connection_try(backend, CONNECTION_CLIENT);
	daemon_stop();
	/* Which it did not manage. */
	ck_assert_uint_eq(routes_count(OWN), count);
	daemon_start_config(MANAGE LISTENERS(T));
	ck_assert_uint_eq(routes_count(OWN), count);
	daemon_stop();
	ck_assert_uint_eq(routes_count(OWN), 0);
}
END_TEST

START_TEST(the_commands_do_the_same)
{
	char *done;
	char *typed;

	(void)routes_add_guest();
	run(EVERYTHING, "--setup-routing", "--dry-run", 0);
	expect(0, "");
	ck_assert_uint_eq(routes_count(OWN), 0);
	(void)harness_write("commands", result.out);
	run(EVERYTHING, "--setup-routing", NULL, 0);
	expect(0, "");
	done = routes_dump();

	(void)netns_change(netns_make_another());
	netns_bring_loopback_up();
	(void)routes_add_guest();
	harness_shell("sh -e %s", harness_path("commands"));
	typed = routes_dump();
	ck_assert_str_eq(typed, done);
	free(done);
	free(typed);
}
END_TEST

/* ---- refusals ---- */

START_TEST(a_table_of_somebody_else_is_refused)
{
	char *before;
	char *after;

	harness_shell("ip route add local 0.0.0.0/0 dev lo table 123");
	before = routes_dump();
	run(LISTENERS(T), "--setup-routing", NULL, 0);
	expect(1, "table 123 has a route that is not mmproxy's: local default proto 3 "
		  "(ip route show table 123)");
	run(MANAGE LISTENERS(T), NULL, NULL, 0);
	expect(1, "table 123 has a route that is not mmproxy's");
	run(LISTENERS(T), "--clear-routing", NULL, 0);
	expect(0, "");
	after = routes_dump();
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
}
END_TEST

START_TEST(an_nft_table_of_somebody_else_is_refused)
{
	char *before;
	char *after;

	(void)routes_add_guest();
	harness_shell("nft 'add table inet mmproxy; add chain inet mmproxy c; "
		      "add rule inet mmproxy c accept'");
	before = routes_dump();
	run(MANAGE EVERYTHING, NULL, NULL, 0);
	expect(1, "the nft table inet mmproxy has something in it that mmproxy has not set up");
	run(EVERYTHING, "--clear-routing", NULL, 0);
	expect(0, "");
	after = routes_dump();
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
}
END_TEST

START_TEST(a_missing_privilege_is_said_once)
{
	char *before = routes_dump();
	char *after;

	run(MANAGE LISTENERS(T), NULL, NULL, NET_ADMIN);
	expect(1, "grant CAP_NET_ADMIN");
	expect(1, "routing.manage = false");
	ck_assert_uint_eq(lines_with(result.err, "error "), 1);
	run(LISTENERS(T), "--setup-routing", NULL, NET_ADMIN);
	expect(1, "grant CAP_NET_ADMIN");
	ck_assert_uint_eq(lines_with(result.err, "error "), 1);
	run(LISTENERS(T), "--setup-routing", "--dry-run", NET_ADMIN);
	expect(0, "");
	after = routes_dump();
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
}
END_TEST

START_TEST(a_guest_needs_the_privilege_too)
{
	char *before;
	char *after;

	(void)routes_add_guest();
	before = routes_dump();
	run(MANAGE EVERYTHING, NULL, NULL, NET_ADMIN);
	expect(1, "grant CAP_NET_ADMIN");
	ck_assert_uint_eq(lines_with(result.err, "error "), 1);
	after = routes_dump();
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
}
END_TEST

START_TEST(mistakes_exit_with_2)
{
	run("nonsense;", "--setup-routing", NULL, 0);
	expect(2, "once.conf:1: ");
	run(LISTENERS(T), "--dry-run", NULL, 0);
	expect(2, "dry-run");
	run(LISTENERS(T), "--clear-routing", "--dry-run", 0);
	expect(2, "dry-run");
	run(LISTENERS(T), "--clear-routing", "--setup-routing", 0);
	expect(2, "cannot be combined");
}
END_TEST

static Suite *once_suite(void)
{
	Suite *suite = suite_create("net_routing_once");
	TCase *once = harness_case_without_routes(suite, "once", 60);

	tcase_add_test(once, set_up_again_and_cleared);
	tcase_add_test(once, a_daemon_takes_over_from_a_script);
	tcase_add_test(once, a_table_of_somebody_else_is_refused);
	tcase_add_test(once, a_missing_privilege_is_said_once);
	tcase_add_test(once, mistakes_exit_with_2);
	if (!routes_have_marks())
		return suite;
	tcase_add_test(once, the_commands_do_the_same);
	tcase_add_test(once, an_nft_table_of_somebody_else_is_refused);
	tcase_add_test(once, a_guest_needs_the_privilege_too);
	return suite;
}

int main(void)
{
	return routes_are_built() ? harness_run(once_suite()) : 77;
}
