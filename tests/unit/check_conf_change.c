/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of comparing two configurations. */
#include "conf/conf_change.h"

#include "conf/conf_field.h"
#include "conf/conf_value.h"

#include "check_conf.h"

#define TARGETS "targets = { ipv4 = \"127.0.0.1:9000\"; }; "

/* A listener of this name on this port of its own, with more keys. */
#define LISTENER(name, port, keys) \
	"{ name = \"" name "\"; listen = \"127.0.0.1:" port "\"; " TARGETS keys "}"

/* ---- each key ---- */

static const struct {
	enum conf_scope scope;
	const char *name;
	const char *before;
	const char *after;
} values[] = {
    {CONF_SCOPE_TOP, "workers", "1", "2"},
    {CONF_SCOPE_TOP, "user", "a", "b"},
    {CONF_SCOPE_TOP, "group", "a", "b"},
    {CONF_SCOPE_TOP, "drain_timeout", "1s", "1001ms"},
    {CONF_SCOPE_TOP, "sandbox", "true", "false"},
    {CONF_SCOPE_LOG, "level", "info", "warn"},
    {CONF_SCOPE_LOG, "format", "text", "json"},
    {CONF_SCOPE_LOG, "target", "stderr", "/a"},
    {CONF_SCOPE_LOG, "connections", "true", "false"},
    {CONF_SCOPE_ADMIN, "listen", "unix:/a", "127.0.0.1:1"},
    {CONF_SCOPE_ROUTING, "manage", "false", NULL}, /* has one value that is accepted */
    {CONF_SCOPE_ROUTING, "table", "1", "2"},
    {CONF_SCOPE_LISTENER, "listen", "127.0.0.1:1", "127.0.0.1:1-2"},
    {CONF_SCOPE_TARGETS, "ipv4", "127.0.0.1:1", "127.0.0.1:2"},
    {CONF_SCOPE_TARGETS, "ipv6", "[::1]:1", "[::2]:1"},
    {CONF_SCOPE_LISTENER, "mark", "1", "2"},
    {CONF_SCOPE_LISTENER, "allowed_subnets", "10.0.0.0/8", "10.0.0.0/9"},
    {CONF_SCOPE_LISTENER, "headerless_subnets", "10.0.0.0/8", "::/0"},
    {CONF_SCOPE_LISTENER, "denied_clients", "10.0.0.0/8", "10.0.0.1"},
    {CONF_SCOPE_LISTENER, "allowed_clients", "::1", "::2"},
    {CONF_SCOPE_LISTENER, "dynamic_destination", "true", "false"},
    {CONF_SCOPE_LISTENER, "allowed_destinations", "10.0.0.0/8", "11.0.0.0/8"},
    {CONF_SCOPE_LISTENER, "listen_transparent", "true", "false"},
    {CONF_SCOPE_LISTENER, "source_port", "preserve", "ephemeral"},
    {CONF_SCOPE_LISTENER, "max_connections", "0", "1"},
    {CONF_SCOPE_LISTENER, "max_connections_per_client", "0", "4294967295"},
    {CONF_SCOPE_LISTENER, "connections_per_client_rate", "1", "2"},
    {CONF_SCOPE_LISTENER, "ipv6_clients", "plain", "pseudo_ipv4"},
    {CONF_SCOPE_HEALTH, "listen", "127.0.0.1:1", "127.0.0.1:2"},
    {CONF_SCOPE_LISTENER, "header_timeout", "1s", "2s"},
    {CONF_SCOPE_LISTENER, "connect_timeout", "1s", "2s"},
    {CONF_SCOPE_LISTENER, "idle_timeout", "1s", "0"},
    {CONF_SCOPE_LISTENER, "half_close_timeout", "1s", "2s"},
    {CONF_SCOPE_LISTENER, "tcp_keepalive", "1s", "2s"},
    {CONF_SCOPE_LISTENER, "header_max", "100", "101"},
    {CONF_SCOPE_LISTENER, "relay", "auto", "splice"},
    {CONF_SCOPE_LISTENER, "backend_buffer", "auto", "0"},
    {CONF_SCOPE_LISTENER, "udp_header", "each", "spp"},
    {CONF_SCOPE_LISTENER, "udp_relay", "user", "kernel"},
    {CONF_SCOPE_LISTENER, "close_after", "1s", "2s"},
    {CONF_SCOPE_LISTENER, "max_flows", "1", "2"},
};

