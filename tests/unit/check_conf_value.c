/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of the option table and of the parsers of its types. */
#include "conf/conf_value.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "conf/conf.h"
#include "conf/conf_field.h"
#include "config.h"

static struct conf conf;
static struct conf_listener listener;

static void setup(void)
{
	memset(&conf, 0, sizeof(conf));
	memset(&listener, 0, sizeof(listener));
}

static void teardown(void)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		bool of_listener = conf_scope_is_listeners(conf_keys[i].scope);

		conf_field_clear(&conf_keys[i], of_listener ? (void *)&listener : &conf);
	}
}

static const struct conf_key *key_of(enum conf_scope scope, const char *name)
{
	const struct conf_key *key = conf_key_find(scope, name);

	ck_assert_msg(key != NULL, "%s", name);
	return key;
}

static void *base_of(enum conf_scope scope)
{
	return conf_scope_is_listeners(scope) ? (void *)&listener : &conf;
}

static void good(enum conf_scope scope, const char *name, const char *text)
{
	char why[CONF_WHY_MAX] = "";

	ck_assert_msg(conf_value_set(key_of(scope, name), text, base_of(scope), why) == 0,
		      "%s = \"%s\" %s", name, text, why);
}

static void bad(enum conf_scope scope, const char *name, const char *text, const char *expected)
{
	char why[CONF_WHY_MAX] = "";

	ck_assert_msg(conf_value_set(key_of(scope, name), text, base_of(scope), why) == -1,
		      "%s = \"%s\"", name, text);
	ck_assert_msg(strcmp(why, expected) == 0, "%s = \"%s\": %s", name, text, why);
}

/* Refused with what the key accepts. */
static void not_accepted(enum conf_scope scope, const char *name, const char *const *texts)
{
	char expected[CONF_WHY_MAX];
	char accepts[CONF_ACCEPTS_MAX];

	snprintf(expected, sizeof(expected), "is not %s",
		 conf_key_accepts(key_of(scope, name), accepts));
	for (size_t i = 0; texts[i] != NULL; i++)
		bad(scope, name, texts[i], expected);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(test_every_default_is_accepted)
{
	for (enum conf_scope scope = CONF_SCOPE_TOP; scope < CONF_SCOPE_COUNT; scope++)
		ck_assert_int_eq(conf_value_set_defaults(scope, base_of(scope)), 0);
	ck_assert_uint_eq(conf.workers, 0);
	ck_assert_ptr_null(conf.user);
	ck_assert_ptr_null(conf.group);
	ck_assert_uint_eq(conf.drain_timeout_ms, 30000);
	ck_assert_int_eq(conf.log_level, LOG_LEVEL_INFO);
	ck_assert_int_eq(conf.log_format, LOG_FORMAT_TEXT);
	ck_assert_str_eq(conf.log_target, "stderr");
	ck_assert(conf.log_connections);
	ck_assert(!conf.routing_manage);
	ck_assert_uint_eq(conf.routing_table, 123);
#ifdef HAVE_SECCOMP
	ck_assert(conf.sandbox);
#else
	ck_assert(!conf.sandbox);
#endif

	ck_assert_ptr_null(listener.name);
	ck_assert_int_eq(listener.protocol, CONF_PROTOCOL_TCP);
	ck_assert_uint_eq(listener.listen_count, 0);
	ck_assert(!addr_is_set(&listener.target_ipv4));
	ck_assert(!addr_is_set(&listener.target_ipv6));
	ck_assert_uint_eq(listener.mark, 0);
	ck_assert_ptr_null(listener.allowed_subnets);
	ck_assert(!listener.dynamic_destination);
	ck_assert(!listener.listen_transparent);
	ck_assert_int_eq(listener.source_port, CONF_SOURCE_PRESERVE);
	ck_assert_uint_eq(listener.max_connections, 0);
	ck_assert_uint_eq(listener.header_timeout_ms, 5000);
	ck_assert_uint_eq(listener.connect_timeout_ms, 5000);
	ck_assert_uint_eq(listener.idle_timeout_ms, 0);
	ck_assert_uint_eq(listener.half_close_timeout_ms, 300000);
	ck_assert_uint_eq(listener.tcp_keepalive_ms, 60000);
	ck_assert_uint_eq(listener.header_max, 4096);
	ck_assert_int_eq(listener.relay, CONF_RELAY_AUTO);
}
END_TEST

START_TEST(test_rows_are_found_by_name)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		ck_assert_ptr_eq(conf_key_find(key->scope, key->name), key);
		ck_assert_str_eq(conf_key_nearest(key->scope, key->name), key->name);
	}
	ck_assert_ptr_null(conf_key_find(CONF_SCOPE_TOP, "mark"));
	ck_assert_ptr_null(conf_key_find(CONF_SCOPE_LISTENER, "Mark"));
	ck_assert_str_eq(conf_key_nearest(CONF_SCOPE_LISTENER, "hedaer_timeout"), "header_timeout");
	ck_assert_str_eq(conf_key_nearest(CONF_SCOPE_LISTENER, "target"), "targets");
	ck_assert_str_eq(conf_key_nearest(CONF_SCOPE_TOP, "listener"), "listeners");
	ck_assert_ptr_null(conf_key_nearest(CONF_SCOPE_LISTENER, "port"));
	ck_assert_ptr_null(conf_key_nearest(
	    CONF_SCOPE_TOP, "a name that is far longer than any that a key could ever have had"));
}
END_TEST

