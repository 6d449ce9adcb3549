/* SPDX-License-Identifier: BSD-2-Clause */
/* The form without a file: go-mmproxy's and cloudflare's flags, as their users have them in
 * scripts. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "sender.h"

#define FLAGS_MAX 12

/* Start the daemon with flags, ended by NULL. */
static void start(const char *const flags[])
{
	struct command command;

	daemon_command(&command);
	for (size_t i = 0; flags[i] != NULL; i++)
		command_add(&command, flags[i]);
	daemon_start_command(&command);
}

/* Each way to write the same thing. */
static const char *const spellings[][FLAGS_MAX] = {
    {"-l", LISTEN_V4, "-4", BACKEND_V4, "-6", BACKEND_V6},
    {"--l", LISTEN_V4, "--4", BACKEND_V4, "--6", BACKEND_V6},
    {"-l=" LISTEN_V4, "-4=" BACKEND_V4, "--6=" BACKEND_V6},
    {"-p", "tcp", "-listeners", "2", "-v", "2", "-l", LISTEN_V4, "-4", BACKEND_V4},
    {"--listeners", "3", "--mark", "0", "--close-after", "60", "--v", "1", "--l", LISTEN_V4,
     "-4=" BACKEND_V4},
    {"-a", "NETWORKS", "-l", LISTEN_V4, "-4", BACKEND_V4, "-6", BACKEND_V6, "--table", "123"},
    {"--allowed-networks", "NETWORKS", "-q", "-l", LISTEN_V4, "-4", BACKEND_V4},
    {"--verbose", "--force-real-client-port", "-l", LISTEN_V4, "-4", BACKEND_V4},
    {"--quiet", "-listen-transparent", "-l", LISTEN_V4, "-4", BACKEND_V4},
    {"-v", "0", "-allowed-subnets", "NETWORKS", "-l", LISTEN_V4, "-4", BACKEND_V4},
    {"-a", "NETWORKS", "-l", LISTEN_V4, "-4", BACKEND_V4, "-t", "100", "-m", "5", "-N", "-v"},
    {"-qvNP", "-m5", "-t100", "-l" LISTEN_V4, "-4" BACKEND_V4, "-6" BACKEND_V6},
    {"-P", "--listen", LISTEN_V4, "--target-v4", BACKEND_V4, "--target-v6=" BACKEND_V6},
};

#define SPELLINGS ((int)(sizeof(spellings) / sizeof(spellings[0])))

