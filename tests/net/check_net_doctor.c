/* SPDX-License-Identifier: BSD-2-Clause */
/* What --check-routing says of targets on loopback, and that doing what it says mends it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "connection.h"
#include "daemon.h"
#include "doctor.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "routes.h"
#include "udp.h"

/* As linux/capability.h numbers them. */
#define NET_BIND_SERVICE (1ull << 10)
#define NET_ADMIN	 (1ull << 12)
#define NET_RAW		 (1ull << 13)

#define MANAGE "routing = { manage = true; };\n"
#define IPV4   DOCTOR_TCP(DOCTOR_IPV4)
#define IPV6   DOCTOR_TCP(DOCTOR_IPV6)

#define ROUTE_V4 "ip route add local 0.0.0.0/0 dev lo table 123"
#define RULE_V4	 "ip rule add from 127.0.0.0/8 iif lo table 123"

/* ---- rules and routes ---- */

START_TEST(no_routes_at_all)
{
	int backend = peer_listen(BACKEND_V4);

	doctor_expect_mended(IPV4, "rule_missing", "127.0.0.1:8000");
	/* The server's program has seen nothing of it. */
	peer_assert_no_connection(backend);
}
END_TEST

START_TEST(a_rule_without_its_route)
{
	(void)peer_listen(BACKEND_V4);
	harness_shell(RULE_V4);
	doctor_expect_mended(IPV4, "route_missing", "from 127.0.0.0/8 iif lo lookup 123");
}
END_TEST

START_TEST(a_route_without_its_rule)
{
	(void)peer_listen(BACKEND_V4);
	harness_shell(ROUTE_V4);
	doctor_expect_mended(IPV4, "rule_missing", NULL);
}
END_TEST

START_TEST(a_rule_for_another_port)
{
	(void)peer_listen(BACKEND_V4);
	harness_shell(ROUTE_V4 " && ip rule add from 127.0.0.1 iif lo ipproto tcp sport 8001 "
			       "table 123");
	doctor_expect_mended(IPV4, "rule_missing", NULL);
}
END_TEST

START_TEST(a_route_of_another_type)
{
	(void)peer_listen(BACKEND_V4);
	harness_shell("ip route add blackhole 0.0.0.0/0 table 123 && " RULE_V4);
	doctor_expect_exit(IPV4, 1);
	doctor_expect("FAIL", "route_missing", "table 123");
}
END_TEST

START_TEST(a_rule_that_comes_first)
{
	(void)peer_listen(BACKEND_V4);
	harness_shell(ROUTE_V4 " && " RULE_V4);
	doctor_expect_exit(IPV4, 0);
	harness_shell("ip route add unreachable default table 52 && "
		      "ip rule add pref 5270 from all lookup 52");
	doctor_expect_mended(IPV4, "rule_shadowed", "5270: from all lookup 52");
}
END_TEST

START_TEST(a_rule_that_comes_before_our_own)
{
	(void)peer_listen(BACKEND_V4);
	doctor_expect_mended(IPV4, "rule_missing", NULL);
	harness_shell("ip rule add pref 50 from 127.0.0.1 prohibit");
	doctor_expect_mended(IPV4, "rule_shadowed", "50: from 127.0.0.1 (refuses)");
}
END_TEST

START_TEST(ipv6_is_looked_at_by_itself)
{
	(void)peer_listen(BACKEND_V6);
	harness_shell(ROUTE_V4 " && " RULE_V4);
	doctor_expect_mended(IPV6, "rule_missing", "[::1]:8000");
	(void)peer_listen(BACKEND_V4);
	harness_shell("ip -6 route flush table 123");
	doctor_expect_mended(DOCTOR_TCP(DOCTOR_IPV4 DOCTOR_IPV6), "route_missing", "from ::1");
}
END_TEST

START_TEST(routes_that_the_daemon_sets_up)
{
	(void)peer_listen(BACKEND_V4);
	doctor_expect_exit(MANAGE IPV4, 0);
	doctor_expect("warn", "routes_at_start", NULL);
	daemon_start_config(MANAGE IPV4);
	doctor_expect_exit(MANAGE IPV4, 0);
	doctor_expect_none("routes_at_start");
	/* Missing now is missing. */
	harness_shell(
	    "ip rule del pref 50 2>/dev/null; ip rule add pref 50 from 127.0.0.1 prohibit");
	doctor_expect_exit(MANAGE IPV4, 1);
	doctor_expect("FAIL", "rule_shadowed", NULL);
}
END_TEST

/* ---- the server, and what is before it ---- */

