/* SPDX-License-Identifier: BSD-2-Clause */
/* The program as a person or a script runs it: command line, exit codes, checking files, refusals.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#include "command.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"

static struct command_result result;

/* Run mmproxy with up to four arguments. */
static void run(const char *a, const char *b, const char *c, const char *d)
{
	const char *const args[] = {a, b, c, d};
	struct command command;

	daemon_command(&command);
	for (size_t i = 0; i < 4 && args[i] != NULL; i++)
		command_add(&command, args[i]);
	command_run(&command, &result);
}

static void expect_exit(int code)
{
	ck_assert_msg(result.exit_code == code, "exit %d, not %d; it wrote: %s%s", result.exit_code,
		      code, result.out, result.err);
}

static void expect_error(int code, const char *text)
{
	expect_exit(code);
	ck_assert_msg(strstr(result.err, text) != NULL, "no \"%s\" in: %s", text, result.err);
}

static const char small_config[] =
    "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " } );\n";

/* Every key of the TCP part, each with a value that is not its default. */
static const char *full_config(void)
{
	static char text[4096];
	const char *networks = harness_write("networks", "# balancers\n127.0.0.0/8\n\n10.1.1.1\n");

	snprintf(
	    text, sizeof(text),
	    "workers = 2;\n"
	    "drain_timeout = \"7s\";\n"
	    "log = { level = \"warn\"; format = \"json\"; target = \"syslog\"; connections = "
	    "false; };\n"
	    "routing = { table = 77; };\n"
	    "defaults = { header_timeout = \"1500ms\"; mark = 9; };\n"
	    "listeners = (\n"
	    "  { name = \"one\"; listen = [ \"" LISTEN_V4
	    "\", \"[::1]:7000\" ]; protocol = \"tcp\";\n"
	    "    " DAEMON_TARGETS "\n"
	    "    allowed_subnets_file = \"%s\"; headerless_subnets = [ \"10.0.0.0/8\" ];\n"
	    "    denied_clients = [ \"192.0.2.66\", \"2001:db8:bad::/48\" ];\n"
	    "    allowed_clients = [ \"0.0.0.0/0\", \"::/0\" ];\n"
	    "    source_port = \"fallback\"; max_connections = 321; connect_timeout = 4;\n"
	    "    idle_timeout = \"1h\"; half_close_timeout = \"90s\"; tcp_keepalive = \"2m\";\n"
	    "    header_max = 2048; relay = \"buffered\"; backend_buffer = 65536; },\n"
	    "  { name = \"two\"; listen = \"127.0.0.1:7100-7109\"; targets = { ipv4 = \"" BACKEND_V4
	    "\"; };\n"
	    "    allowed_subnets = [ \"127.0.0.0/8\" ]; mark = 0; listen_transparent = true;\n"
	    "    dynamic_destination = true; allowed_destinations = [ \"127.0.0.0/8\" ]; } );\n",
	    networks);
	return text;
}

START_TEST(help_goes_to_standard_output)
{
	static const char *const forms[] = {"-h", "--help", "-help"};

	for (size_t i = 0; i < 3; i++) {
		run(forms[i], NULL, NULL, NULL);
		expect_exit(0);
		ck_assert_ptr_nonnull(strstr(result.out, "--show-config"));
		ck_assert_ptr_nonnull(strstr(result.out, "-allowed-subnets"));
		ck_assert_str_eq(result.err, "");
	}
}
END_TEST

START_TEST(version_goes_to_standard_output)
{
	static const char *const forms[] = {"-V", "--version"};

	for (size_t i = 0; i < 2; i++) {
		run(forms[i], NULL, NULL, NULL);
		expect_exit(0);
		ck_assert_int_eq(strncmp(result.out, "mmproxy " PACKAGE_VERSION "\n",
					 9 + strlen(PACKAGE_VERSION)),
				 0);
		ck_assert_str_eq(result.err, "");
	}
}
END_TEST

