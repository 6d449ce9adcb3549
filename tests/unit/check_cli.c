/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of daemon/cli. */
#include "daemon/cli.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#define ARGUMENTS_MAX 16

static struct cli cli;
static char text[1024];
static char *arguments[ARGUMENTS_MAX];

/* Parse the words of a command line. */
static int parse(const char *line)
{
	int count = 1;

	arguments[0] = "mmproxy";
	ck_assert_uint_lt(strlen(line), sizeof(text));
	strcpy(text, line);
	for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
		arguments[count++] = word;
	arguments[count] = NULL;
	return cli_parse(&cli, count, arguments);
}

static void assert_flag(size_t index, const char *name, const char *value)
{
	ck_assert_uint_lt(index, cli.flags_count);
	ck_assert_str_eq(cli.flags[index].name, name);
	if (value == NULL)
		ck_assert_ptr_null(cli.flags[index].value);
	else
		ck_assert_str_eq(cli.flags[index].value, value);
}

START_TEST(test_modes)
{
	static const struct {
		const char *line;
		enum cli_mode mode;
	} cases[] = {
	    {"", CLI_RUN},
	    {"-t", CLI_TEST},
	    {"--test", CLI_TEST},
	    {"-h", CLI_HELP},
	    {"--help", CLI_HELP},
	    {"-V", CLI_VERSION},
	    {"-version", CLI_VERSION},
	    {"--show-config", CLI_SHOW_CONFIG},
	    {"-c f -t", CLI_TEST},
	    {"--decode", CLI_DECODE},
	    {"-decode f", CLI_DECODE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(parse(cases[i].line) == 0, "%s", cases[i].line);
		ck_assert_int_eq(cli.mode, cases[i].mode);
		cli_fini(&cli);
	}
}
END_TEST

START_TEST(test_routing)
{
	ck_assert_int_eq(parse("--setup-routing -c f"), 0);
	ck_assert_int_eq(cli.mode, CLI_SETUP_ROUTING);
	ck_assert(!cli.dry_run);
	cli_fini(&cli);
	ck_assert_int_eq(parse("--dry-run --setup-routing"), 0);
	ck_assert_int_eq(cli.mode, CLI_SETUP_ROUTING);
	ck_assert(cli.dry_run);
	cli_fini(&cli);
	ck_assert_int_eq(parse("--clear-routing -l 0.0.0.0:1"), 0);
	ck_assert_int_eq(cli.mode, CLI_CLEAR_ROUTING);
	ck_assert_uint_eq(cli.flags_count, 1);
	cli_fini(&cli);
}
END_TEST

START_TEST(test_config)
{
	ck_assert_int_eq(parse("-c a.conf"), 0);
	ck_assert_str_eq(cli.config, "a.conf");
	ck_assert_uint_eq(cli.flags_count, 0);
	cli_fini(&cli);
	ck_assert_int_eq(parse("--c=a=b"), 0);
	ck_assert_str_eq(cli.config, "a=b");
	cli_fini(&cli);
}
END_TEST

START_TEST(test_decode_takes_a_file_or_none)
{
	static const char *const lines[] = {"--decode f", "--decode=f"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		ck_assert_int_eq(parse(lines[i]), 0);
		ck_assert_str_eq(cli.decode_file, "f");
		cli_fini(&cli);
	}
	ck_assert_int_eq(parse("--decode -"), 0);
	ck_assert_str_eq(cli.decode_file, "-");
	cli_fini(&cli);
	ck_assert_int_eq(parse("--decode"), 0);
	ck_assert_ptr_null(cli.decode_file);
	cli_fini(&cli);
}
END_TEST

START_TEST(test_flags_keep_order_and_values)
{
	ck_assert_int_eq(parse("-l 0.0.0.0:1 --4=127.0.0.1:2 -dynamic-destination -mark 3 -q"), 0);
	ck_assert_uint_eq(cli.flags_count, 5);
	assert_flag(0, "l", "0.0.0.0:1");
	assert_flag(1, "4", "127.0.0.1:2");
	assert_flag(2, "dynamic-destination", NULL);
	assert_flag(3, "mark", "3");
	assert_flag(4, "q", NULL);
	cli_fini(&cli);
}
END_TEST

START_TEST(test_t_is_a_table_where_a_number_follows)
{
	ck_assert_int_eq(parse("-a f -t 100"), 0);
	ck_assert_int_eq(cli.mode, CLI_RUN);
	ck_assert_uint_eq(cli.flags_count, 2);
	assert_flag(1, "t", "100");
	cli_fini(&cli);
	ck_assert_int_eq(parse("-t 100 -t"), 0);
	ck_assert_int_eq(cli.mode, CLI_TEST);
	assert_flag(0, "t", "100");
	cli_fini(&cli);
	ck_assert_int_eq(parse("-t -l 0.0.0.0:1"), 0);
	ck_assert_int_eq(cli.mode, CLI_TEST);
	ck_assert_uint_eq(cli.flags_count, 1);
	cli_fini(&cli);
	ck_assert_int_eq(parse("-t 100x"), -1);
}
END_TEST

START_TEST(test_v_takes_a_number)
{
	ck_assert_int_eq(parse("-v 1 -v -q -v"), 0);
	ck_assert_uint_eq(cli.flags_count, 4);
	assert_flag(0, "v", "1");
	assert_flag(1, "v", NULL);
	assert_flag(2, "q", NULL);
	assert_flag(3, "v", NULL);
	cli_fini(&cli);
	ck_assert_int_eq(parse("--v=2"), 0);
	assert_flag(0, "v", "2");
	cli_fini(&cli);
}
END_TEST

START_TEST(test_short_flags_in_one_argument)
{
	ck_assert_int_eq(parse("-qv -NPm5 -t100 -l0.0.0.0:1 -4127.0.0.1:2 -6[::1]:3 -a./f"), 0);
	ck_assert_uint_eq(cli.flags_count, 10);
	assert_flag(0, "q", NULL);
	assert_flag(1, "v", NULL);
	assert_flag(2, "N", NULL);
	assert_flag(3, "P", NULL);
	assert_flag(4, "m", "5");
	assert_flag(5, "t", "100");
	assert_flag(6, "l", "0.0.0.0:1");
	assert_flag(7, "4", "127.0.0.1:2");
	assert_flag(8, "6", "[::1]:3");
	assert_flag(9, "a", "./f");
	cli_fini(&cli);
	ck_assert_int_eq(parse("-qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"), 0);
	ck_assert_uint_eq(cli.flags_count, 40);
	cli_fini(&cli);
}
END_TEST

START_TEST(test_mistakes)
{
	static const char *const lines[] = {
	    "-nonsense",
	    "word",
	    "-",
	    "--",
	    "-l",
	    "-c",
	    "-c f -l a:1",
	    "-t --show-config",
	    "-t=1",
	    "--status=x",
	    "--status -t",
	    "--status -l 0.0.0.0:1",
	    "--sessions",
	    "--watch",
	    "--json -c f",
	    "--deny",
	    "--deny=",
	    "--deny f",
	    "--deny 192.0.2.1 --for",
	    "--deny 192.0.2.1 --for soon",
	    "--deny 192.0.2.1 --for 0",
	    "--deny 192.0.2.1 --for 999999999999d",
	    "--deny 192.0.2.1 --watch",
	    "--allow 192.0.2.1 --for 5m",
	    "--for 5m",
	    "--kick 192.0.2.0/33",
	    "--kick 192.0.2.1 --deny 192.0.2.1",
	    "--kick 192.0.2.1 -mark 5",
	    "--check-routing=1",
	    "--check-routing --status",
	    "--check-routing --setup-routing",
	    "--check-routing --watch",
	    "--setup-routing --json",
	    "--setup-routing --clear-routing",
	    "--dry-run",
	    "--clear-routing --dry-run",
	    "-l 0.0.0.0:1 word",
	    "-listner 2",
	    "-mrak 5",
	    "-allowed-subnet f",
	    "--qv",
	    "-qx",
	    "-qt",
	    "--decode f g",
	    "--decode -t",
	    "-t --decode",
	    "--decode f -c g",
	    "-c g --decode",
	    "--decode -mark 1",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		ck_assert_msg(parse(lines[i]) == -1, "%s", lines[i]);
}
END_TEST

START_TEST(test_what_a_daemon_is_asked_for)
{
	char network[NETWORK_STRLEN];

	ck_assert_int_eq(parse("-c f --status --sessions --watch --json"), 0);
	ck_assert_int_eq(cli.mode, CLI_STATUS);
	ck_assert(cli.sessions && cli.watch && cli.json);
	cli_fini(&cli);
	ck_assert_int_eq(parse("--json --status"), 0);
	ck_assert(cli.json && !cli.sessions && !cli.watch);
	cli_fini(&cli);
	ck_assert_int_eq(parse("--deny 192.0.2.77/24 --for 10m"), 0);
	ck_assert_int_eq(cli.mode, CLI_DENY);
	ck_assert_str_eq(network_format(&cli.network, network), "192.0.2.0/24");
	ck_assert_int_eq(cli.seconds, 600);
	cli_fini(&cli);
	ck_assert_int_eq(parse("--for=1d -deny=2001:db8::1"), 0);
	ck_assert_str_eq(network_format(&cli.network, network), "2001:db8::1/128");
	ck_assert_int_eq(cli.seconds, 86400);
	cli_fini(&cli);
	ck_assert_int_eq(parse("--allow ::ffff:192.0.2.1"), 0);
	ck_assert_int_eq(cli.mode, CLI_ALLOW);
	ck_assert_str_eq(network_format(&cli.network, network), "192.0.2.1/32");
	cli_fini(&cli);
	ck_assert_int_eq(parse("--kick 0.0.0.0/0 -c f"), 0);
	ck_assert_int_eq(cli.mode, CLI_KICK);
	ck_assert_int_eq(cli.seconds, 0);
	ck_assert_str_eq(cli.config, "f");
	cli_fini(&cli);
}
END_TEST

START_TEST(test_help_names_the_flags)
{
	static char help[8192];
	FILE *out = fmemopen(help, sizeof(help), "w");

	ck_assert_ptr_nonnull(out);
	cli_print_help(out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(help, "-allowed-subnets FILE"));
	ck_assert_ptr_nonnull(strstr(help, "--show-config"));
	ck_assert_ptr_nonnull(strstr(help, "--decode [FILE]"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli");
	TCase *tcase = tcase_create("cli");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_modes);
	tcase_add_test(tcase, test_routing);
	tcase_add_test(tcase, test_config);
	tcase_add_test(tcase, test_decode_takes_a_file_or_none);
	tcase_add_test(tcase, test_flags_keep_order_and_values);
	tcase_add_test(tcase, test_t_is_a_table_where_a_number_follows);
	tcase_add_test(tcase, test_v_takes_a_number);
	tcase_add_test(tcase, test_short_flags_in_one_argument);
	tcase_add_test(tcase, test_mistakes);
	tcase_add_test(tcase, test_what_a_daemon_is_asked_for);
	tcase_add_test(tcase, test_help_names_the_flags);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