/* What tells listeners apart, and paths, which are no difference. */
static bool is_no_difference(const struct conf_key *key)
{
	return key->planned || key->type == CONF_TYPE_NAME || key->type == CONF_TYPE_SUBNETS_FILE ||
	       strcmp(key->name, "protocol") == 0;
}

static void set(const struct conf_key *key, const char *text, struct conf *conf)
{
	bool of_listener = conf_scope_is_listeners(key->scope);
	char why[CONF_WHY_MAX];

	conf_field_clear(key, of_listener ? (void *)&conf->listeners[0] : conf);
	if (text == NULL)
		return;
	ck_assert_msg(
	    conf_value_set(key, text, of_listener ? (void *)&conf->listeners[0] : conf, why) == 0,
	    "%s = %s %s", key->name, text, why);
	if (key->type == CONF_TYPE_SUBNETS)
		netset_seal(*(struct netset **)(void *)((char *)&conf->listeners[0] + key->offset));
}

static uint64_t bit_of(const struct conf_key *key)
{
	return (uint64_t)1 << (key - conf_keys);
}

static void compare_one(const struct conf_key *key, const char *before, const char *after,
			bool differs)
{
	static const char *const texts[] = {
	    [CONF_PROTOCOL_TCP] = "listeners = ( " LISTENER("a", "7000", "") " );",
	    [CONF_PROTOCOL_UDP] =
		"listeners = ( " LISTENER("a", "7000", "protocol = \"udp\"; ") " );",
	};
	const char *text = texts[key->only == CONF_ONLY_UDP];
	struct conf *old = conf_text_good(text);
	struct conf *new = conf_text_good(text);
	struct conf_change change;
	uint64_t expected = differs ? bit_of(key) : 0;
	bool of_listener = conf_scope_is_listeners(key->scope);

	set(key, before, old);
	set(key, after, new);
	ck_assert_int_eq(conf_change_init(&change, old, new), 0);
	ck_assert_uint_eq(change.listeners_count, 1);
	ck_assert_msg(change.keys == (of_listener ? 0 : expected), "%s", key->name);
	ck_assert_msg(change.listeners[0].keys == (of_listener ? expected : 0), "%s", key->name);
	ck_assert_int_eq(change.listeners[0].kind,
			 of_listener && differs ? CONF_CHANGE_CHANGED : CONF_CHANGE_UNCHANGED);
	ck_assert(conf_change_has(change.keys | change.listeners[0].keys, key->scope, key->name) ==
		  differs);
	conf_change_fini(&change);
	conf_unref(old);
	conf_unref(new);
}

START_TEST(test_every_key_of_the_table_is_compared)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		size_t row = 0;

		if (is_no_difference(key))
			continue;
		while (
		    row < sizeof(values) / sizeof(values[0]) &&
		    (values[row].scope != key->scope || strcmp(values[row].name, key->name) != 0))
			row++;
		ck_assert_msg(row < sizeof(values) / sizeof(values[0]), "no values for %s",
			      key->name);
		compare_one(key, values[row].before, values[row].before, false);
		if (values[row].after == NULL)
			continue;
		compare_one(key, values[row].before, values[row].after, true);
		/* From absent, and to it, where that is not a value itself. */
		if (key->fallback == NULL && key->type != CONF_TYPE_ACCOUNT) {
			compare_one(key, NULL, values[row].after, true);
			compare_one(key, values[row].before, NULL, true);
		}
	}
}
END_TEST

/* ---- whole snapshots ---- */

static struct conf *old;
static struct conf *new;
static struct conf_change change;
static char text[CONF_CHANGE_TEXT_MAX];

static void compare(const char *before, const char *after)
{
	old = conf_text_good(before);
	new = conf_text_good(after);
	ck_assert_int_eq(conf_change_init(&change, old, new), 0);
	conf_change_text(&change, text);
}

static void end_compare(void)
{
	conf_change_fini(&change);
	conf_unref(old);
	conf_unref(new);
}

static void assert_text(const char *before, const char *after, const char *expected)
{
	compare(before, after);
	ck_assert_str_eq(text, expected);
	end_compare();
}

