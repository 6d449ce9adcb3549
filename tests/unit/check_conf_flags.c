/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of the flags of the drop-in form. */
#include "conf/conf.h"

#include "config.h"

#include "check_conf.h"

/* Flags as pairs of name and value, ended by a NULL name. */
static size_t count_flags(const struct conf_flag *flags)
{
	size_t count = 0;

	while (flags[count].name != NULL)
		count++;
	return count;
}

static struct conf *good(const struct conf_flag *flags)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf = conf_from_flags(flags, count_flags(flags), errors);

	ck_assert_msg(conf != NULL, "%s", conf_errors_text(errors, 0));
	ck_assert_uint_eq(conf_errors_count(errors), 0);
	ck_assert_uint_eq(conf->listeners_count, 1);
	conf_errors_free(errors);
	return conf;
}

static void bad(const struct conf_flag *flags, const char *expected)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf = conf_from_flags(flags, count_flags(flags), errors);
	char *lines;

	ck_assert_ptr_null(conf);
	lines = conf_lines(errors, conf_dir);
	ck_assert_str_eq(lines, expected);
	free(lines);
}

#define FLAGS(...) ((const struct conf_flag[]){__VA_ARGS__, {NULL, NULL}})
#define NO_FLAGS   ((const struct conf_flag[]){{NULL, NULL}})

static void assert_addr(const struct addr *addr, const char *expected)
{
	char text[ADDR_STRLEN];

	ck_assert_str_eq(addr_format(addr, text), expected);
}

START_TEST(test_a_target_that_nobody_names_is_assumed)
{
	struct conf *conf = good(FLAGS({"4", "127.0.0.1:8000"}));

	ck_assert(!conf->listeners[0].target_ipv4_assumed);
	ck_assert(conf->listeners[0].target_ipv6_assumed);
	conf_unref(conf);
	conf = good(FLAGS({"6", "[::1]:8000"}));
	ck_assert(conf->listeners[0].target_ipv4_assumed);
	ck_assert(!conf->listeners[0].target_ipv6_assumed);
	conf_unref(conf);
	conf = good(FLAGS({"4", "127.0.0.1:8000"}, {"6", "[::1]:443"}));
	ck_assert(!conf->listeners[0].target_ipv4_assumed);
	ck_assert(!conf->listeners[0].target_ipv6_assumed);
	conf_unref(conf);
}
END_TEST

START_TEST(test_no_flags_are_go_mmproxys_defaults)
{
	struct conf *conf = good(NO_FLAGS);
	const struct conf_listener *listener = &conf->listeners[0];

	ck_assert_str_eq(listener->name, "default");
	ck_assert_uint_eq(listener->listen_count, 1);
	assert_addr(&listener->listen[0], "0.0.0.0:8443");
	assert_addr(&listener->target_ipv4, "127.0.0.1:443");
	assert_addr(&listener->target_ipv6, "[::1]:443");
	ck_assert(!listener->target_ipv4_assumed && !listener->target_ipv6_assumed);
	ck_assert_uint_eq(conf->workers, 1);
	ck_assert_uint_eq(listener->mark, 0);
	ck_assert_uint_eq(conf->routing_table, 123);
	ck_assert_ptr_null(listener->allowed_subnets);
	ck_assert(!listener->dynamic_destination);
	ck_assert(!listener->listen_transparent);
	ck_assert_int_eq(conf->log_level, LOG_LEVEL_INFO);
	ck_assert(conf->log_connections);
	ck_assert_str_eq(conf->log_target, "stderr");
#ifdef HAVE_SECCOMP
	ck_assert(conf->sandbox);
#else
	ck_assert(!conf->sandbox);
#endif
	conf_unref(conf);
}
END_TEST