START_TEST(wrong_usage_exits_with_2)
{
	static const char *const wrong[][3] = {
	    {"--no-such-flag=3", NULL, "mmproxy: --no-such-flag: unknown flag"},
	    {"-no-such-flag", NULL, "mmproxy: -no-such-flag: unknown flag"},
	    {"-x", NULL, "x"},
	    {"stray", NULL, "stray"},
	    {"-c", NULL, "c"},
	    {"-l", NULL, "l"},
	    {"-l", "nowhere", "nowhere"},
	    {"-4", "127.0.0.1", "127.0.0.1"},
	    {"-p", "sctp", "sctp"},
	    {"-v", "7", "7"},
	    {"-mark", "many", "many"},
	    {"-listeners", "-1", "-1"},
	    {"-allowed-subnets", "/nonexistent", "/nonexistent"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		run(wrong[i][0], wrong[i][1], NULL, NULL);
		expect_error(2, wrong[i][2]);
		ck_assert_str_eq(result.out, "");
	}
}
END_TEST

START_TEST(a_valid_file_passes_the_test)
{
	const char *path = harness_write("good.conf", full_config());

	run("-c", path, "-t", NULL);
	expect_exit(0);
	run("-c", path, "--test", NULL);
	expect_exit(0);
	run("-t", "-c", path, NULL);
	expect_exit(0);
}
END_TEST

START_TEST(every_mistake_is_told_in_one_run)
{
	static const char *const lines[] = {"bad.conf:1: ", "bad.conf:2: ", "bad.conf:4: ",
					    "bad.conf:5: ", "bad.conf:6: ", "bad.conf:7: "};
	const char *path =
	    harness_write("bad.conf", "workers = \"many\";\n"
				      "log = { level = \"loud\"; };\n"
				      "listeners = ( { name = \"t\"; listen = \"127.0.0.1:7000\";\n"
				      "  targets = { ipv4 = \"127.0.0.1:99999\"; };\n"
				      "  header_timeout = \"soon\";\n"
				      "  hedaer_max = 100;\n"
				      "  allowed_subnets = [ ]; } );\n");

	/* With -t and without: an invalid file never starts anything. */
	for (int with_t = 0; with_t < 2; with_t++) {
		run("-c", path, with_t ? "-t" : NULL, NULL);
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
			expect_error(2, lines[i]);
		expect_error(2, "loud");
		expect_error(2, "hedaer_max");
		expect_error(2, "header_max");
	}
}
END_TEST

START_TEST(a_missing_or_broken_file_exits_with_2)
{
	run("-c", "/nonexistent/mmproxy.conf", NULL, NULL);
	expect_error(2, "/nonexistent/mmproxy.conf");
	run("-c", "/nonexistent/mmproxy.conf", "-t", NULL);
	expect_error(2, "/nonexistent/mmproxy.conf");
	run("-c", harness_write("broken.conf", "workers = 1;\nlisteners = (\n"), "-t", NULL);
	expect_error(2, "broken.conf:");
	run("-c", harness_write("empty.conf", ""), "-t", NULL);
	expect_error(2, "empty.conf");
}
END_TEST

START_TEST(shown_configuration_reads_back_the_same)
{
	char *first;

	run("-c", harness_write("full.conf", full_config()), "--show-config", NULL);
	expect_exit(0);
	first = strdup(result.out);
	run("-c", harness_write("shown.conf", first), "-t", NULL);
	expect_exit(0);
	run("-c", harness_path("shown.conf"), "--show-config", NULL);
	expect_exit(0);
	ck_assert_str_eq(result.out, first);
	ck_assert_ptr_nonnull(strstr(first, "1500ms"));
	ck_assert_ptr_nonnull(strstr(first, "2001:db8:bad::/48"));
	ck_assert_ptr_nonnull(strstr(first, "321"));
	ck_assert_ptr_nonnull(strstr(first, "fallback"));
	free(first);
}
END_TEST

START_TEST(shown_configuration_includes_defaults)
{
	static const char *const shown[] = {"workers = 0", "drain_timeout = \"30s\"",
					    "header_max = 4096", "half_close_timeout = \"5m\"",
					    "source_port = \"preserve\""};

	run("-c", harness_write("small.conf", small_config), "--show-config", NULL);
	expect_exit(0);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		ck_assert_msg(strstr(result.out, shown[i]) != NULL, "no %s in %s", shown[i],
			      result.out);
}
END_TEST

/* Start a listener on this address from a file; the program must end by itself. */
static void run_listener(const char *listen, unsigned workers)
{
	char config[512];

	snprintf(config, sizeof(config),
		 "workers = %u;\nlisteners = ( { name = \"t\"; listen = \"%s\"; " DAEMON_TARGETS
		 " } );\n",
		 workers, listen);
	run("-c", harness_write("second.conf", config), NULL, NULL);
}

START_TEST(an_address_that_cannot_be_bound_is_an_error)
{
	peer_listen(LISTEN_V4);
	run_listener(LISTEN_V4, 1);
	expect_error(1, LISTEN_V4);
	/* Not an address of this host. */
	run_listener("192.0.2.1:7001", 1);
	expect_error(1, "192.0.2.1:7001");
	/* One of a range. */
	peer_listen("127.0.0.1:7105");
	run_listener("127.0.0.1:7100-7109", 2);
	expect_error(1, "127.0.0.1:7105");
}
END_TEST

START_TEST(a_second_instance_is_refused)
{
	unsigned workers = (unsigned)_i;
	char config[512];

	snprintf(config, sizeof(config), "workers = %u;\n%s", workers, small_config);
	daemon_start_config(config);
	run_listener(LISTEN_V4, 1);
	expect_error(1, LISTEN_V4);
	run_listener(LISTEN_V4, 2);
	expect_error(1, LISTEN_V4);
	daemon_assert_alive();
}
END_TEST

START_TEST(without_capabilities_it_says_what_to_grant)
{
	struct command command;

	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_write("small.conf", small_config));
	/* CAP_NET_ADMIN and CAP_NET_RAW, as linux/capability.h numbers them. */
	command.dropped_caps = 1u << 12 | 1u << 13;
	command_run(&command, &result);
	expect_error(1, "CAP_NET_RAW");
	expect_error(1, "CAP_NET_ADMIN");
	/* And how: one of the usual ways. */
	ck_assert_msg(strstr(result.err, "setcap") != NULL ||
			  strstr(result.err, "AmbientCapabilities") != NULL,
		      "no advice in: %s", result.err);
}
END_TEST

static Suite *cli_suite(void)
{
	Suite *suite = suite_create("net_cli");
	TCase *usage = harness_case(suite, "usage", 60);
	TCase *files = harness_case(suite, "files", 60);
	TCase *refusals = harness_case(suite, "refusals", 60);

	tcase_add_test(usage, help_goes_to_standard_output);
	tcase_add_test(usage, version_goes_to_standard_output);
	tcase_add_test(usage, wrong_usage_exits_with_2);
	tcase_add_test(files, a_valid_file_passes_the_test);
	tcase_add_test(files, every_mistake_is_told_in_one_run);
	tcase_add_test(files, a_missing_or_broken_file_exits_with_2);
	tcase_add_test(files, shown_configuration_reads_back_the_same);
	tcase_add_test(files, shown_configuration_includes_defaults);
	tcase_add_test(refusals, an_address_that_cannot_be_bound_is_an_error);
	tcase_add_loop_test(refusals, a_second_instance_is_refused, 1, 3);
	tcase_add_test(refusals, without_capabilities_it_says_what_to_grant);
	return suite;
}

int main(void)
{
	return harness_run(cli_suite());
}
