/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What --check-routing says of targets that are not on loopback: at other addresses of this host,
 * in guests, behind programs for containers and address translation; and of the host itself.
 */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "connection.h"
#include "daemon.h"
#include "doctor.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "routes.h"
#include "udp.h"

#define GUEST_TCP DOCTOR_TCP("ipv4 = \"" ROUTES_GUEST_V4 "\"; ")
#define GUEST_UDP DOCTOR_UDP("ipv4 = \"" ROUTES_GUEST_V4 "\"; ")
#define HERE_TCP  DOCTOR_TCP("ipv4 = \"192.0.2.1:8000\"; ")

/* The way back of marked answers, but for the marks. */
#define ROUTES_OF_MARK                                      \
	"ip route add local 0.0.0.0/0 dev lo table 123 && " \
	"ip rule add fwmark 124 table 123"

/* ---- guests ---- */

START_TEST(a_guest_without_routes)
{
	int guest = routes_add_guest();
	int backend = routes_listen_in_guest(guest, ROUTES_GUEST_V4);

	doctor_expect_mended(GUEST_TCP, "rule_missing", ROUTES_GUEST_V4);
	peer_assert_no_connection(backend);
}
END_TEST

START_TEST(a_guest_of_ipv6)
{
	(void)routes_listen_in_guest(routes_add_guest(), ROUTES_GUEST_V6);
	doctor_expect_mended(DOCTOR_TCP("ipv6 = \"" ROUTES_GUEST_V6 "\"; "), "rule_missing",
			     ROUTES_GUEST_V6);
}
END_TEST

START_TEST(a_guest_whose_answers_get_no_mark)
{
	(void)routes_listen_in_guest(routes_add_guest(), ROUTES_GUEST_V4);
	harness_shell(ROUTES_OF_MARK);
	/* --setup-routing takes no table of somebody else's. */
	doctor_expect_exit(GUEST_TCP, 1);
	doctor_expect("FAIL", "mark_lost", "mark 124");
	ck_assert_uint_eq(doctor_count("FAIL"), 1);
	/* Connections are marked, and answers are not. */
	harness_shell("nft 'table inet m { chain forth { type filter hook output priority mangle; "
		      "ip daddr 192.0.2.2 ct mark set 124; }; }'");
	doctor_expect_exit(GUEST_TCP, 1);
	doctor_expect("FAIL", "mark_lost", "meta mark");
	harness_shell("nft 'table inet m { chain back { type filter hook prerouting priority "
		      "mangle; ct direction reply ct mark 124 meta mark set 124; }; }'");
	doctor_expect_exit(GUEST_TCP, 0);
	ck_assert_uint_eq(doctor_count("warn"), 0);
}
END_TEST

START_TEST(a_guest_that_is_down)
{
	(void)routes_add_guest();
	doctor_expect_exit(GUEST_TCP, 1);
	doctor_expect("FAIL", "backend_down", ROUTES_GUEST_V4);
	doctor_expect("FAIL", "rule_missing", ROUTES_GUEST_V4);
	doctor_mend("rule_missing");
	doctor_expect_exit(GUEST_TCP, 1);
	ck_assert_uint_eq(doctor_count("FAIL"), 1);
}
END_TEST

START_TEST(a_guest_behind_a_strict_filter)
{
	(void)routes_listen_in_guest(routes_add_guest(), ROUTES_GUEST_V4);
	doctor_expect_exit(GUEST_TCP, 1);
	doctor_mend("rule_missing");
	if (!harness_sysctl("net/ipv4/conf/to-guest/src_valid_mark", "1"))
		return;
	harness_shell("sysctl -qw net.ipv4.conf.to-guest.rp_filter=1");
	doctor_expect_mended(GUEST_TCP, "src_valid_mark", "to-guest");
}
END_TEST

START_TEST(a_guest_with_udp)
{
	int guest = routes_add_guest();
	int backend = routes_udp_in_guest(guest, ROUTES_GUEST_V4);

	doctor_expect_mended(GUEST_UDP, "rule_missing", ROUTES_GUEST_V4);
	/* It was sent nothing but empty datagrams. */
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(udp_receive(backend)->len, 0);
	ck_assert_ptr_null(udp_receive_within(backend, 0));
	peer_close(backend);
	doctor_expect_exit(GUEST_UDP, 1);
	doctor_expect("FAIL", "backend_down", ROUTES_GUEST_V4);
}
END_TEST