START_TEST(test_the_text_names_what_changed)
{
	assert_text(
	    "listeners = ( " LISTENER("old", "7000", "") ", " LISTENER(
		"ssh", "7001", "") ", " LISTENER("irc", "7002", "") ", " LISTENER("web", "7003",
										  "") " );",
	    "log = { level = \"debug\"; }; drain_timeout = 5;\n"
	    "listeners = ( " LISTENER(
		"irc", "7002",
		"denied_clients = \"192.0.2.1\"; ") ", " LISTENER("smtp", "7004",
								  "") ", " LISTENER("web", "7003",
										    "") ",\n"
											"{ name = "
											"\"ssh\"; "
											"listen = "
											"\"127.0.0."
											"1:7001\"; "
											"mark = 5; "
											"targets = "
											"{ ipv4 = "
											"\"127.0.0."
											"1:9001\"; "
											"}; } );",
	    "drain_timeout, log.level changed; 1 listener added (smtp), 1 removed (old), 2 changed "
	    "(irc: denied_clients; ssh: targets.ipv4, mark), 1 unchanged");
	assert_text("listeners = ( " LISTENER("a", "7000", "") " );",
		    "listeners = ( " LISTENER("a", "7000", "") " );", "1 listener unchanged");
	assert_text("listeners = ( " LISTENER("a", "7000", "") ", " LISTENER("b", "7001", "") " );",
		    "workers = 3; listeners = ( " LISTENER("b", "7001",
							   "") ", " LISTENER("a", "7000", "") " );",
		    "2 listeners unchanged");
}
END_TEST

START_TEST(test_listeners_are_known_by_name_and_protocol)
{
	compare("listeners = ( " LISTENER("dns", "7000", "") ", " LISTENER("a", "7001", "") " );",
		"listeners = ( " LISTENER("dns", "7000", "protocol = \"udp\"; ") ", " LISTENER(
		    "b", "7001", "") " );");
	ck_assert_str_eq(text, "2 listeners added (dns, b), 2 removed (dns, a)");
	ck_assert_uint_eq(change.counts[CONF_CHANGE_ADDED], 2);
	ck_assert_uint_eq(change.counts[CONF_CHANGE_REMOVED], 2);
	ck_assert_ptr_eq(change.listeners[0].after, &new->listeners[0]);
	ck_assert_ptr_null(change.listeners[0].before);
	ck_assert_ptr_eq(change.listeners[3].before, &old->listeners[1]);
	ck_assert_ptr_null(change.listeners[3].after);
	end_compare();
}
END_TEST

START_TEST(test_networks_are_compared_by_content)
{
	static const char *const config =
	    "listeners = ( " LISTENER("a", "7000", "allowed_subnets_file = \"networks\"; ") " );";

	conf_write("networks", "10.0.0.0/8\n192.0.2.0/24\n");
	old = conf_text_good(config);
	/* In another order, in other words. */
	conf_write("part.conf", "192.0.2.128/25\n10.0.0.0/8\n10.1.2.3\n192.0.2.0/25\n");
	new = conf_text_good(
	    "listeners = ( " LISTENER("a", "7000", "allowed_subnets_file = \"part.conf\"; ") " );");
	ck_assert_int_eq(conf_change_init(&change, old, new), 0);
	ck_assert_str_eq(conf_change_text(&change, text), "1 listener unchanged");
	conf_change_fini(&change);
	conf_unref(new);

	conf_write("networks", "10.0.0.0/8\n192.0.2.0/25\n");
	new = conf_text_good(config);
	ck_assert_int_eq(conf_change_init(&change, old, new), 0);
	ck_assert_str_eq(conf_change_text(&change, text),
			 "1 listener changed (a: allowed_subnets)");
	end_compare();
}
END_TEST

START_TEST(test_keys_of_the_other_protocol_are_no_difference)
{
	static const char *const listeners = "listeners = ( " LISTENER(
	    "a", "7000", "") ", " LISTENER("u", "7000", "protocol = \"udp\"; ") " );";
	char before[512];
	char after[512];

	snprintf(before, sizeof(before), "defaults = { idle_timeout = 5; close_after = 5; };\n%s",
		 listeners);
	snprintf(after, sizeof(after), "defaults = { idle_timeout = 6; close_after = 6; };\n%s",
		 listeners);
	assert_text(before, after, "2 listeners changed (a: idle_timeout; u: close_after)");
}
END_TEST

/* Listeners with the longest names there may be, from number first on. */
static char *many_listeners(size_t first, size_t count, const char *keys)
{
	char *config = NULL;
	size_t len;
	FILE *out = open_memstream(&config, &len);

	fputs("listeners = ( ", out);
	for (size_t i = first; i < first + count; i++)
		fprintf(out, "%s{ name = \"%064zu\"; listen = \"127.0.0.1:%zu\"; " TARGETS "%s}",
			i > first ? ", " : "", i, 10000 + i, keys);
	fputs(" );", out);
	fclose(out);
	return config;
}