START_TEST(test_go_mmproxys_flags)
{
	struct conf *conf;
	const struct conf_listener *listener;

	conf_write("networks", "# balancers\n10.0.0.0/8\n");
	conf = good(FLAGS({"l", "[2001:db8::1]:25577"}, {"p", "tcp"}, {"4", "192.0.2.1:1"},
			  {"6", "[::1]:2"}, {"listeners", "1024"}, {"mark", "0xff"},
			  {"allowed-subnets", conf_path("networks")}, {"close-after", "0"},
			  {"dynamic-destination", NULL}, {"listen-transparent", NULL}));
	listener = &conf->listeners[0];
	assert_addr(&listener->listen[0], "[2001:db8::1]:25577");
	assert_addr(&listener->target_ipv4, "192.0.2.1:1");
	assert_addr(&listener->target_ipv6, "[::1]:2");
	ck_assert_uint_eq(conf->workers, 1024);
	ck_assert_uint_eq(listener->mark, 255);
	ck_assert_uint_eq(netset_count(listener->allowed_subnets), 1);
	ck_assert(listener->dynamic_destination);
	ck_assert(listener->listen_transparent);
	/* go-mmproxy has no list: every destination. */
	ck_assert_ptr_null(listener->allowed_destinations);
	conf_unref(conf);
}
END_TEST

START_TEST(test_udp)
{
	struct conf *conf = good(FLAGS({"p", "udp"}));
	const struct conf_listener *listener = &conf->listeners[0];

	ck_assert_int_eq(listener->protocol, CONF_PROTOCOL_UDP);
	ck_assert_int_eq(listener->udp_header, CONF_UDP_EACH);
	ck_assert_uint_eq(listener->close_after_ms, 60000);
	conf_unref(conf);
	conf = good(FLAGS({"p", "udp"}, {"close-after", "5"}));
	ck_assert_uint_eq(conf->listeners[0].close_after_ms, 5000);
	conf_unref(conf);
}
END_TEST

START_TEST(test_other_spellings)
{
	static const char *const files[] = {"a", "allowed-networks", "allowed-subnets"};
	struct conf *conf = good(FLAGS({"listen", "127.0.0.1:1"}, {"target-v4", "127.0.0.1:2"},
				       {"target-v6", "[::1]:3"}, {"table", "77"},
				       {"force-real-client-port", NULL}, {"do-not-sandbox", NULL}));

	assert_addr(&conf->listeners[0].listen[0], "127.0.0.1:1");
	assert_addr(&conf->listeners[0].target_ipv4, "127.0.0.1:2");
	assert_addr(&conf->listeners[0].target_ipv6, "[::1]:3");
	ck_assert_uint_eq(conf->routing_table, 77);
	ck_assert_int_eq(conf->listeners[0].source_port, CONF_SOURCE_PRESERVE);
	ck_assert(!conf->sandbox);
	conf_unref(conf);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		conf = good(FLAGS({files[i], conf_write("networks", "10.0.0.0/8\n")}));
		ck_assert_uint_eq(netset_count(conf->listeners[0].allowed_subnets), 1);
		conf_unref(conf);
	}
}
END_TEST

/* Each flag that only Cloudflare's mmproxy has brings the defaults of that. */
START_TEST(test_cloudflares_defaults)
{
	static const struct conf_flag flags[] = {
	    {"a", ""},
	    {"allowed-networks", ""},
	    {"listen", "127.0.0.1:1"},
	    {"target-v4", "127.0.0.1:2"},
	    {"target-v6", "[::1]:3"},
	    {"q", NULL},
	    {"quiet", NULL},
	    {"v", NULL},
	    {"verbose", NULL},
	    {"N", NULL},
	    {"do-not-sandbox", NULL},
	    {"P", NULL},
	    {"force-real-client-port", NULL},
	    {"m", "123"},
	    {"t", "100"},
	    {"table", "100"},
	};

	conf_write("networks", "10.0.0.0/8\n");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		bool is_file = flags[i].value != NULL && flags[i].value[0] == '\0';
		bool is_port = flags[i].name[0] == 'P' || flags[i].name[0] == 'f';
		struct conf *conf =
		    good(FLAGS({flags[i].name, is_file ? conf_path("networks") : flags[i].value}));

		ck_assert_msg(conf->listeners[0].mark == 123, "-%s", flags[i].name);
		ck_assert_msg(conf->routing_table == 100, "-%s", flags[i].name);
		ck_assert_msg(conf->listeners[0].source_port ==
				  (is_port ? CONF_SOURCE_PRESERVE : CONF_SOURCE_FALLBACK),
			      "-%s", flags[i].name);
		conf_unref(conf);
	}
}
END_TEST

