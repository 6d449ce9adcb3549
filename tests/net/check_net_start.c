/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon says when it starts, and what -t says of the host beyond the file. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/user_map.h"

#include "command.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "routes.h"
#include "sender.h"

#define TARGET "targets = { ipv4 = \"" BACKEND_V4 "\"; }; "

/* The user "nobody" of every distribution. */
#define NOBODY "65534"

static struct command_result result;

static void start_listener(const char *keys)
{
	char config[2048];

	snprintf(config, sizeof(config), "workers = 2;\nlisteners = ( { name = \"t\"; %s } );\n",
		 keys);
	daemon_start_config(config);
	daemon_log_await(" is ready", NULL, NULL);
}

/* The daemon with this file, behind the words of a command that runs it (NULL: none). */
static void make_command(struct command *command, const char *const *before, const char *path)
{
	struct command daemon;

	memset(command, 0, sizeof(*command));
	daemon_command(&daemon);
	for (size_t i = 0; before != NULL && before[i] != NULL; i++)
		command_add(command, before[i]);
	for (size_t i = 0; i < daemon.argc; i++)
		command_add(command, daemon.argv[i]);
	command_add(command, "-c");
	command_add(command, path);
}

static void run_test(const char *const *before, const char *config)
{
	struct command command;

	make_command(&command, before, harness_write("tested.conf", config));
	command_add(&command, "-t");
	command_run(&command, &result);
}

static void expect_result(int code, const char *text)
{
	ck_assert_msg(result.exit_code == code, "exit %d, not %d; it wrote: %s%s", result.exit_code,
		      code, result.out, result.err);
	ck_assert_msg(text == NULL || strstr(result.err, text) != NULL, "no \"%s\" in: %s", text,
		      result.err);
}

/* ---- addresses ---- */

START_TEST(a_range_of_ports_is_one_line)
{
	start_listener("listen = [ \"127.0.0.1:7000-7199\", \"127.0.0.1:7300\", "
		       "\"127.0.0.2:7000-7001\" ]; " TARGET);
	ck_assert_uint_eq(daemon_log_count("listening on 127.0.0.1:7000-7199\"", NULL), 1);
	ck_assert_uint_eq(daemon_log_count("listening on 127.0.0.1:7300\"", NULL), 1);
	ck_assert_uint_eq(daemon_log_count("listening on 127.0.0.2:7000-7001\"", NULL), 1);
	ck_assert_uint_eq(daemon_log_count("listening on", NULL), 3);
}
END_TEST

/* ---- allowed_subnets ---- */

struct open_row {
	const char *keys;
	unsigned warnings;
};

static const struct open_row open_rows[] = {
    {"listen = \"0.0.0.0:7000\"; " TARGET, 1},
    {"listen = [ \"0.0.0.0:7000\", \"0.0.0.0:7100-7109\" ]; " TARGET, 1},
    {"listen = [ \"127.0.0.1:7000\", \"0.0.0.0:7001\" ]; " TARGET, 1},
    {"listen = \"[::]:7000\"; " TARGET, 1},
    {"listen = \"0.0.0.0:7000\"; protocol = \"udp\"; " TARGET, 1},
    /* Those peers send no header, but the others do. */
    {"listen = \"0.0.0.0:7000\"; headerless_subnets = [ \"10.0.0.0/8\" ]; " TARGET, 1},
    /* What a rule redirects comes from anywhere. */
    {"listen = \"127.0.0.1:7000\"; listen_transparent = true; " TARGET, 1},
    {"listen = \"0.0.0.0:7000\"; allowed_subnets = [ \"10.0.0.0/8\" ]; " TARGET, 0},
    {"listen = [ \"127.0.0.1:7000\", \"127.1.2.3:7000\", \"[::1]:7001\" ]; " TARGET, 0},
};

