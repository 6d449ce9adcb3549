/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of configuration files: what they say, and what is wrong with them. */
#include "conf/conf.h"

#include "check_conf.h"

/* A listener's keys that every small file here has. */
#define LISTEN	"listen = \"127.0.0.1:7000\"; "
#define TARGETS "targets = { ipv4 = \"127.0.0.1:9000\"; }; "
#define BASICS	LISTEN TARGETS

static void assert_addr(const struct addr *addr, const char *expected)
{
	char text[ADDR_STRLEN];

	ck_assert_str_eq(addr_format(addr, text), expected);
}

static bool holds(const struct netset *set, const char *ip)
{
	struct addr addr;

	ck_assert_int_eq(addr_parse_ip(&addr, ip), 0);
	return netset_contains(set, &addr);
}

static void assert_set(const struct netset *set, const char *const *expected)
{
	size_t count = 0;

	ck_assert_ptr_nonnull(set);
	for (; expected[count] != NULL; count++)
		ck_assert_str_eq(netset_text(set, count), expected[count]);
	ck_assert_uint_eq(netset_count(set), count);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(test_every_key)
{
	struct conf *conf = conf_load_good(conf_data("full.conf"));
	const struct conf_listener *web = &conf->listeners[0];
	const struct conf_listener *second = &conf->listeners[1];
	const struct conf_listener *udp = &conf->listeners[2];

	ck_assert_uint_eq(conf->workers, 4);
	ck_assert_str_eq(conf->user, "nobody");
	ck_assert_str_eq(conf->group, "nogroup");
	ck_assert_uint_eq(conf->drain_timeout_ms, 120000);
	ck_assert_int_eq(conf->log_level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(conf->log_format, LOG_FORMAT_JSON);
	ck_assert_str_eq(conf->log_target, "/var/log/mm \"proxy\".log");
	ck_assert(!conf->log_connections);
	ck_assert_uint_eq(conf->routing_table, UINT32_MAX);
	ck_assert_uint_eq(conf->listeners_count, 4);

	ck_assert_str_eq(web->name, "web.1");
	ck_assert_int_eq(web->protocol, CONF_PROTOCOL_TCP);
	ck_assert_uint_eq(web->listen_count, 22);
	assert_addr(&web->listen[0], "0.0.0.0:8080");
	assert_addr(&web->listen[1], "[::]:8080");
	assert_addr(&web->listen[2], "192.0.2.1:10000");
	assert_addr(&web->listen[21], "192.0.2.1:10019");
	assert_addr(&web->target_ipv4, "192.0.2.10:80");
	assert_addr(&web->target_ipv6, "[2001:db8::10]:80");
	ck_assert_uint_eq(web->mark, 0xfffffffe);
	assert_set(web->allowed_subnets, LIST("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"));
	assert_set(web->headerless_subnets, LIST("198.51.100.0/28"));
	assert_set(web->denied_clients, LIST("203.0.113.66/32", "2001:db8:bad::/48"));
	assert_set(web->allowed_clients, LIST("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"));
	ck_assert(!web->dynamic_destination);
	ck_assert(netset_is_empty(web->allowed_destinations));
	ck_assert(web->listen_transparent);
	ck_assert_int_eq(web->source_port, CONF_SOURCE_FALLBACK);
	ck_assert_uint_eq(web->max_connections, 3000000000U);
	ck_assert_uint_eq(web->header_timeout_ms, 1500);
	ck_assert_uint_eq(web->connect_timeout_ms, 250);
	ck_assert_uint_eq(web->idle_timeout_ms, 24 * 3600 * 1000);
	ck_assert_uint_eq(web->half_close_timeout_ms, 0);
	ck_assert_uint_eq(web->tcp_keepalive_ms, 300000);
	ck_assert_uint_eq(web->header_max, 1024);
	ck_assert_int_eq(web->relay, CONF_RELAY_BUFFERED);
	ck_assert_uint_eq(web->backend_buffer, 1048576);
	ck_assert_uint_eq(web->max_connections_per_client, 12);
	ck_assert_uint_eq(web->connections_per_client_rate, UINT32_MAX);
	ck_assert_int_eq(web->ipv6_clients, CONF_IPV6_REFUSE);
	assert_addr(&web->health_listen, "0.0.0.0:8081");

	ck_assert_str_eq(second->name, "listener2");
	ck_assert_uint_eq(second->listen_count, 1);
	/* Its own targets replace both of the default ones. */
	ck_assert(!addr_is_set(&second->target_ipv4));
	assert_addr(&second->target_ipv6, "[::1]:7001");
	assert_set(second->allowed_subnets, LIST("127.0.0.0/8"));
	ck_assert_ptr_null(second->headerless_subnets);
	ck_assert_ptr_null(second->allowed_clients);
	ck_assert(holds(second->denied_clients, "10.255.0.1"));
	ck_assert(!holds(second->denied_clients, "11.0.0.1"));
	ck_assert_uint_eq(second->mark, 7);
	ck_assert_uint_eq(second->header_timeout_ms, 3000);
	ck_assert(second->dynamic_destination);
	assert_set(second->allowed_destinations, LIST("192.0.2.0/24", "2001:db8::/32"));
	ck_assert(holds(second->allowed_destinations, "2001:db8::1"));
	ck_assert_int_eq(second->source_port, CONF_SOURCE_EPHEMERAL);

	/* The same address by another protocol is another listener. */
	ck_assert_int_eq(udp->protocol, CONF_PROTOCOL_UDP);
	assert_addr(&udp->listen[0], "127.0.0.1:7000");
	ck_assert_int_eq(udp->udp_header, CONF_UDP_FIRST);
	ck_assert_int_eq(udp->ipv6_clients, CONF_IPV6_PSEUDO_IPV4);
	ck_assert_uint_eq(udp->max_connections_per_client, 13);
	ck_assert(!addr_is_set(&udp->health_listen));
	ck_assert_uint_eq(udp->close_after_ms, 0);
	ck_assert_uint_eq(udp->max_flows, 1);
	ck_assert_int_eq(udp[1].udp_header, CONF_UDP_SPP);
	ck_assert_uint_eq(udp[1].close_after_ms, 90000);
	ck_assert_uint_eq(udp[1].max_flows, UINT32_MAX);
	conf_unref(conf_ref(conf));
	conf_unref(conf);
	conf_unref(NULL);
}
END_TEST

START_TEST(test_defaults_without_any_key)
{
	struct conf *conf = conf_text_good("listeners = ( { " BASICS "} );");
	const struct conf_listener *listener = &conf->listeners[0];

	ck_assert_uint_eq(conf->workers, 0);
	ck_assert_ptr_null(conf->user);
	ck_assert_str_eq(conf->log_target, "stderr");
	ck_assert_ptr_null(conf->admin_path);
	ck_assert(!addr_is_set(&conf->admin_addr));
	ck_assert(!addr_is_set(&listener->health_listen));
	ck_assert_uint_eq(listener->max_connections_per_client, 0);
	ck_assert_uint_eq(listener->connections_per_client_rate, 0);
	ck_assert_int_eq(listener->ipv6_clients, CONF_IPV6_REFUSE);
	ck_assert_str_eq(listener->name, "listener1");
	ck_assert(!addr_is_set(&listener->target_ipv6));
	ck_assert_ptr_null(listener->allowed_subnets);
	ck_assert_ptr_null(listener->headerless_subnets);
	ck_assert_ptr_null(listener->denied_clients);
	ck_assert_ptr_null(listener->allowed_clients);
	/* Not NULL, which would be every destination. */
	ck_assert(netset_is_empty(listener->allowed_destinations));
	ck_assert_uint_eq(listener->half_close_timeout_ms, 300000);
	ck_assert_int_eq(listener->udp_header, CONF_UDP_EACH);
	ck_assert_uint_eq(listener->close_after_ms, 60000);
	ck_assert_uint_eq(listener->max_flows, 65536);
	conf_unref(conf);
}
END_TEST

START_TEST(test_empty_lists_where_they_make_sense)
{
	struct conf *conf = conf_text_good("listeners = ( { " BASICS
					   "headerless_subnets = [ ]; denied_clients = ( ); "
					   "allowed_destinations = [ ]; } );");

	ck_assert_ptr_null(conf->listeners[0].headerless_subnets);
	ck_assert_ptr_null(conf->listeners[0].denied_clients);
	ck_assert(netset_is_empty(conf->listeners[0].allowed_destinations));
	conf_unref(conf);
	conf_write("networks", "# nobody is denied today\n");
	conf = conf_text_good("listeners = ( { " BASICS "denied_clients_file = \"networks\"; } );");
	ck_assert_ptr_null(conf->listeners[0].denied_clients);
	conf_unref(conf);
}
END_TEST

START_TEST(test_either_spelling_replaces_the_inherited_one)
{
	struct conf *conf;

	conf_write("networks", "192.0.2.0/24\n");
	conf =
	    conf_text_good("defaults = { allowed_subnets = \"10.0.0.0/8\"; };\n"
			   "listeners = ( { " BASICS "allowed_subnets_file = \"networks\"; } );");
	assert_set(conf->listeners[0].allowed_subnets, LIST("192.0.2.0/24"));
	conf_unref(conf);
	conf = conf_text_good("defaults = { allowed_subnets_file = \"networks\"; };\n"
			      "listeners = ( { " BASICS "allowed_subnets = \"10.0.0.0/8\"; },\n"
			      "{ listen = \"127.0.0.1:7001\"; " TARGETS "} );");
	assert_set(conf->listeners[0].allowed_subnets, LIST("10.0.0.0/8"));
	assert_set(conf->listeners[1].allowed_subnets, LIST("192.0.2.0/24"));
	conf_unref(conf);
}
END_TEST

START_TEST(test_all_mistakes_of_a_file)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf = conf_load(conf_data("mistakes.conf"), errors);
	char *dir = strdup(conf_data(""));
	char *expected = calloc(1, 1 << 16);
	FILE *file = fopen(conf_data("mistakes.expected"), "r");
	char *lines;

	ck_assert_ptr_null(conf);
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_gt(fread(expected, 1, (1 << 16) - 1, file), 0);
	fclose(file);
	dir[strlen(dir) - 1] = '\0';
	lines = conf_lines(errors, dir);
	ck_assert_str_eq(lines, expected);
	free(lines);
	free(expected);
	free(dir);
}
END_TEST

START_TEST(test_a_mistake_in_defaults_is_one_line)
{
	conf_text_bad(
	    "defaults = {\n  mark = -1;\n  targets = { ipv4 = \"nowhere\"; };\n};\n"
	    "listeners = ( { " LISTEN "}, { listen = \"127.0.0.1:7001\"; } );",
	    "t.conf:2: defaults.mark: -1 is not an integer from 0 to 4294967295\n"
	    "t.conf:3: defaults.targets.ipv4: \"nowhere\" is not an IPv4 address and port "
	    "such as \"127.0.0.1:443\"\n");
	conf_text_bad("defaults = { " TARGETS "};\n"
		      "listeners = ( { listen = \"0.0.0.0:9000\"; }, { " LISTEN "} );",
		      "t.conf:1: defaults.targets.ipv4: 127.0.0.1:9000 is mmproxy itself, which "
		      "listens on 0.0.0.0:9000: a loop\n");
	conf_text_bad("defaults = 5;\nlisteners = ( { " BASICS "} );",
		      "t.conf:1: defaults: 5 is not a group: defaults = { KEY = VALUE; ... };\n");
}
END_TEST

START_TEST(test_listeners_are_needed)
{
	conf_text_bad("", "t.conf:1: listeners: missing: mmproxy needs listeners = ( { ... }, "
			  "{ ... } );\n");
	conf_text_bad(
	    "listeners = ( );",
	    "t.conf:1: listeners: the list is empty: mmproxy needs one listener or more\n");
	conf_text_bad(
	    "\nlisteners = [ ];",
	    "t.conf:2: listeners: the list is empty: mmproxy needs one listener or more\n");
	conf_text_bad(
	    "listeners = { " BASICS "};",
	    "t.conf:1: listeners: a group is not a list of groups: listeners = ( { ... }, "
	    "{ ... } );\n");
}
END_TEST

START_TEST(test_names_differ)
{
	conf_text_bad("listeners = ( { " BASICS "},\n"
		      "{ name = \"listener1\"; listen = \"127.0.0.1:7001\"; " TARGETS "} );",
		      "t.conf:2: listeners[1].name: the name \"listener1\" is also that of "
		      "listeners[0] (t.conf:1): names must differ\n");
	conf_text_bad("listeners = ( { name = \"listener2\"; " BASICS "},\n"
		      "{ listen = \"127.0.0.1:7001\"; " TARGETS "} );",
		      "t.conf:2: listeners[1]: the name \"listener2\" is also that of "
		      "listeners[0] (t.conf:1): names must differ\n");
}
END_TEST

START_TEST(test_what_a_listener_needs)
{
	conf_text_bad(
	    "listeners = (\n{ " TARGETS "},\n{ " LISTEN "},\n"
	    "{ listen = [ ]; dynamic_destination = 1; } );",
	    "t.conf:2: listeners[0].listen: missing: it is an address: \"IPV4:PORT\" or "
	    "\"[IPV6]:PORT\" in numbers, where PORT may be a range such as 10000-10019\n"
	    "t.conf:3: listeners[1].targets: missing: the listener needs targets = { ipv4 = "
	    "\"ADDRESS:PORT\"; ipv6 = \"[ADDRESS]:PORT\"; }, one or both, or "
	    "dynamic_destination = true\n"
	    "t.conf:4: listeners[2].listen: the list is empty: it needs one entry or more, "
	    "each an address: \"IPV4:PORT\" or \"[IPV6]:PORT\" in numbers, where PORT may be "
	    "a range such as 10000-10019\n"
	    "t.conf:4: listeners[2].dynamic_destination: 1 is not true or false\n");
}
END_TEST

START_TEST(test_values_keep_their_type_and_width)
{
	struct conf *conf = conf_text_good(
	    "/* 99999999999 */ // 99999999999\nlisteners = ( { name = \"a99999999999\"; "
	    "mark = 2147483648; max_connections = 0x80000000; header_timeout = 2; "
	    "connect_timeout = 0.25; idle_timeout = 604800; " BASICS "} );");

	ck_assert_uint_eq(conf->listeners[0].mark, 2147483648U);
	ck_assert_uint_eq(conf->listeners[0].max_connections, 0x80000000U);
	ck_assert_uint_eq(conf->listeners[0].header_timeout_ms, 2000);
	ck_assert_uint_eq(conf->listeners[0].connect_timeout_ms, 250);
	ck_assert_uint_eq(conf->listeners[0].idle_timeout_ms, 604800000);
	conf_unref(conf);
	conf = conf_text_good("listeners = ( { mark = 4294967295L; " BASICS "} );");
	ck_assert_uint_eq(conf->listeners[0].mark, UINT32_MAX);
	conf_unref(conf);
	conf_text_bad(
	    "workers = 4294967297;\ndrain_timeout = true;\nuser = 5;\n"
	    "listeners = ( { " BASICS "\n"
	    "mark = 0x1FFFFFFFF;\n"
	    "max_connections = -99999999999999999999;\n"
	    "header_max = \"4096\";\n"
	    "header_timeout = -0.5; } );",
	    "t.conf:1: workers: 4294967297 is not an integer from 0 to 1024\n"
	    "t.conf:2: drain_timeout: true is not a duration: a number of seconds, or a "
	    "string such as \"500ms\", \"5s\", \"2m\", \"1h\", from 0 to 24h\n"
	    "t.conf:3: user: 5 is not the name of a user\n"
	    "t.conf:5: listeners[0].mark: 0x1ffffffff is not an integer from 0 to "
	    "4294967295\n"
	    "t.conf:6: listeners[0].max_connections: -9223372036854775808 is not an integer "
	    "from 0 to 4294967295\n"
	    "t.conf:7: listeners[0].header_max: \"4096\" is not an integer from 16 to "
	    "65551\n"
	    "t.conf:8: listeners[0].header_timeout: -0.5 is not a duration: a number of "
	    "seconds, or a string such as \"500ms\", \"5s\", \"2m\", \"1h\", from 1ms to "
	    "1h\n");
}
END_TEST

START_TEST(test_shown_values_are_escaped_and_cut)
{
	conf_text_bad(
	    "user = \"\";\nlog = { level = \"a\\\"b\\\\\\x01\\n\"; target = "
	    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "\"; };\nlisteners = ( { " BASICS "} );",
	    "t.conf:1: user: \"\" is not the name of a user\n"
	    "t.conf:2: log.level: \"a\\\"b\\\\\\x01\\x0a\" is not one of \"debug\", \"info\", "
	    "\"warn\", \"error\"\n"
	    "t.conf:2: log.target: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\" is not "
	    "\"stderr\", \"syslog\" or an absolute path\n");
}
END_TEST

START_TEST(test_syntax_errors)
{
	conf_text_bad("workers = 1;\nlisteners = (\n",
		      "t.conf:3: syntax error, here or shortly before\n");
	conf_text_bad("workers = 1;\nworkers = 2;\n",
		      "t.conf:2: syntax error, here or shortly before: duplicate setting name\n");
	conf_text_bad("workers = ;", "t.conf:1: syntax error, here or shortly before\n");
	conf_text_bad("workers = -;", "t.conf:1: syntax error, here or shortly before\n");
	conf_text_bad("user = \"never closed", "t.conf:1: syntax error, here or shortly before\n");
	conf_text_bad("workers = 1;\n/* never closed\n",
		      "t.conf:2: the comment that begins here has no end\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_file");
	TCase *tcase = tcase_create("conf_file");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, conf_dir_setup, conf_dir_teardown);
	tcase_add_test(tcase, test_every_key);
	tcase_add_test(tcase, test_defaults_without_any_key);
	tcase_add_test(tcase, test_empty_lists_where_they_make_sense);
	tcase_add_test(tcase, test_either_spelling_replaces_the_inherited_one);
	tcase_add_test(tcase, test_all_mistakes_of_a_file);
	tcase_add_test(tcase, test_a_mistake_in_defaults_is_one_line);
	tcase_add_test(tcase, test_listeners_are_needed);
	tcase_add_test(tcase, test_names_differ);
	tcase_add_test(tcase, test_what_a_listener_needs);
	tcase_add_test(tcase, test_values_keep_their_type_and_width);
	tcase_add_test(tcase, test_shown_values_are_escaped_and_cut);
	tcase_add_test(tcase, test_syntax_errors);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