START_TEST(test_bool)
{
	good(CONF_SCOPE_LOG, "connections", "true");
	ck_assert(conf.log_connections);
	good(CONF_SCOPE_LOG, "connections", "false");
	ck_assert(!conf.log_connections);
	not_accepted(CONF_SCOPE_LOG, "connections", LIST("", "yes", "1", "True", "true "));
}
END_TEST

START_TEST(test_integer)
{
	static const struct {
		const char *text;
		uint32_t value;
	} cases[] = {{"0", 0},
		     {"1", 1},
		     {"0x10", 16},
		     {"0XfF", 255},
		     {"4294967295", UINT32_MAX},
		     {"0xffffffff", UINT32_MAX}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		good(CONF_SCOPE_LISTENER, "mark", cases[i].text);
		ck_assert_uint_eq(listener.mark, cases[i].value);
	}
	not_accepted(CONF_SCOPE_LISTENER, "mark",
		     LIST("", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x", "0xg", "many",
			  "4294967296", "0x100000000", "99999999999999999999999999"));
	ck_assert_uint_eq(listener.mark, UINT32_MAX);

	good(CONF_SCOPE_TOP, "workers", "1024");
	bad(CONF_SCOPE_TOP, "workers", "1025", "is not an integer from 0 to 1024");
	good(CONF_SCOPE_ROUTING, "table", "1");
	bad(CONF_SCOPE_ROUTING, "table", "0", "is not an integer from 1 to 4294967295");
	good(CONF_SCOPE_LISTENER, "header_max", "16");
	good(CONF_SCOPE_LISTENER, "header_max", "65551");
	not_accepted(CONF_SCOPE_LISTENER, "header_max", LIST("0", "15", "65552"));
}
END_TEST

START_TEST(test_duration)
{
	static const struct {
		const char *text;
		uint32_t value_ms;
	} cases[] = {
	    {"0", 0},
	    {"0s", 0},
	    {"0ms", 0},
	    {"0.0", 0},
	    {"1ms", 1},
	    {"0.001", 1},
	    {"0.0015s", 2},
	    {"1.5ms", 2},
	    {"500ms", 500},
	    {"5", 5000},
	    {"2.5", 2500},
	    {"5s", 5000},
	    {".5s", 500},
	    {"1.5m", 90000},
	    {"2m", 120000},
	    {"1h", 3600000},
	    {"720h", 2592000000U},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		good(CONF_SCOPE_LISTENER, "idle_timeout", cases[i].text);
		ck_assert_uint_eq(listener.idle_timeout_ms, cases[i].value_ms);
	}
	not_accepted(CONF_SCOPE_LISTENER, "idle_timeout",
		     LIST("", "s", ".", "-1", "-1s", "+1", " 1s", "1 s", "1s ", "5 minutes", "1d",
			  "1S", "1sec", "1.2.3", "1e3", "0x5", "inf", "nan", "infs", "1h30m",
			  "never", "721h", "0.5ms", "0.0001", "0.0009s",
			  "999999999999999999999999999h"));
	ck_assert_uint_eq(listener.idle_timeout_ms, 2592000000U);
}
END_TEST