START_TEST(a_listener_open_to_all_is_warned_of_once)
{
	start_listener(open_rows[_i].keys);
	ck_assert_uint_eq(daemon_log_count("warn ", "allowed_subnets"), open_rows[_i].warnings);
	if (open_rows[_i].warnings > 0)
		ck_assert_uint_eq(daemon_log_count("warn ", "listener t: without "), 1);
}
END_TEST

START_TEST(the_test_of_a_file_warns_as_well)
{
	char config[1024];

	snprintf(config, sizeof(config), "listeners = ( { name = \"t\"; %s } );\n",
		 open_rows[_i].keys);
	run_test(NULL, config);
	expect_result(0, open_rows[_i].warnings > 0 ? "tested.conf: warning: listener t: " : NULL);
	ck_assert_int_eq(strstr(result.err, "allowed_subnets") != NULL, open_rows[_i].warnings > 0);
	ck_assert_ptr_nonnull(strstr(result.out, "is valid"));
}
END_TEST

static const struct {
	const char *listen;
	bool warned;
} admin_rows[] = {
    {"0.0.0.0:9145", true},	 {"[::]:9145", true},	    {"192.0.2.1:9145", true},
    {"127.0.0.1:9145", false},	 {"127.1.2.3:9145", false}, {"[::1]:9145", false},
    {"unix:/tmp/x.sock", false},
};

START_TEST(the_test_of_a_file_warns_of_an_open_admin_endpoint)
{
	char config[1024];

	snprintf(config, sizeof(config),
		 "admin = { listen = \"%s\"; };\n"
		 "listeners = ( { listen = \"127.0.0.1:7000\"; " TARGET "} );\n",
		 admin_rows[_i].listen);
	run_test(NULL, config);
	expect_result(0, admin_rows[_i].warned ? "tested.conf: warning: admin.listen: everybody "
					       : NULL);
	ck_assert_int_eq(strstr(result.err, "warning") != NULL, admin_rows[_i].warned);
	ck_assert_int_eq(strstr(result.err, admin_rows[_i].listen) != NULL, admin_rows[_i].warned);
}
END_TEST

START_TEST(flags_warn_as_well)
{
	struct command command;

	daemon_command(&command);
	command_add(&command, "-l");
	command_add(&command, "0.0.0.0:7000");
	command_add(&command, "-4");
	command_add(&command, BACKEND_V4);
	daemon_start_command(&command);
	daemon_log_await(" is ready", NULL, NULL);
	ck_assert_uint_eq(daemon_log_count("warn ", "allowed_subnets"), 1);
}
END_TEST

/* ---- descriptors ---- */

/* Run what follows where 500 descriptors are the limit. */
static const char script[] = "ulimit -n 500; exec \"$@\"";

static void start_limited(const char *first, const char *second)
{
	const char *const limited[] = {"/bin/sh", "-c", script, "sh", NULL};
	struct command command;
	char config[2048];

	snprintf(config, sizeof(config),
		 "workers = 2;\nlisteners = ( { name = \"t\"; %s }, { name = \"u\"; %s } );\n",
		 first, second);
	make_command(&command, limited, daemon_write_config(config));
	daemon_start_command(&command);
	daemon_log_await(" is ready", NULL, NULL);
}

#define ON_7000 "listen = \"127.0.0.1:7000\"; " TARGET
#define ON_7001 "listen = \"127.0.0.1:7001\"; " TARGET

START_TEST(limits_that_do_not_fit_the_descriptors_are_said)
{
	/* A tool around it keeps some of the descriptors for itself. */
	if (daemon_is_wrapped())
		return;
	start_limited(ON_7000 "max_connections = 240;",
		      ON_7001 "protocol = \"udp\"; max_flows = 501;");
	ck_assert_uint_eq(daemon_log_count("warn ", "listener t: max_connections = 240"), 1);
	ck_assert_uint_eq(daemon_log_count("warn ", "listener u: max_flows = 501"), 1);
	ck_assert_uint_eq(daemon_log_count("listener t: max_connections", " 500 "), 1);
	ck_assert_uint_eq(daemon_log_count("warn ", "descriptors"), 2);
}
END_TEST