START_TEST(flags_carry_a_connection)
{
	const char *networks = harness_write("networks", "127.0.0.0/8\n::1\n");
	int backend = peer_listen(BACKEND_V4);
	const char *flags[FLAGS_MAX + 1] = {NULL};

	for (size_t i = 0; i < FLAGS_MAX && spellings[_i][i] != NULL; i++)
		flags[i] = strcmp(spellings[_i][i], "NETWORKS") == 0 ? networks : spellings[_i][i];
	start(flags);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

START_TEST(flag_6_is_the_target_of_ipv6_clients)
{
	static const char *const flags[] = {"-l", LISTEN_V4, "-6", BACKEND_V6, NULL};
	int backend = peer_listen(BACKEND_V6);

	start(flags);
	connection_try(backend, "[2001:db8::7]:40000");
}
END_TEST

START_TEST(flag_listeners_is_the_number_of_workers)
{
	static const char *const one[] = {"-l",		LISTEN_V4, "-4", BACKEND_V4,
					  "-listeners", "1",	   NULL};
	static const char *const four[] = {"-l",	 LISTEN_V4, "-4", BACKEND_V4,
					   "-listeners", "4",	    NULL};
	pid_t tids[8];

	/* All of them run before it says that it is ready. */
	start(one);
	daemon_log_await(" is ready, workers: 1", NULL, NULL);
	HARNESS_AWAIT(daemon_worker_threads(tids, 8) == 1);
	daemon_stop();
	start(four);
	daemon_log_await(" is ready, workers: 4", NULL, NULL);
	HARNESS_AWAIT(daemon_worker_threads(tids, 8) == 4);
}
END_TEST

START_TEST(flag_allowed_subnets_keeps_others_out)
{
	const char *networks = harness_write("networks", "127.0.0.9/32\n");
	const char *const flags[] = {"-l",     LISTEN_V4, "-4", BACKEND_V4, "-allowed-subnets",
				     networks, NULL};
	int backend = peer_listen(BACKEND_V4);
	int stranger;

	start(flags);
	stranger = peer_connect("127.0.0.8:0", LISTEN_V4);
	peer_expect_closed(stranger);
	peer_assert_no_connection(backend);
	peer_connect("127.0.0.9:0", LISTEN_V4);
}
END_TEST

START_TEST(flag_mark_marks_the_backend_connection)
{
	static const char *const flags[] = {"-l",    LISTEN_V4, "-4", BACKEND_V4,
					    "-mark", "123",	NULL};
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	socklen_t len = sizeof(int);
	int mark = 0;

	/* The kernel then copies the mark of the SYN to the accepted socket. */
	if (!harness_sysctl("net/ipv4/tcp_fwmark_accept", "1")) {
		printf("skipped: net.ipv4.tcp_fwmark_accept cannot be set here\n");
		return;
	}
	start(flags);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	ck_assert_int_eq(getsockopt(connection.backend, SOL_SOCKET, SO_MARK, &mark, &len), 0);
	ck_assert_int_eq(mark, 123);
}
END_TEST

START_TEST(flag_dynamic_destination_follows_the_header)
{
	static const char *const flags[] = {
	    "-l", LISTEN_V4, "-4", BACKEND_V4, "-dynamic-destination", NULL};
	static struct sender_header header;
	int elsewhere = peer_listen("127.0.0.5:8005");

	start(flags);
	sender_v1(&header, CONNECTION_CLIENT, "127.0.0.5:8005");
	sender_open(&header);
	peer_accept_from(elsewhere, CONNECTION_CLIENT);
}
END_TEST

/* Lines of one failed and one good connection at this -v. */
static void count_lines(const char *verbosity, unsigned *failures, unsigned *ends)
{
	const char *const flags[] = {"-l", LISTEN_V4, "-4", BACKEND_V4, "-v", verbosity, NULL};
	int backend = peer_listen(BACKEND_V4);
	int broken;

	start(flags);
	broken = peer_connect("127.0.0.1:0", LISTEN_V4);
	peer_send_text(broken, "GET / HTTP/1.1\r\n\r\n");
	peer_expect_closed(broken);
	connection_try(backend, CONNECTION_CLIENT);
	daemon_stop();
	*failures = daemon_log_count("reason=header_invalid", "peer=");
	*ends = daemon_log_count("reason=done", "client=" CONNECTION_CLIENT);
}

START_TEST(verbosity_0_logs_no_connection)
{
	unsigned failures;
	unsigned ends;

	count_lines("0", &failures, &ends);
	ck_assert_uint_eq(failures, 0);
	ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(verbosity_1_logs_failures)
{
	unsigned failures;
	unsigned ends;

	count_lines("1", &failures, &ends);
	ck_assert_uint_eq(failures, 1);
	ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(verbosity_2_logs_everything)
{
	unsigned failures;
	unsigned ends;

	count_lines("2", &failures, &ends);
	ck_assert_uint_eq(failures, 1);
	ck_assert_uint_eq(ends, 1);
	ck_assert_uint_gt(daemon_log_count("debug ", NULL), 0);
}
END_TEST

/* ---- what the README of Cloudflare's mmproxy tells its users to do ---- */

/* "If traffic is forwarded to the lo interface" of its README, instead of the harness's routes. */
static void set_up_cloudflares_loopback_routes(void)
{
	harness_shell("ip rule del from 127.0.0.1/8 iif lo table 123"
		      " && ip -4 rule add from 127.0.0.1/8 iif lo table 100"
		      " && ip route add local 0.0.0.0/0 dev lo table 100");
	if (netns_has_ipv6())
		harness_shell("ip -6 rule del from ::1/128 iif lo table 123"
			      " && ip -6 rule add from ::1/128 iif lo table 100"
			      " && ip -6 route add local ::/0 dev lo table 100");
}

/*
 * "If traffic is forwarded to any other interface": 10.9.0.1 and 2001:db8:9::1 of this host. The
 * four iptables rules of its README are written for nft, whose way they are; false where this
 * kernel cannot follow connections.
 */
static bool set_up_cloudflares_marks(void)
{
	if (system(
		"nft 'table inet m { chain p { type filter hook prerouting priority mangle; meta "
		"mark 123 ct mark set meta mark; }; chain o { type route hook output priority "
		"mangle; ct mark 123 meta mark set ct mark; }; }' 2>/dev/null") != 0) {
		printf("SKIP: this kernel has no nftables rules with the marks of connections\n");
		return false;
	}
	harness_shell("ip rule del from 127.0.0.1/8 iif lo table 123"
		      " && ip link add near type veth peer name far && ip link set near up"
		      " && ip link set far up && ip addr add 10.9.0.1/24 dev near"
		      " && ip route add default via 10.9.0.2 && ip rule add fwmark 123 lookup 100"
		      " && ip route add local 0.0.0.0/0 dev lo table 100");
	harness_sysctl("net/ipv4/conf/near/route_localnet", "1");
	if (netns_has_ipv6())
		harness_shell("ip -6 rule del from ::1/128 iif lo table 123"
			      " && ip -6 addr add 2001:db8:9::1/64 dev near nodad"
			      " && ip -6 route add default via 2001:db8:9::2"
			      " && ip -6 rule add fwmark 123 lookup 100"
			      " && ip -6 route add local ::/0 dev lo table 100");
	return true;
}

/* Its two example lines, on the ports of these tests. */
static void start_cloudflares(const char *flag, const char *ipv4, const char *ipv6)
{
	const char *networks = harness_write("allowed-networks.txt", "0.0.0.0/0\n::/0\n");
	const char *const flags[] = {flag, networks, "-l", "0.0.0.0:7000", "-4", ipv4,
				     "-6", ipv6,     NULL};

	start(flags);
}

/* Connections of IPv4 and of IPv6 clients, as from a load balancer that knows v1 only. */
static void carry_both_families(const char *ipv4, const char *ipv6)
{
	int backend_v4 = peer_listen(ipv4);

	connection_try(backend_v4, CONNECTION_CLIENT);
	/* The example of its README, where the client's port is 11. */
	connection_try(backend_v4, "1.2.3.4:11");
	if (netns_has_ipv6())
		connection_try(peer_listen(ipv6), "[2001:db8:77::7]:40000");
}

START_TEST(cloudflares_lines_work_with_its_routes_on_loopback)
{
	static const char *const flags[] = {"--allowed-networks", "-a"};

	set_up_cloudflares_loopback_routes();
	start_cloudflares(flags[_i], BACKEND_V4, BACKEND_V6);
	carry_both_families(BACKEND_V4, BACKEND_V6);
}
END_TEST

START_TEST(cloudflares_lines_work_with_its_marks)
{
	if (!set_up_cloudflares_marks())
		return;
	start_cloudflares("-a", "10.9.0.1:8000", "[2001:db8:9::1]:8000");
	carry_both_families("10.9.0.1:8000", "[2001:db8:9::1]:8000");
}
END_TEST

/* Without --force-real-client-port a port that is taken is no reason to refuse a client. */
START_TEST(cloudflares_clients_have_any_port)
{
	struct connection first;
	int backend = peer_listen(BACKEND_V4);
	unsigned port;

	set_up_cloudflares_loopback_routes();
	start_cloudflares("-a", BACKEND_V4, BACKEND_V6);
	connection_open(&first, backend, CONNECTION_CLIENT);
	sender_open_v1(CONNECTION_CLIENT);
	peer_accept_from_ip(backend, "203.0.113.7", &port);
	ck_assert_uint_ne(port, 40000);
}
END_TEST

/* ---- loops ---- */

static struct command_result result;

static void check_only(const char *listen, const char *flag, const char *target)
{
	struct command command;

	daemon_command(&command);
	command_add(&command, "-t");
	command_add(&command, "-l");
	command_add(&command, listen);
	command_add(&command, flag);
	command_add(&command, target);
	command_run(&command, &result);
}

START_TEST(a_target_of_our_own_is_a_loop)
{
	static const struct {
		const char *listen, *flag, *target;
		bool ipv6;
	} cases[] = {
	    {"0.0.0.0:9000", "-4", "10.9.0.1:9000", false},
	    {"0.0.0.0:9000", "-4", "10.9.0.2:9000", false},
	    {"[::]:9000", "-4", "10.9.0.1:9000", false},
	    {"[::]:9000", "-6", "[2001:db8:9::1]:9000", true},
	};

	harness_shell("ip addr add 10.9.0.1/32 dev lo && ip addr add 10.9.0.2/32 dev lo");
	if (netns_has_ipv6())
		harness_shell("ip -6 addr add 2001:db8:9::1/128 dev lo nodad");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].ipv6 && !netns_has_ipv6())
			continue;
		check_only(cases[i].listen, cases[i].flag, cases[i].target);
		ck_assert_msg(result.exit_code == 2 && strstr(result.err, "a loop") != NULL,
			      "%s %s: %d, %s", cases[i].listen, cases[i].target, result.exit_code,
			      result.err);
	}
}
END_TEST