START_TEST(test_duration_bounds)
{
	good(CONF_SCOPE_LISTENER, "header_timeout", "1ms");
	good(CONF_SCOPE_LISTENER, "header_timeout", "1h");
	not_accepted(CONF_SCOPE_LISTENER, "header_timeout", LIST("0", "0.9ms", "3600001ms", "2h"));
	good(CONF_SCOPE_TOP, "drain_timeout", "0");
	ck_assert_uint_eq(conf.drain_timeout_ms, 0);
	good(CONF_SCOPE_TOP, "drain_timeout", "24h");
	not_accepted(CONF_SCOPE_TOP, "drain_timeout", LIST("24.1h", "0.1ms"));
	good(CONF_SCOPE_LISTENER, "tcp_keepalive", "0");
	good(CONF_SCOPE_LISTENER, "tcp_keepalive", "1s");
	good(CONF_SCOPE_LISTENER, "tcp_keepalive", "9h");
	bad(CONF_SCOPE_LISTENER, "tcp_keepalive", "999ms",
	    "is not a duration: a number of seconds, or a string such as \"500ms\", \"5s\", "
	    "\"2m\", "
	    "\"1h\", 0 (never) or from 1s to 32767s");
	bad(CONF_SCOPE_LISTENER, "connect_timeout", "5 minutes",
	    "is not a duration: a number of seconds, or a string such as \"500ms\", \"5s\", "
	    "\"2m\", "
	    "\"1h\", from 1ms to 1h");
}
END_TEST

START_TEST(test_buffer)
{
	good(CONF_SCOPE_LISTENER, "backend_buffer", "auto");
	ck_assert_uint_eq(listener.backend_buffer, CONF_BUFFER_AUTO);
	good(CONF_SCOPE_LISTENER, "backend_buffer", "0");
	ck_assert_uint_eq(listener.backend_buffer, 0);
	good(CONF_SCOPE_LISTENER, "backend_buffer", "4096");
	ck_assert_uint_eq(listener.backend_buffer, 4096);
	good(CONF_SCOPE_LISTENER, "backend_buffer", "67108864");
	ck_assert_uint_eq(listener.backend_buffer, 67108864);
	not_accepted(CONF_SCOPE_LISTENER, "backend_buffer",
		     LIST("", "Auto", "4095", "1", "67108865", "4294967295", "128k", "-1", "00"));
	bad(CONF_SCOPE_LISTENER, "backend_buffer", "64k",
	    "is not \"auto\", 0 (the system's own size) or bytes from 4096 to 67108864");
}
END_TEST

START_TEST(test_word)
{
	good(CONF_SCOPE_LOG, "level", "debug");
	ck_assert_int_eq(conf.log_level, LOG_LEVEL_DEBUG);
	good(CONF_SCOPE_LOG, "level", "error");
	ck_assert_int_eq(conf.log_level, LOG_LEVEL_ERROR);
	good(CONF_SCOPE_LOG, "format", "json");
	ck_assert_int_eq(conf.log_format, LOG_FORMAT_JSON);
	good(CONF_SCOPE_LISTENER, "source_port", "fallback");
	ck_assert_int_eq(listener.source_port, CONF_SOURCE_FALLBACK);
	good(CONF_SCOPE_LISTENER, "source_port", "ephemeral");
	ck_assert_int_eq(listener.source_port, CONF_SOURCE_EPHEMERAL);
	good(CONF_SCOPE_LISTENER, "relay", "splice");
	ck_assert_int_eq(listener.relay, CONF_RELAY_SPLICE);
	good(CONF_SCOPE_LISTENER, "relay", "buffered");
	ck_assert_int_eq(listener.relay, CONF_RELAY_BUFFERED);
	bad(CONF_SCOPE_LOG, "level", "Debug",
	    "is not one of \"debug\", \"info\", \"warn\", \"error\"");
	not_accepted(CONF_SCOPE_LOG, "level", LIST("", "warning", "info ", "0"));
	good(CONF_SCOPE_LISTENER, "protocol", "udp");
	ck_assert_int_eq(listener.protocol, CONF_PROTOCOL_UDP);
	good(CONF_SCOPE_LISTENER, "udp_header", "first");
	ck_assert_int_eq(listener.udp_header, CONF_UDP_FIRST);
	good(CONF_SCOPE_LISTENER, "udp_header", "spp");
	ck_assert_int_eq(listener.udp_header, CONF_UDP_SPP);
	bad(CONF_SCOPE_LISTENER, "udp_header", "last",
	    "is not one of \"each\", \"first\", \"spp\"");
	bad(CONF_SCOPE_LISTENER, "protocol", "sctp", "is not one of \"tcp\", \"udp\"");
	bad(CONF_SCOPE_LISTENER, "relay", "fast",
	    "is not one of \"auto\", \"splice\", \"buffered\"");
}
END_TEST