START_TEST(limits_that_fit_are_not_mentioned)
{
	start_limited(ON_7000 "max_connections = 50;",
		      ON_7001 "protocol = \"udp\"; max_flows = 100;");
	ck_assert_uint_eq(daemon_log_count("warn ", "descriptors"), 0);
	ck_assert_uint_eq(daemon_log_count("descriptors", NULL), 0);
}
END_TEST

START_TEST(limits_that_fit_only_one_by_one_are_said_once)
{
	start_limited(ON_7000 "max_connections = 150;", ON_7001 "max_connections = 150;");
	ck_assert_uint_eq(daemon_log_count("warn ", "together"), 1);
	ck_assert_uint_eq(daemon_log_count("warn ", "descriptors"), 1);
}
END_TEST

START_TEST(a_default_that_does_not_fit_is_no_warning)
{
	start_limited(ON_7000 "protocol = \"udp\";", ON_7001 "protocol = \"udp\";");
	ck_assert_uint_eq(daemon_log_count("warn ", "descriptors"), 0);
	ck_assert_uint_eq(daemon_log_count("info ", "max_flows"), 1);
}
END_TEST

START_TEST(more_sockets_than_descriptors_is_said_before_it_fails)
{
	const char *const limited[] = {"/bin/sh", "-c", script, "sh", NULL};
	struct command command;

	if (daemon_is_wrapped())
		return;
	make_command(&command, limited,
		     harness_write("many.conf",
				   "workers = 2;\nlisteners = ( { name = \"t\"; listen = "
				   "\"127.0.0.1:7000-7299\"; " TARGET " } );\n"));
	command_run(&command, &result);
	expect_result(1, "listener t: listen: 300 ");
	expect_result(1, " 600 descriptors");
	expect_result(1, " 500 ");
}
END_TEST

/* ---- the host ---- */

static void run_with(const char *const *before, const char *keys)
{
	char config[1024];

	snprintf(config, sizeof(config), "%s\nlisteners = ( { %s } );\n", keys, ON_7000);
	run_test(before, config);
}

START_TEST(a_user_that_does_not_exist_is_a_mistake)
{
	run_with(NULL, "user = \"no-such-user\"; group = \"no-such-group\";");
	expect_result(2, "tested.conf:1: user: there is no user \"no-such-user\"");
	expect_result(2, "tested.conf:1: group: there is no group \"no-such-group\"");
	ck_assert_ptr_null(strstr(result.out, "is valid"));
	run_with(NULL, "user = \"nobody\";");
#ifdef HAVE_CAP_NG
	if (!user_map_has(65534)) {
		expect_result(2, "tested.conf:1: user: the user \"nobody\" is not one of this user "
				 "namespace");
		return;
	}
	expect_result(0, NULL);
	ck_assert_str_eq(result.err, "");
#endif
}
END_TEST

static void run_with_target(const char *const *before, const char *target)
{
	char keys[512];

	snprintf(keys, sizeof(keys), "log = { target = \"%s\"; };", target);
	run_with(before, keys);
}

START_TEST(a_log_that_cannot_be_opened_is_a_mistake)
{
	const char *wrong[] = {"/nonexistent/file.log", "/tmp", harness_path("mmproxy.log/x")};
	char expected[512];

	harness_write("mmproxy.log", "");
	for (size_t i = 0; i < 3; i++) {
		run_with_target(NULL, wrong[i]);
		snprintf(expected, sizeof(expected),
			 "tested.conf:1: log.target: cannot open %s: ", wrong[i]);
		expect_result(2, expected);
	}
}
END_TEST

START_TEST(the_test_does_not_create_the_log)
{
	const char *path = harness_path("new.log");

	run_with_target(NULL, path);
	expect_result(0, NULL);
	ck_assert_str_eq(result.err, "");
	ck_assert_int_lt(access(path, F_OK), 0);
	harness_write("new.log", "");
	run_with_target(NULL, path);
	expect_result(0, NULL);
	run_with_target(NULL, "syslog");
	expect_result(0, NULL);
}
END_TEST