START_TEST(nothing_is_wrong)
{
	int tcp[2] = {peer_listen(BACKEND_V4), peer_listen(BACKEND_V6)};
	int udp = udp_open(BACKEND_V4);
	static const char config[] =
	    DOCTOR_LISTENERS("{ name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS "},"
			     "{ name = \"u\"; protocol = \"udp\"; listen = \"" LISTEN_V4
			     "\"; targets = { " DOCTOR_IPV4 "}; }");

	doctor_expect_exit(config, 0);
	ck_assert_uint_eq(doctor_count("warn"), 0);
	ck_assert_uint_eq(doctor_count("ok"), 4);
	daemon_start_config(config);
	doctor_expect_exit(config, 0);
	ck_assert_uint_eq(doctor_count("ok"), 4);
	connection_try(tcp[0], CONNECTION_CLIENT);
	peer_assert_no_connection(tcp[0]);
	peer_assert_no_connection(tcp[1]);
	ck_assert_ptr_null(udp_receive_within(udp, 0));
}
END_TEST

START_TEST(one_family_is_enough)
{
	(void)peer_listen(BACKEND_V4);
	harness_shell("ip -6 rule flush 2>/dev/null; true");
	doctor_expect_exit(IPV4, 0);
	peer_close_all();
	(void)peer_listen(BACKEND_V6);
	doctor_expect_exit(DOCTOR_TCP(DOCTOR_IPV4), 1);
}
END_TEST

START_TEST(a_server_that_is_down)
{
	doctor_expect_exit(IPV4, 1);
	doctor_expect("FAIL", "backend_down", "127.0.0.1:8000");
	ck_assert_uint_eq(doctor_count("FAIL"), 1);
	doctor_expect_exit(DOCTOR_UDP(DOCTOR_IPV4), 1);
	doctor_expect("FAIL", "backend_down", "127.0.0.1:8000");
	ck_assert_uint_eq(doctor_count("FAIL"), 1);
}
END_TEST

START_TEST(a_server_at_another_address)
{
	(void)peer_listen("127.0.0.7:8000");
	doctor_expect_exit(IPV4, 1);
	doctor_expect("FAIL", "backend_elsewhere", "127.0.0.7:8000");
	(void)udp_open("127.0.0.9:8000");
	doctor_expect_exit(DOCTOR_UDP(DOCTOR_IPV4), 1);
	doctor_expect("FAIL", "backend_elsewhere", "127.0.0.9:8000");
}
END_TEST

START_TEST(a_firewall_against_clients)
{
	(void)peer_listen(BACKEND_V4);
	harness_shell("nft 'table inet f { chain c { type filter hook input priority 0; "
		      "ip saddr 192.0.2.0/24 drop; }; }'");
	doctor_expect_exit(IPV4, 1);
	doctor_expect("FAIL", "firewall_drop", "127.0.0.1:8000");
	ck_assert_uint_eq(doctor_count("FAIL"), 1);
	harness_shell("nft delete table inet f && nft 'table inet f { chain c { type filter hook "
		      "input priority 0; ip saddr 192.0.2.0/24 tcp dport 8000 "
		      "reject with tcp reset; }; }'");
	doctor_expect_exit(IPV4, 1);
	doctor_expect("FAIL", "firewall_reject", "127.0.0.1:8000");
	ck_assert_uint_eq(doctor_count("FAIL"), 1);
}
END_TEST

START_TEST(a_firewall_against_everybody)
{
	(void)peer_listen(BACKEND_V4);
	harness_shell("nft 'table inet f { chain c { type filter hook input priority 0; "
		      "tcp dport 8000 drop; }; }'");
	doctor_expect_exit(IPV4, 1);
	doctor_expect("FAIL", "firewall_drop", "not even this host's own");
	ck_assert_uint_eq(doctor_count("FAIL"), 1);
}
END_TEST

START_TEST(a_udp_server_on_all_addresses)
{
	int backend = udp_open("0.0.0.0:8000");

	doctor_expect_exit(DOCTOR_UDP(DOCTOR_IPV4), 0);
	doctor_expect("warn", "answers_elsewhere", "127.0.0.1:8000");
	ck_assert_ptr_null(udp_receive_within(backend, 0));
	peer_close_all();
	(void)udp_open("[::]:8000");
	doctor_expect_exit(DOCTOR_UDP(DOCTOR_IPV4 DOCTOR_IPV6), 0);
	ck_assert_uint_eq(doctor_count("warn"), 2);
}
END_TEST

START_TEST(destinations_that_headers_name)
{
	static const char config[] =
	    DOCTOR_LISTENERS("{ name = \"t\"; listen = \"" LISTEN_V4
			     "\"; dynamic_destination = true; allowed_destinations = "
			     "[ \"127.0.0.0/8\" ]; }");

	doctor_expect_mended(config, "rule_missing", "127.0.0.1");
}
END_TEST

/* ---- what it may and what it has time for ---- */