#define ADMIN_ACCEPTS                                                                              \
	"is not \"unix:\" and an absolute path of at most 107 bytes, or an address and port such " \
	"as \"127.0.0.1:9145\""

START_TEST(test_admin_listens_on_a_path_or_an_address)
{
	const struct conf_key *key = key_of(CONF_SCOPE_ADMIN, "listen");
	char text[CONF_TEXT_MAX];
	char path[CONF_TEXT_MAX] = "unix:/";

	ck_assert_ptr_null(conf_field_text(key, &conf, text));
	good(CONF_SCOPE_ADMIN, "listen", "[::]:9145");
	ck_assert_str_eq(conf_field_text(key, &conf, text), "[::]:9145");
	good(CONF_SCOPE_ADMIN, "listen", "unix:/run/mmproxy/admin.sock");
	ck_assert_str_eq(conf.admin_path, "/run/mmproxy/admin.sock");
	ck_assert(!addr_is_set(&conf.admin_addr));
	ck_assert_str_eq(conf_field_text(key, &conf, text), "unix:/run/mmproxy/admin.sock");
	/* The longest name that the kernel takes, and one byte more. */
	memset(path + strlen(path), 'x', 106);
	good(CONF_SCOPE_ADMIN, "listen", path);
	ck_assert_str_eq(conf_field_text(key, &conf, text), path);
	strcat(path, "x");
	bad(CONF_SCOPE_ADMIN, "listen", path, ADMIN_ACCEPTS);
	bad(CONF_SCOPE_ADMIN, "listen", "", ADMIN_ACCEPTS);
	bad(CONF_SCOPE_ADMIN, "listen", "unix:", ADMIN_ACCEPTS);
	bad(CONF_SCOPE_ADMIN, "listen", "unix:admin.sock", ADMIN_ACCEPTS);
	bad(CONF_SCOPE_ADMIN, "listen", "unix:/run/", ADMIN_ACCEPTS);
	bad(CONF_SCOPE_ADMIN, "listen", "/run/admin.sock", ADMIN_ACCEPTS);
	bad(CONF_SCOPE_ADMIN, "listen", "127.0.0.1:0", "has port 0: a port is 1 to 65535");
	/* What was refused changed nothing. */
	ck_assert_uint_eq(strlen(conf.admin_path), 107);
}
END_TEST

START_TEST(test_addresses)
{
	const struct conf_key *key = key_of(CONF_SCOPE_HEALTH, "listen");
	char text[CONF_TEXT_MAX];

	ck_assert_ptr_null(conf_field_text(key, &listener, text));
	good(CONF_SCOPE_HEALTH, "listen", "0.0.0.0:8081");
	good(CONF_SCOPE_HEALTH, "listen", "[2001:db8::1]:8081");
	ck_assert_str_eq(conf_field_text(key, &listener, text), "[2001:db8::1]:8081");
	not_accepted(CONF_SCOPE_HEALTH, "listen",
		     LIST("", ":8081", "127.0.0.1", "127.0.0.1:8081-8082", "unix:/run/x"));
	bad(CONF_SCOPE_HEALTH, "listen", "127.0.0.1:0", "has port 0: a port is 1 to 65535");
	bad(CONF_SCOPE_HEALTH, "listen", "224.0.0.1:1",
	    "is a multicast, broadcast or 0.0.0.0/8 address, which no server has");
}
END_TEST

START_TEST(test_planned_words)
{
	static const char *const words[] = {"one", "two", "three", NULL};
	const struct conf_key key = {.name = "number",
				     .type = CONF_TYPE_WORD,
				     .offset = offsetof(struct conf, workers),
				     .words = words,
				     .planned_word = "two"};
	char why[CONF_WHY_MAX] = "";

	ck_assert_int_eq(conf_value_set(&key, "two", &conf, why), -1);
	ck_assert_str_eq(why, "is not supported by this version of mmproxy (one and three are)");
	ck_assert_int_eq(conf_value_set(&key, "three", &conf, why), 0);
	ck_assert_uint_eq(conf.workers, 2);
	good(CONF_SCOPE_ROUTING, "manage", "true");
	ck_assert(conf.routing_manage);
	good(CONF_SCOPE_ROUTING, "manage", "false");
}
END_TEST