static const char many_keys[] =
    "mark = 9; allowed_subnets = \"::/0\"; headerless_subnets = \"::/0\"; denied_clients = "
    "\"::/0\"; allowed_clients = \"::1\"; listen_transparent = true; source_port = \"ephemeral\"; "
    "max_connections = 5; max_connections_per_client = 5; connections_per_client_rate = 5; "
    "ipv6_clients = \"plain\"; header_timeout = 9; connect_timeout = 9; idle_timeout = 9; "
    "half_close_timeout = 9; tcp_keepalive = 9; header_max = 99; relay = \"splice\"; ";

static const char all_top_keys[] =
    "workers = 3; user = \"nobody\"; group = \"nogroup\"; drain_timeout = 5; log = { level = "
    "\"debug\"; format = \"json\"; target = \"/x\"; connections = false; }; admin = { listen = "
    "\"unix:/x\"; }; routing = { table = 5; };\n";

START_TEST(test_long_lists_are_cut)
{
	static const char heading[] = "drain_timeout, log.level, log.format, log.target, "
				      "log.connections, admin.listen, routing.table changed; "
				      "1000 listeners added (";
	char *before = many_listeners(0, 2000, "");
	char *changed = many_listeners(1000, 2000, many_keys);
	char *after = malloc(strlen(changed) + sizeof(all_top_keys));

	strcpy(after, all_top_keys);
	strcat(after, changed);
	compare(before, after);
	ck_assert_uint_eq(change.counts[CONF_CHANGE_CHANGED], 1000);
	ck_assert_msg(strncmp(text, heading, strlen(heading)) == 0, "%s", text);
	/* Each list says how many it does not name, and the last one ends. */
	ck_assert_msg(strstr(text, " and 998 more), 1000 removed (") != NULL, "%s", text);
	ck_assert_msg(strstr(text, " and 998 more), 1000 changed (") != NULL, "%s", text);
	ck_assert_msg(strstr(text, ": mark, allowed_subnets, ") != NULL, "%s", text);
	ck_assert_msg(
	    strcmp(text + strlen(text) - strlen(" more and 999 more)"), " more and 999 more)") == 0,
	    "%s", text);
	ck_assert_uint_lt(strlen(text), CONF_CHANGE_TEXT_MAX - 1);
	end_compare();
	free(before);
	free(changed);
	free(after);
}
END_TEST

/* ---- restarts ---- */

static char said[2048];

static void say(const char *sentence, void *arg)
{
	ck_assert_ptr_eq(arg, said);
	strcat(said, sentence);
	strcat(said, "\n");
}

static void assert_restarts(const char *before, const char *after, const char *expected)
{
	static const char listeners[] = "listeners = ( " LISTENER("a", "7000", "") " );";
	char config[512];
	size_t count = 0;

	snprintf(config, sizeof(config), "%s%s", before, listeners);
	old = conf_text_good(config);
	snprintf(config, sizeof(config), "%s%s", after, listeners);
	new = conf_text_good(config);
	said[0] = '\0';
	for (const char *at = expected; *at != '\0'; at++)
		count += *at == '\n';
	ck_assert_uint_eq(conf_change_restarts(old, new, say, said), count);
	ck_assert_str_eq(said, expected);
	conf_unref(old);
	conf_unref(new);
}

START_TEST(test_what_needs_a_restart_is_said)
{
	assert_restarts("", "workers = 4; user = \"nobody\"; group = \"daemon\";",
			"workers: only a restart changes it from 0 to 4\n"
			"user: only a restart changes it from mmproxy to nobody\n"
			"group: only a restart changes it from not set to daemon\n");
	/* The default, written down; and what a reload can change. */
	assert_restarts(
	    "", all_top_keys + strlen("workers = 3; user = \"nobody\"; group = \"nogroup\"; "), "");
	assert_restarts("", "user = \"mmproxy\"; workers = 0;", "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_change");
	TCase *tcase = tcase_create("conf_change");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, conf_dir_setup, conf_dir_teardown);
	tcase_add_test(tcase, test_every_key_of_the_table_is_compared);
	tcase_add_test(tcase, test_the_text_names_what_changed);
	tcase_add_test(tcase, test_listeners_are_known_by_name_and_protocol);
	tcase_add_test(tcase, test_networks_are_compared_by_content);
	tcase_add_test(tcase, test_keys_of_the_other_protocol_are_no_difference);
	tcase_add_test(tcase, test_long_lists_are_cut);
	tcase_add_test(tcase, test_what_needs_a_restart_is_said);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