START_TEST(a_guest_with_udp_and_no_mark)
{
	(void)routes_udp_in_guest(routes_add_guest(), ROUTES_GUEST_V4);
	harness_shell(ROUTES_OF_MARK);
	doctor_expect_exit(GUEST_UDP, 1);
	doctor_expect("FAIL", "mark_lost", "mark 124");
}
END_TEST

START_TEST(a_rule_for_the_listeners_own_mark)
{
	(void)routes_listen_in_guest(routes_add_guest(), ROUTES_GUEST_V4);
	harness_shell("ip route add local 0.0.0.0/0 dev lo table 100 && "
		      "ip rule add pref 50 fwmark 123 table 100");
	doctor_expect_exit("defaults = { mark = 123; };\n" GUEST_TCP, 1);
	doctor_expect("FAIL", "mark_caught", "mark 123");
	ck_assert_uint_eq(doctor_count("FAIL"), 1);
}
END_TEST

/* ---- other addresses of this host ---- */

START_TEST(another_address_of_this_host)
{
	(void)routes_add_guest();
	(void)peer_listen("192.0.2.1:8000");
	harness_shell("ip route add default via 192.0.2.2");
	doctor_expect_mended(HERE_TCP, "rule_missing", "192.0.2.1:8000");
	harness_shell("ip route del default");
	doctor_expect_exit(HERE_TCP, 1);
	doctor_expect("FAIL", "no_default_route", "192.0.2.1:8000");
}
END_TEST

START_TEST(a_published_port_that_is_translated)
{
	(void)routes_listen_in_guest(routes_add_guest(), ROUTES_GUEST_V4);
	harness_shell("ip route add default via 192.0.2.2 && "
		      "nft 'table ip n { chain o { type nat hook output priority -100; "
		      "ip daddr 192.0.2.1 tcp dport 8000 dnat to 192.0.2.2:8000; }; }'");
	doctor_expect_exit(HERE_TCP, 1);
	doctor_expect("FAIL", "behind_nat", "192.0.2.1:8000");
	ck_assert_uint_eq(doctor_count("FAIL"), 1);
	/* What it advises. */
	doctor_expect_exit(GUEST_TCP, 1);
	doctor_mend("rule_missing");
	doctor_expect_exit(GUEST_TCP, 0);
}
END_TEST

/* A process with that name, which has the socket, as Docker's has those of published ports. */
static pid_t start_docker_proxy(const char *address, bool with_flags)
{
	struct command command = {.argc = 0};
	char script[512];

	snprintf(script, sizeof(script),
		 "import socket, sys, time\n"
		 "open('/proc/self/comm', 'w').write('docker-proxy')\n"
		 "s = socket.socket()\n"
		 "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
		 "s.bind(('%s', 8000))\n"
		 "s.listen()\n"
		 "time.sleep(600)\n",
		 address);
	command_add(&command, "python3");
	command_add(&command, harness_write("docker-proxy.py", script));
	if (with_flags) {
		command_add(&command, "-proto");
		command_add(&command, "tcp");
		command_add(&command, "-host-ip");
		command_add(&command, address);
		command_add(&command, "-host-port");
		command_add(&command, "8000");
		command_add(&command, "-container-ip");
		command_add(&command, "172.17.0.2");
		command_add(&command, "-container-port");
		command_add(&command, "80");
	}
	return command_start(&command, STDERR_FILENO, STDERR_FILENO);
}

START_TEST(docker_proxy_has_the_port)
{
	bool with_flags = _i == 1;

	(void)start_docker_proxy(with_flags ? "0.0.0.0" : "127.0.0.1", with_flags);
	HARNESS_AWAIT(peer_try_connect(NULL, BACKEND_V4) >= 0);
	doctor_expect_exit(DOCTOR_TCP(DOCTOR_IPV4), 1);
	doctor_expect("FAIL", "behind_docker_proxy", with_flags ? "172.17.0.2:80" : "docker-proxy");
	ck_assert_uint_eq(doctor_count("FAIL"), 1);
}
END_TEST

/* ---- elsewhere, and the host itself ---- */