START_TEST(test_cloudflares_defaults_give_way)
{
	struct conf *conf = good(FLAGS({"mark", "7"}, {"t", "77"}, {"q", NULL}, {"P", "true"}));

	ck_assert_uint_eq(conf->listeners[0].mark, 7);
	ck_assert_uint_eq(conf->routing_table, 77);
	ck_assert_int_eq(conf->listeners[0].source_port, CONF_SOURCE_PRESERVE);
	conf_unref(conf);
	/* And are none for go-mmproxy's command lines. */
	conf = good(FLAGS({"l", "0.0.0.0:2"}, {"v", "1"}, {"4", "127.0.0.1:1"}, {"mark", "0"},
			  {"listeners", "2"}, {"p", "tcp"}, {"close-after", "60"}));
	ck_assert_uint_eq(conf->listeners[0].mark, 0);
	ck_assert_uint_eq(conf->routing_table, 123);
	ck_assert_int_eq(conf->listeners[0].source_port, CONF_SOURCE_PRESERVE);
	conf_unref(conf);
}
END_TEST

START_TEST(test_verbosity)
{
	static const struct {
		struct conf_flag flags[3];
		enum log_level level;
		bool connections;
	} cases[] = {
	    {{{"v", "0"}}, LOG_LEVEL_INFO, false},
	    {{{"v", "1"}}, LOG_LEVEL_WARN, true},
	    {{{"v", "2"}}, LOG_LEVEL_DEBUG, true},
	    {{{"q", NULL}}, LOG_LEVEL_WARN, false},
	    {{{"quiet", "true"}}, LOG_LEVEL_WARN, false},
	    {{{"verbose", NULL}}, LOG_LEVEL_INFO, true},
	    {{{"v", NULL}}, LOG_LEVEL_INFO, true},
	    {{{"v", NULL}, {"q", NULL}}, LOG_LEVEL_INFO, true},
	    {{{"quiet", NULL}, {"verbose", NULL}}, LOG_LEVEL_INFO, true},
	    {{{"quiet", "false"}}, LOG_LEVEL_INFO, true},
	    {{{"q", NULL}, {"v", "2"}}, LOG_LEVEL_DEBUG, true},
	    {{{"v", "2"}, {"q", NULL}}, LOG_LEVEL_WARN, false},
	    {{{"v", "2"}, {"v", "0"}}, LOG_LEVEL_INFO, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *conf = good(cases[i].flags);

		ck_assert_msg(conf->log_level == cases[i].level, "case %zu", i);
		ck_assert_msg(conf->log_connections == cases[i].connections, "case %zu", i);
		conf_unref(conf);
	}
}
END_TEST

START_TEST(test_the_last_of_equal_flags_holds)
{
	struct conf *conf;

	conf_write("networks", "10.0.0.0/8\n192.0.2.0/24\n");
	conf = good(FLAGS({"l", "0.0.0.0:1"}, {"listen", "0.0.0.0:2"}, {"4", "127.0.0.1:3"},
			  {"target-v4", "127.0.0.1:4"}, {"a", conf_path("networks")},
			  {"allowed-subnets", conf_path("networks")}, {"dynamic-destination", "t"},
			  {"dynamic-destination", "false"}));
	ck_assert_uint_eq(conf->listeners[0].listen_count, 1);
	assert_addr(&conf->listeners[0].listen[0], "0.0.0.0:2");
	assert_addr(&conf->listeners[0].target_ipv4, "127.0.0.1:4");
	ck_assert_uint_eq(netset_count(conf->listeners[0].allowed_subnets), 2);
	ck_assert(!conf->listeners[0].dynamic_destination);
	conf_unref(conf);
}
END_TEST

START_TEST(test_switches_take_gos_words)
{
	static const char *const on[] = {"true", "TRUE", "True", "t", "T", "1"};
	static const char *const off[] = {"false", "FALSE", "False", "f", "F", "0"};

	for (size_t i = 0; i < 6; i++) {
		struct conf *conf = good(FLAGS({"listen-transparent", on[i]}));

		ck_assert(conf->listeners[0].listen_transparent);
		conf_unref(conf);
		conf = good(FLAGS({"listen-transparent", on[i]}, {"listen-transparent", off[i]}));
		ck_assert(!conf->listeners[0].listen_transparent);
		conf_unref(conf);
	}
	bad(FLAGS({"listen-transparent", "yes"}, {"q", ""}, {"do-not-sandbox", "2"}),
	    "mmproxy: -listen-transparent: \"yes\" is not true or false\n"
	    "mmproxy: -q: \"\" is not true or false\n"
	    "mmproxy: -do-not-sandbox: \"2\" is not true or false\n");
}
END_TEST

START_TEST(test_default_targets_never_loop)
{
	struct conf *conf = good(FLAGS({"l", "[::]:443"}, {"4", "127.0.0.1:8443"}));

	assert_addr(&conf->listeners[0].target_ipv4, "127.0.0.1:8443");
	ck_assert(!addr_is_set(&conf->listeners[0].target_ipv6));
	conf_unref(conf);
	bad(FLAGS({"l", "0.0.0.0:443"}),
	    "mmproxy: -4: 127.0.0.1:443 is mmproxy itself, which listens on 0.0.0.0:443: a loop\n");
	bad(FLAGS({"l", "0.0.0.0:7000"}, {"4", "127.0.0.1:7000"}),
	    "mmproxy: -4: 127.0.0.1:7000 is mmproxy itself, which listens on 0.0.0.0:7000: a "
	    "loop\n");
}
END_TEST

START_TEST(test_mistakes)
{
	bad(FLAGS({"l", ":8443"}),
	    "mmproxy: -l: \":8443\" is not an address: \"IPV4:PORT\" or \"[IPV6]:PORT\" in "
	    "numbers, "
	    "where PORT may be a range such as 10000-10019 (every address is \"0.0.0.0:PORT\" and "
	    "\"[::]:PORT\")\n");
	bad(FLAGS({"p", "sctp"}, {"4", "[::1]:80"}, {"target-v6", "127.0.0.1:80"}),
	    "mmproxy: -p: \"sctp\" is not one of \"tcp\", \"udp\"\n"
	    "mmproxy: -4: \"[::1]:80\" is not an IPv4 address and port such as \"127.0.0.1:443\"\n"
	    "mmproxy: -target-v6: \"127.0.0.1:80\" is not an IPv6 address and port such as "
	    "\"[::1]:443\"\n");
	bad(FLAGS({"listeners", "0"}, {"mark", "-1"}, {"close-after", "1s"}, {"v", "3"},
		  {"table", "255"}),
	    "mmproxy: -listeners: \"0\" is not an integer from 1 to 1024\n"
	    "mmproxy: -mark: \"-1\" is not an integer from 0 to 4294967295\n"
	    "mmproxy: -close-after: \"1s\" is not a whole number of seconds\n"
	    "mmproxy: -v: \"3\" is not 0, 1 or 2\n"
	    "mmproxy: -table: 255 is one of the kernel's own tables (253, 254, 255): use "
	    "another\n");
	bad(FLAGS({"l", NULL}, {"t", NULL}, {"nope", "x"}),
	    "mmproxy: -l: a value is missing\n"
	    "mmproxy: -t: a value is missing\n"
	    "mmproxy: -nope: unknown flag: mmproxy --help has them all\n");
}
END_TEST

START_TEST(test_allow_lists_fail_closed)
{
	bad(FLAGS({"allowed-subnets", "/nonexistent"}),
	    "mmproxy: -allowed-subnets: \"/nonexistent\" cannot be read: No such file or "
	    "directory\n");
	conf_write("networks", "\n# nothing\n");
	bad(FLAGS({"a", conf_path("networks")}),
	    "mmproxy: -a: \"networks\" names no network: one or "
	    "more are needed, one a line\n");
	conf_write("networks", "10.0.0.0/8\nx\n");
	bad(FLAGS({"a", conf_path("networks")}),
	    "mmproxy: -a: networks:2: \"x\" is not a network such as \"192.0.2.0/24\" or "
	    "\"2001:db8::/32\", or an address\n");
}
END_TEST

START_TEST(test_known_flags)
{
	static const char *const with_value[] = {"l",
						 "listen",
						 "p",
						 "4",
						 "target-v4",
						 "6",
						 "mark",
						 "a",
						 "target-v6",
						 "listeners",
						 "table",
						 "close-after",
						 "m",
						 "allowed-subnets",
						 "allowed-networks"};
	static const char *const number[] = {"v", "t"};
	static const char *const without[] = {"q",
					      "quiet",
					      "verbose",
					      "dynamic-destination",
					      "listen-transparent",
					      "force-real-client-port",
					      "do-not-sandbox",
					      "N",
					      "P"};
	static const char *const unknown[] = {"", "c", "h", "V", "-l", "L", "liste", "listens"};

	for (size_t i = 0; i < sizeof(with_value) / sizeof(with_value[0]); i++)
		ck_assert_int_eq(conf_flag_kind(with_value[i]), CONF_FLAG_VALUE);
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
		ck_assert_int_eq(conf_flag_kind(number[i]), CONF_FLAG_NUMBER);
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		ck_assert_int_eq(conf_flag_kind(without[i]), CONF_FLAG_SWITCH);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		ck_assert_int_eq(conf_flag_kind(unknown[i]), CONF_FLAG_UNKNOWN);
}
END_TEST

START_TEST(test_what_flags_mean_as_a_file)
{
	char *networks = strdup(conf_write("networks", "10.0.0.0/8\n"));
	struct conf *conf =
	    good(FLAGS({"dynamic-destination", NULL}, {"q", NULL}, {"a", networks}));
	char *shown = conf_shown(conf);
	struct conf *again;

	conf_write("networks", "10.0.0.0/8\n192.0.2.1\n");
	again = conf_load_good(conf_write("shown.conf", shown));
	ck_assert_uint_eq(netset_count(again->listeners[0].allowed_subnets), 2);
	ck_assert_str_eq(again->listeners[0].allowed_subnets_file, networks);
	ck_assert_str_eq(again->listeners[0].name, "default");
	ck_assert_int_eq(again->log_level, LOG_LEVEL_WARN);
	ck_assert(again->listeners[0].dynamic_destination);
	/* A file has to say that every destination is meant. */
	ck_assert_uint_eq(netset_count(again->listeners[0].allowed_destinations), 2);
	free(networks);
	free(shown);
	conf_unref(conf);
	conf_unref(again);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_flags");
	TCase *tcase = tcase_create("conf_flags");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, conf_dir_setup, conf_dir_teardown);
	tcase_add_test(tcase, test_no_flags_are_go_mmproxys_defaults);
	tcase_add_test(tcase, test_a_target_that_nobody_names_is_assumed);
	tcase_add_test(tcase, test_go_mmproxys_flags);
	tcase_add_test(tcase, test_udp);
	tcase_add_test(tcase, test_other_spellings);
	tcase_add_test(tcase, test_cloudflares_defaults);
	tcase_add_test(tcase, test_cloudflares_defaults_give_way);
	tcase_add_test(tcase, test_verbosity);
	tcase_add_test(tcase, test_the_last_of_equal_flags_holds);
	tcase_add_test(tcase, test_switches_take_gos_words);
	tcase_add_test(tcase, test_default_targets_never_loop);
	tcase_add_test(tcase, test_mistakes);
	tcase_add_test(tcase, test_allow_lists_fail_closed);
	tcase_add_test(tcase, test_known_flags);
	tcase_add_test(tcase, test_what_flags_mean_as_a_file);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