START_TEST(without_privileges)
{
	(void)peer_listen(BACKEND_V4);
	(void)doctor_run(IPV4, NULL, NET_ADMIN);
	ck_assert_uint_eq(doctor_count("FAIL") + doctor_count("warn"), 0);
	(void)doctor_run(IPV4, NULL, NET_RAW);
	ck_assert_uint_eq(doctor_count("FAIL") + doctor_count("warn"), 0);
	/* Root, which a daemon started like this would be. */
	(void)doctor_run(IPV4, NULL, NET_RAW | NET_ADMIN);
	doctor_expect("FAIL", "no_capability", "CAP_NET_RAW");
	doctor_expect("warn", "not_permitted", "127.0.0.1:8000");
	(void)doctor_run(DOCTOR_LISTENERS("{ name = \"t\"; listen = \"127.0.0.1:443\"; "
					  "targets = { " DOCTOR_IPV4 "}; }"),
			 NULL, NET_BIND_SERVICE);
	doctor_expect("FAIL", "no_capability", "port 443");
	/* Rules can be looked at by anybody. */
	harness_shell("ip rule del from 127.0.0.1/8 iif lo table 123");
	(void)doctor_run(IPV4, NULL, NET_RAW | NET_ADMIN);
	doctor_expect("FAIL", "rule_missing", "127.0.0.1:8000");
}
END_TEST

/* A thousand listeners, whose targets swallow everything, in the time for one. */
START_TEST(silent_targets_do_not_add_up)
{
	static char config[256 * 1024];
	size_t len = 0;

	harness_shell("ip link set lo up && nft 'table inet f { chain c { type filter hook input "
		      "priority 0; tcp flags syn drop; }; }'");
	len += (size_t)snprintf(config, sizeof(config), "%slisteners = ( ", DAEMON_AS_ROOT);
	for (unsigned i = 0; i < 1000; i++)
		len += (size_t)snprintf(config + len, sizeof(config) - len,
					"%s{ name = \"t%u\"; listen = \"127.0.0.1:%u\"; targets = "
					"{ ipv4 = \"127.0.1.%u:%u\"; }; }",
					i > 0 ? ", " : "", i, 10000 + i, i % 250 + 1, 1000 + i);
	snprintf(config + len, sizeof(config) - len, " );\n");
	(void)doctor_run(config, NULL, 0);
	/* Six seconds, and what a busy machine adds. One by one, 48 at a time, they would take 2.5
	 * s for each of 21 times. */
	ck_assert_int_lt(doctor_took_ms(), 40000);
}
END_TEST

START_TEST(json_for_programs)
{
	const char *out;

	(void)peer_listen(BACKEND_V4);
	out = doctor_run(DOCTOR_TCP(DOCTOR_IPV4 DOCTOR_IPV6), "--json", 0);
	ck_assert_ptr_nonnull(strstr(out, "{\"ok\":2,\"warn\":0,\"fail\":1,\"findings\":["));
	ck_assert_ptr_nonnull(strstr(out, "{\"level\":\"FAIL\",\"cause\":\"backend_down\","
					  "\"listener\":\"t\",\"protocol\":\"tcp\","
					  "\"target\":\"[::1]:8000\",\"sentence\":\""));
	(void)harness_write("out.json", out);
	if (harness_has_tool("python3"))
		harness_shell("python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); "
			      "assert len(r[\"findings\"]) == 3; "
			      "assert r[\"findings\"][2][\"mend\"].startswith(\"ss \")' %s",
			      harness_path("out.json"));
}
END_TEST

START_TEST(a_mistake_in_the_file)
{
	struct command command = {.argc = 0};
	static struct command_result result;

	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_write("wrong.conf", "nonsense;"));
	command_add(&command, "--check-routing");
	command_run(&command, &result);
	ck_assert_int_eq(result.exit_code, 2);
	ck_assert_str_eq(result.out, "");
}
END_TEST

static Suite *doctor_suite(void)
{
	Suite *suite = suite_create("net_doctor");
	TCase *wrong = harness_case_without_routes(suite, "wrong", 60);
	TCase *right = harness_case(suite, "right", 60);
	bool ipv6 = netns_has_ipv6();

	tcase_add_test(wrong, no_routes_at_all);
	tcase_add_test(wrong, a_rule_without_its_route);
	tcase_add_test(wrong, a_route_without_its_rule);
	tcase_add_test(wrong, a_rule_for_another_port);
	tcase_add_test(wrong, a_route_of_another_type);
	tcase_add_test(wrong, a_rule_that_comes_first);
	tcase_add_test(wrong, a_rule_that_comes_before_our_own);
	tcase_add_test(wrong, routes_that_the_daemon_sets_up);
	tcase_add_test(wrong, destinations_that_headers_name);
	tcase_add_test(right, one_family_is_enough);
	tcase_add_test(right, a_server_that_is_down);
	tcase_add_test(right, a_server_at_another_address);
	tcase_add_test(right, without_privileges);
	tcase_add_test(right, a_mistake_in_the_file);
	if (ipv6) {
		tcase_add_test(wrong, ipv6_is_looked_at_by_itself);
		tcase_add_test(right, nothing_is_wrong);
		tcase_add_test(right, a_udp_server_on_all_addresses);
		tcase_add_test(right, json_for_programs);
	}
	if (!harness_has_tool("nft"))
		return suite;
	tcase_add_test(right, a_firewall_against_clients);
	tcase_add_test(right, a_firewall_against_everybody);
	tcase_add_test(right, silent_targets_do_not_add_up);
	return suite;
}

int main(void)
{
	return routes_are_built() ? harness_run(doctor_suite()) : 77;
}
