/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of printing a configuration as a file. */
#include "conf/conf.h"

#include "check_conf.h"

/* A listener's keys that every small file here has. */
#define TARGETS "targets = { ipv4 = \"127.0.0.1:9000\"; }; "
#define BASICS	"listen = \"127.0.0.1:7000\"; " TARGETS

static void assert_set(const struct netset *set, const char *const *expected)
{
	size_t count = 0;

	ck_assert_ptr_nonnull(set);
	for (; expected[count] != NULL; count++)
		ck_assert_str_eq(netset_text(set, count), expected[count]);
	ck_assert_uint_eq(netset_count(set), count);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What is shown reads back to what is shown. */
static void assert_round_trip(struct conf *conf)
{
	char *shown = conf_shown(conf);
	struct conf *again = conf_load_good(conf_write("shown.conf", shown));
	char *shown_again = conf_shown(again);

	ck_assert_str_eq(shown, shown_again);
	ck_assert_uint_eq(again->listeners_count, conf->listeners_count);
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *a = &conf->listeners[i];
		const struct conf_listener *b = &again->listeners[i];

		ck_assert_uint_eq(a->listen_count, b->listen_count);
		for (size_t j = 0; j < a->listen_count; j++)
			ck_assert(addr_equal(&a->listen[j], &b->listen[j]));
		ck_assert(addr_equal(&a->health_listen, &b->health_listen));
		ck_assert_int_eq(a->ipv6_clients, b->ipv6_clients);
		ck_assert_int_eq(a->allowed_subnets == NULL, b->allowed_subnets == NULL);
		ck_assert_int_eq(a->allowed_clients == NULL, b->allowed_clients == NULL);
		ck_assert_int_eq(a->denied_clients == NULL, b->denied_clients == NULL);
		ck_assert_int_eq(a->headerless_subnets == NULL, b->headerless_subnets == NULL);
	}
	ck_assert(addr_equal(&conf->admin_addr, &again->admin_addr));
	ck_assert_int_eq(conf->admin_path == NULL, again->admin_path == NULL);
	ck_assert_int_eq(conf->user == NULL, again->user == NULL);
	ck_assert_int_eq(conf->group == NULL, again->group == NULL);
	free(shown);
	free(shown_again);
	conf_unref(conf);
	conf_unref(again);
}

START_TEST(test_print_reads_back)
{
	assert_round_trip(conf_load_good(conf_data("full.conf")));
	assert_round_trip(conf_text_good("listeners = ( { " BASICS "} );"));
	assert_round_trip(conf_text_good(
	    "admin = { listen = \"unix:/run/a \\\"b\\\".sock\"; };\n"
	    "defaults = { ipv6_clients = \"plain\"; };\n"
	    "listeners = ( { " BASICS "health = { listen = \"[::1]:8081\"; }; },\n"
	    "{ listen = \"127.0.0.1:7001\"; targets = { ipv6 = \"[::1]:1\"; }; } );"));
	assert_round_trip(conf_text_good(
	    "user = \"a\\\"\\\\\\n\\t\\x01\xc3\xa4\"; log = { target = \"/a b\\x7f\"; };\n"
	    "listeners = ( { " TARGETS "listen = [ \"127.0.0.1:1-3\", \"127.0.0.1:5\", "
	    "\"127.0.0.2:6-7\", \"127.0.0.2:4\" ]; } );"));
}
END_TEST

static void assert_shown(const char *shown, const char *text, bool expected)
{
	ck_assert_msg((strstr(shown, text) != NULL) == expected, "%s: %s", text, shown);
}

/* A list that was read from a file stays in that file, for later changes of it to count. */
START_TEST(test_print_names_files)
{
	char line[CONF_PATH_MAX + 64];
	struct conf *conf;
	char *shown;

	conf_write("networks", "10.0.0.0/8\n");
	conf_write("part.conf", "# nobody yet\n");
	conf_write("t.conf", "defaults = { allowed_clients_file = \"networks\"; };\n"
			     "listeners = ( { " BASICS "allowed_subnets_file = \"networks\";\n"
			     "denied_clients_file = \"part.conf\"; allowed_clients = \"::/0\"; },\n"
			     "{ listen = \"127.0.0.1:7001\"; " TARGETS "} );");
	/* Named relative to a directory that whoever reads the shown file need not be in. */
	ck_assert_int_eq(chdir(conf_dir), 0);
	conf = conf_load_good("t.conf");
	ck_assert_int_eq(chdir("/"), 0);
	shown = conf_shown(conf);
	snprintf(line, sizeof(line), "\tallowed_subnets_file = \"%s/networks\";\n", conf_dir);
	assert_shown(shown, line, true);
	snprintf(line, sizeof(line), "\tallowed_clients_file = \"%s/networks\";\n", conf_dir);
	assert_shown(shown, line, true);
	snprintf(line, sizeof(line), "\tdenied_clients_file = \"%s/part.conf\";\n", conf_dir);
	assert_shown(shown, line, true);
	assert_shown(shown, "\tallowed_clients = [\n\t\t\t\"::/0\"\n", true);
	assert_shown(shown, "\tallowed_subnets = [", false);
	conf_unref(conf);

	conf_write("networks", "192.0.2.0/24\n2001:db8::/32\n");
	conf = conf_load_good(conf_write("shown.conf", shown));
	assert_set(conf->listeners[0].allowed_subnets, LIST("192.0.2.0/24", "2001:db8::/32"));
	assert_set(conf->listeners[0].allowed_clients, LIST("::/0"));
	assert_set(conf->listeners[1].allowed_clients, LIST("192.0.2.0/24", "2001:db8::/32"));
	conf_unref(conf);
	free(shown);
}
END_TEST

/* What a listener's protocol has no use for would be refused when it is read back. */
START_TEST(test_print_leaves_out_other_protocols_keys)
{
	struct conf *conf = conf_text_good("listeners = ( { " BASICS "} );");
	char *shown = conf_shown(conf);

	assert_shown(shown, "close_after", false);
	assert_shown(shown, "idle_timeout", true);
	assert_shown(shown, "\t\thealth = {\n\t\t\t# listen is not set\n\t\t};\n", true);
	assert_shown(shown, "admin = {\n\t# listen is not set\n};\n", true);
	free(shown);
	conf_unref(conf);
	conf = conf_text_good("listeners = ( { protocol = \"udp\"; " BASICS "} );");
	shown = conf_shown(conf);
	assert_shown(shown, "close_after", true);
	assert_shown(shown, "health", false);
	assert_shown(shown, "idle_timeout", false);
	free(shown);
	conf_unref(conf);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_print");
	TCase *tcase = tcase_create("conf_print");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, conf_dir_setup, conf_dir_teardown);
	tcase_add_test(tcase, test_print_reads_back);
	tcase_add_test(tcase, test_print_names_files);
	tcase_add_test(tcase, test_print_leaves_out_other_protocols_keys);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