START_TEST(a_target_of_another_host_is_none)
{
	/* What made bind(2) take every address for our own, and a TPROXY rule's table. */
	harness_sysctl("net/ipv4/ip_nonlocal_bind", "1");
	harness_shell("ip addr add 10.9.0.1/32 dev lo && ip rule add fwmark 1 lookup 100"
		      " && ip route add local default dev lo table 100");
	check_only("0.0.0.0:9000", "-4", "198.51.100.9:9000");
	ck_assert_msg(result.exit_code == 0, "%s", result.err);
	check_only("0.0.0.0:9000", "-4", "10.9.0.1:9001");
	ck_assert_msg(result.exit_code == 0, "%s", result.err);
	check_only("127.0.0.1:9000", "-4", "10.9.0.1:9000");
	ck_assert_msg(result.exit_code == 0, "%s", result.err);
}
END_TEST

static Suite *flags_suite(void)
{
	Suite *suite = suite_create("net_flags");
	TCase *forms = harness_case(suite, "forms", 60);
	TCase *effects = harness_case(suite, "effects", 60);
	TCase *cloudflare = harness_case(suite, "cloudflare", 60);
	TCase *loops = harness_case(suite, "loops", 60);

	tcase_add_loop_test(forms, flags_carry_a_connection, 0, SPELLINGS);
	if (netns_has_ipv6())
		tcase_add_test(effects, flag_6_is_the_target_of_ipv6_clients);
	tcase_add_test(effects, flag_listeners_is_the_number_of_workers);
	tcase_add_test(effects, flag_allowed_subnets_keeps_others_out);
	tcase_add_test(effects, flag_mark_marks_the_backend_connection);
	tcase_add_test(effects, flag_dynamic_destination_follows_the_header);
	tcase_add_test(effects, verbosity_0_logs_no_connection);
	tcase_add_test(effects, verbosity_1_logs_failures);
	tcase_add_test(effects, verbosity_2_logs_everything);
	tcase_add_loop_test(cloudflare, cloudflares_lines_work_with_its_routes_on_loopback, 0, 2);
	if (harness_has_tool("nft"))
		tcase_add_test(cloudflare, cloudflares_lines_work_with_its_marks);
	tcase_add_test(cloudflare, cloudflares_clients_have_any_port);
	tcase_add_test(loops, a_target_of_our_own_is_a_loop);
	tcase_add_test(loops, a_target_of_another_host_is_none);
	return suite;
}

int main(void)
{
	return harness_run(flags_suite());
}