START_TEST(test_strings)
{
	char name[66];

	good(CONF_SCOPE_TOP, "user", "nobody");
	good(CONF_SCOPE_TOP, "user", "games");
	ck_assert_str_eq(conf.user, "games");
	bad(CONF_SCOPE_TOP, "user", "", "is not the name of a user");
	bad(CONF_SCOPE_TOP, "group", "", "is not the name of a group");

	memset(name, 'x', sizeof(name));
	name[64] = '\0';
	good(CONF_SCOPE_LISTENER, "name", name);
	good(CONF_SCOPE_LISTENER, "name", "A-z_0.9");
	ck_assert_str_eq(listener.name, "A-z_0.9");
	name[64] = 'x';
	name[65] = '\0';
	not_accepted(CONF_SCOPE_LISTENER, "name", LIST("", "a b", "a/b", "\xc3\xa4", "a\n", name));

	good(CONF_SCOPE_LOG, "target", "syslog");
	good(CONF_SCOPE_LOG, "target", "/var/log/mmproxy.log");
	ck_assert_str_eq(conf.log_target, "/var/log/mmproxy.log");
	not_accepted(CONF_SCOPE_LOG, "target", LIST("", "stdout", "mmproxy.log", "/", "/var/log/"));
}
END_TEST

START_TEST(test_targets)
{
	char text[CONF_TEXT_MAX];

	good(CONF_SCOPE_TARGETS, "ipv4", "192.0.2.1:65535");
	ck_assert_str_eq(conf_field_text(key_of(CONF_SCOPE_TARGETS, "ipv4"), &listener, text),
			 "192.0.2.1:65535");
	good(CONF_SCOPE_TARGETS, "ipv6", "[2001:db8::1]:1");
	ck_assert_str_eq(conf_field_text(key_of(CONF_SCOPE_TARGETS, "ipv6"), &listener, text),
			 "[2001:db8::1]:1");
	not_accepted(CONF_SCOPE_TARGETS, "ipv4",
		     LIST("", "127.0.0.1", ":80", "localhost:80", "127.0.0.1:http",
			  "127.0.0.1:65536", "[::1]:80", "127.0.0.1:80-81", "192.0.2.1:80 "));
	not_accepted(CONF_SCOPE_TARGETS, "ipv6", LIST("", "::1:80", "[::1]", "127.0.0.1:80"));
	bad(CONF_SCOPE_TARGETS, "ipv4", "127.0.0.1:0", "has port 0: a port is 1 to 65535");
	bad(CONF_SCOPE_TARGETS, "ipv4", "0.0.0.0:80",
	    "is a wildcard: a target is the address of one server");
	bad(CONF_SCOPE_TARGETS, "ipv6", "[::]:80",
	    "is a wildcard: a target is the address of one server");
	bad(CONF_SCOPE_TARGETS, "ipv4", "224.0.0.1:80",
	    "is a multicast, broadcast or 0.0.0.0/8 address, which no server has");
	bad(CONF_SCOPE_TARGETS, "ipv4", "255.255.255.255:80",
	    "is a multicast, broadcast or 0.0.0.0/8 address, which no server has");
	bad(CONF_SCOPE_TARGETS, "ipv6", "[ff02::1]:80",
	    "is a multicast, broadcast or 0.0.0.0/8 address, which no server has");
	bad(CONF_SCOPE_TARGETS, "ipv6", "[::ffff:127.0.0.1]:80",
	    "is an IPv4-mapped address: write it as an IPv4 address");
}
END_TEST