START_TEST(a_target_on_another_host)
{
	/* A device that leads away, of a kind that this kernel has; not each is for everybody. */
	harness_shell("(ip link add to-net type dummy || "
		      "ip link add to-net type vxlan id 5 remote 192.0.2.1 dstport 4789 || "
		      "ip tuntap add to-net mode tun) 2>/dev/null && "
		      "ip addr add 198.51.100.2/24 dev to-net && ip link set to-net up");
	(void)doctor_run(DOCTOR_UDP("ipv4 = \"198.51.100.9:8000\"; "), NULL, 0);
	doctor_expect("warn", "target_on_other_host", "198.51.100.9:8000");
	doctor_expect_exit(DOCTOR_TCP("ipv4 = \"203.0.113.9:8000\"; "), 1);
	doctor_expect("FAIL", "backend_unreachable", "203.0.113.9:8000");
}
END_TEST

START_TEST(what_the_host_should_not_have)
{
	(void)peer_listen(BACKEND_V4);
	if (harness_sysctl("net/ipv4/conf/all/route_localnet", "1")) {
		doctor_expect_exit(DOCTOR_TCP(DOCTOR_IPV4), 0);
		doctor_expect("warn", "route_localnet", "CVE-2020-8558");
		doctor_mend("route_localnet");
	}
	doctor_expect_exit(DOCTOR_TCP(DOCTOR_IPV4), 0);
	ck_assert_uint_eq(doctor_count("warn"), 0);
	doctor_expect_exit(DOCTOR_LISTENERS("{ name = \"t\"; listen = \"0.0.0.0:7000\"; targets = "
					    "{ " DOCTOR_IPV4 "}; }"),
			   0);
	doctor_expect("warn", "open_to_all", "0.0.0.0:7000");
	doctor_expect_exit(DOCTOR_LISTENERS("{ name = \"t\"; listen = \"0.0.0.0:7000\"; "
					    "allowed_subnets = [ \"127.0.0.1\", \"0.0.0.0/0\" ]; "
					    "targets = { " DOCTOR_IPV4 "}; }"),
			   0);
	doctor_expect("warn", "open_to_all", "open to the world");
	(void)peer_listen("0.0.0.0:40123");
	doctor_expect_exit(DOCTOR_TCP(DOCTOR_IPV4), 0);
	doctor_expect("warn", "port_clash", "40123");
	doctor_expect_exit("defaults = { source_port = \"fallback\"; };\n" DOCTOR_TCP(DOCTOR_IPV4),
			   0);
	doctor_expect_none("port_clash");
}
END_TEST

#ifdef HAVE_CAP_NG
START_TEST(a_user_who_is_not_there)
{
	(void)peer_listen(BACKEND_V4);
	doctor_expect_exit("user = \"nobody-of-this-name\";\n"
			   "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4
			   "\"; targets = { " DOCTOR_IPV4 "}; } );\n",
			   1);
	doctor_expect("FAIL", "user_missing", "nobody-of-this-name");
}
END_TEST
#endif

static Suite *doctor_suite(void)
{
	Suite *suite = suite_create("net_doctor_host");
	TCase *guests = harness_case_without_routes(suite, "guests", 60);
	TCase *host = harness_case(suite, "host", 60);

	tcase_add_test(guests, a_target_on_another_host);
	tcase_add_test(host, what_the_host_should_not_have);
#ifdef HAVE_CAP_NG
	tcase_add_test(host, a_user_who_is_not_there);
#endif
	if (harness_has_tool("python3"))
		tcase_add_loop_test(host, docker_proxy_has_the_port, 0, 2);
	tcase_add_test(guests, a_rule_for_the_listeners_own_mark);
	if (!routes_have_marks())
		return suite;
	tcase_add_test(guests, a_guest_without_routes);
	tcase_add_test(guests, a_guest_whose_answers_get_no_mark);
	tcase_add_test(guests, a_guest_that_is_down);
	tcase_add_test(guests, a_guest_behind_a_strict_filter);
	tcase_add_test(guests, a_guest_with_udp);
	tcase_add_test(guests, a_guest_with_udp_and_no_mark);
	tcase_add_test(guests, another_address_of_this_host);
	tcase_add_test(guests, a_published_port_that_is_translated);
	if (netns_has_ipv6())
		tcase_add_test(guests, a_guest_of_ipv6);
	return suite;
}

int main(void)
{
	return routes_are_built() ? harness_run(doctor_suite()) : 77;
}