START_TEST(what_only_root_may_do_is_no_mistake_of_others)
{
	static const char *const nobody[] = {"setpriv", "--reuid=" NOBODY, "--regid=" NOBODY,
					     "--clear-groups", NULL};

	/* A user namespace of an ordinary user has no second user. */
	if (daemon_is_wrapped() || !harness_has_tool("setpriv"))
		return;
	harness_shell("mkdir -m 0700 %s && mkdir -m 0755 %s && touch %s && chmod 0600 %s",
		      harness_path("private"), harness_path("public"),
		      harness_path("public/there.log"), harness_path("public/there.log"));
	run_with_target(nobody, harness_path("private/new.log"));
	expect_result(0, "warning: log.target: ");
	run_with_target(nobody, harness_path("public/new.log"));
	expect_result(0, "warning: log.target: ");
	run_with_target(nobody, harness_path("public/there.log"));
	expect_result(0, "warning: log.target: ");
	run_with(nobody, "user = \"nobody\";");
	expect_result(0, NULL);
	run_with_target(nobody, harness_path("none/new.log"));
	expect_result(2, "log.target: cannot open ");
}
END_TEST

/* ---- return routes ---- */

START_TEST(the_test_of_a_file_says_which_routes_are_missing)
{
	run_with(NULL, "");
	expect_result(0, "warning: listener listener1: no rule leads what 127.0.0.1:8000 answers");
	if (routes_are_built())
		expect_result(0, "--setup-routing");
	/* The daemon will make them. */
	if (routes_are_built()) {
		run_with(NULL, "routing = { manage = true; };");
		ck_assert_ptr_null(strstr(result.err, "no rule"));
	}
	netns_set_up_loopback();
	run_with(NULL, "");
	expect_result(0, NULL);
	ck_assert_ptr_null(strstr(result.err, "no rule"));
}
END_TEST

static Suite *start_suite(void)
{
	const int rows = (int)(sizeof(open_rows) / sizeof(open_rows[0]));
	Suite *suite = suite_create("net_start");
	TCase *lines = harness_case(suite, "lines", 60);
	TCase *host = harness_case(suite, "host", 60);
	TCase *routes = harness_case_without_routes(suite, "routes", 60);

	tcase_add_test(lines, a_range_of_ports_is_one_line);
	tcase_add_loop_test(lines, a_listener_open_to_all_is_warned_of_once, 0, rows);
	tcase_add_loop_test(lines, the_test_of_a_file_warns_as_well, 0, rows);
	tcase_add_loop_test(lines, the_test_of_a_file_warns_of_an_open_admin_endpoint, 0,
			    sizeof(admin_rows) / sizeof(admin_rows[0]));
	tcase_add_test(lines, flags_warn_as_well);
	tcase_add_test(lines, limits_that_do_not_fit_the_descriptors_are_said);
	tcase_add_test(lines, limits_that_fit_are_not_mentioned);
	tcase_add_test(lines, limits_that_fit_only_one_by_one_are_said_once);
	tcase_add_test(lines, a_default_that_does_not_fit_is_no_warning);
	tcase_add_test(lines, more_sockets_than_descriptors_is_said_before_it_fails);
	tcase_add_test(host, a_user_that_does_not_exist_is_a_mistake);
	tcase_add_test(host, a_log_that_cannot_be_opened_is_a_mistake);
	tcase_add_test(host, the_test_does_not_create_the_log);
	tcase_add_test(routes, the_test_of_a_file_says_which_routes_are_missing);
	if (geteuid() == 0)
		tcase_add_test(host, what_only_root_may_do_is_no_mistake_of_others);
	return suite;
}

int main(void)
{
	return harness_run(start_suite());
}