START_TEST(test_listen)
{
	char text[ADDR_STRLEN];

	good(CONF_SCOPE_LISTENER, "listen", "0.0.0.0:65535");
	ck_assert_uint_eq(listener.listen_count, 1);
	good(CONF_SCOPE_LISTENER, "listen", "[2001:db8::1]:10000-10019");
	ck_assert_uint_eq(listener.listen_count, 21);
	ck_assert_str_eq(addr_format(&listener.listen[0], text), "0.0.0.0:65535");
	ck_assert_str_eq(addr_format(&listener.listen[1], text), "[2001:db8::1]:10000");
	ck_assert_str_eq(addr_format(&listener.listen[20], text), "[2001:db8::1]:10019");
	good(CONF_SCOPE_LISTENER, "listen", "[::]:7-7");
	ck_assert_uint_eq(listener.listen_count, 22);
	good(CONF_SCOPE_LISTENER, "listen", "127.0.0.1:1-65535");
	ck_assert_uint_eq(listener.listen_count, 22 + 65535);

	not_accepted(CONF_SCOPE_LISTENER, "listen",
		     LIST("", "0.0.0.0", "8443", "localhost:80", "*:80", "0.0.0.0:80-",
			  "0.0.0.0:-80", "0.0.0.0:1-65536", "0.0.0.0:1-2-3", "0.0.0.0:1-+2",
			  "0.0.0.0:1 - 2", "::1:80", "0.0.0.0-0.0.0.9:80", "[2001:db8::1]:80x",
			  "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1-2"));
	bad(CONF_SCOPE_LISTENER, "listen", ":8443",
	    "is not an address: \"IPV4:PORT\" or \"[IPV6]:PORT\" in numbers, where PORT may be a "
	    "range "
	    "such as 10000-10019 (every address is \"0.0.0.0:PORT\" and \"[::]:PORT\")");
	bad(CONF_SCOPE_LISTENER, "listen", "0.0.0.0:0", "has port 0: a port is 1 to 65535");
	bad(CONF_SCOPE_LISTENER, "listen", "0.0.0.0:0-10", "has port 0: a port is 1 to 65535");
	bad(CONF_SCOPE_LISTENER, "listen", "0.0.0.0:20-10",
	    "is a range of ports whose last is below its first");
	bad(CONF_SCOPE_LISTENER, "listen", "[::ffff:0.0.0.0]:80",
	    "is an IPv4-mapped address: write it as an IPv4 address");
	bad(CONF_SCOPE_LISTENER, "listen", "239.0.0.1:80",
	    "is a multicast, broadcast or 0.0.0.0/8 address, which no server has");
	ck_assert_uint_eq(listener.listen_count, 22 + 65535);
}
END_TEST

START_TEST(test_subnets)
{
	good(CONF_SCOPE_LISTENER, "allowed_clients", "192.0.2.1/24");
	good(CONF_SCOPE_LISTENER, "allowed_clients", "2001:db8::1");
	ck_assert_uint_eq(netset_count(listener.allowed_clients), 2);
	ck_assert_str_eq(netset_text(listener.allowed_clients, 0), "192.0.2.0/24");
	bad(CONF_SCOPE_LISTENER, "allowed_clients", "192.0.2.0/33",
	    "is not a network such as \"192.0.2.0/24\" or \"2001:db8::/32\", or an address");
	ck_assert_uint_eq(netset_count(listener.allowed_clients), 2);
}
END_TEST

START_TEST(test_duration_text)
{
	static const struct {
		uint32_t value_ms;
		const char *text;
	} cases[] = {{0, "0"},	      {1, "1ms"},	{1500, "1500ms"},
		     {1000, "1s"},    {90000, "90s"},	{60000, "1m"},
		     {3600000, "1h"}, {5400000, "90m"}, {UINT32_MAX, "4294967295ms"}};
	char text[CONF_DURATION_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_str_eq(conf_duration_format(cases[i].value_ms, text), cases[i].text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_value");
	TCase *tcase = tcase_create("conf_value");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_every_default_is_accepted);
	tcase_add_test(tcase, test_rows_are_found_by_name);
	tcase_add_test(tcase, test_bool);
	tcase_add_test(tcase, test_integer);
	tcase_add_test(tcase, test_duration);
	tcase_add_test(tcase, test_duration_bounds);
	tcase_add_test(tcase, test_buffer);
	tcase_add_test(tcase, test_word);
	tcase_add_test(tcase, test_admin_listens_on_a_path_or_an_address);
	tcase_add_test(tcase, test_addresses);
	tcase_add_test(tcase, test_planned_words);
	tcase_add_test(tcase, test_strings);
	tcase_add_test(tcase, test_targets);
	tcase_add_test(tcase, test_listen);
	tcase_add_test(tcase, test_subnets);
	tcase_add_test(tcase, test_duration_text);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
