/* SPDX-License-Identifier: BSD-2-Clause */
/* source_port for flows, and the command line of the drop-in form with -p udp. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "command.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

/* ---- source_port ---- */

START_TEST(a_taken_port_is_a_conflict)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int taken;

	harness_shell("ip address add 192.0.2.7/32 dev lo");
	taken = udp_open("192.0.2.7:40000");
	daemon_start_udp("source_port = \"preserve\";");
	balancer_send_text(balancer, "192.0.2.7:40000", "taken");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_log_await("warn ", "client=192.0.2.7:40000", "reason=source_conflict");
	peer_close(taken);
	/* A refusal holds for a moment, so that it costs a flood nothing. */
	harness_sleep_ms(500);
	balancer_check(balancer, backend, "192.0.2.7:40000");
}
END_TEST

/* The address stays, and answers find the client whose port is another's. */
static void check_other_port(int balancer, int backend, const char *client)
{
	const struct udp_datagram *datagram;
	char ip[ADDR_STRLEN];

	balancer_send_text(balancer, client, "question");
	datagram = udp_receive(backend);
	ck_assert_uint_eq(datagram->len, 8);
	ck_assert_str_eq(addr_format_ip(&datagram->from, ip), "192.0.2.7");
	ck_assert_uint_ne(addr_port(&datagram->from), 40000);
	udp_answer(backend, datagram, "answer", 6);
	udp_expect_text(balancer, LISTEN_V4, "answer");
}

START_TEST(fallback_takes_another_port)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	harness_shell("ip address add 192.0.2.7/32 dev lo");
	udp_open("192.0.2.7:40000");
	daemon_start_udp("source_port = \"fallback\";");
	check_other_port(balancer, backend, "192.0.2.7:40000");
	check_other_port(balancer, backend, "192.0.2.7:40000");
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
	/* Others keep theirs. */
	balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_stop();
	daemon_log_await("client=192.0.2.7:40000", "source_port=ephemeral", NULL);
	ck_assert_uint_eq(daemon_log_count("client=" BALANCER_CLIENT, "source_port="), 0);
}
END_TEST

/* A program of this host that is bound to no address has the port of each, as one for NTP has. */
START_TEST(a_port_of_this_host_is_a_conflict)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	const struct udp_datagram *datagram;
	char config[128];

	udp_open("0.0.0.0:123");
	snprintf(config, sizeof(config), "source_port = \"%s\";",
		 _i == 0 ? "preserve" : "fallback");
	daemon_start_udp(config);
	balancer_send_text(balancer, "203.0.113.7:123", "ntp");
	if (_i == 0) {
		balancer_check(balancer, backend, BALANCER_CLIENT);
		daemon_log_await("client=203.0.113.7:123", "reason=source_conflict", NULL);
		return;
	}
	datagram = udp_receive(backend);
	ck_assert_uint_ne(addr_port(&datagram->from), 123);
	udp_answer(backend, datagram, "answer", 6);
	udp_expect_text(balancer, LISTEN_V4, "answer");
}
END_TEST

START_TEST(ephemeral_takes_another_port_always)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("source_port = \"ephemeral\";");
	check_other_port(balancer, backend, "192.0.2.7:40000");
}
END_TEST

/* ---- drop-in flags ---- */

static void start_flags(const char *const *flags, size_t count)
{
	struct command command;

	daemon_command(&command);
	for (size_t i = 0; i < count; i++)
		command_add(&command, flags[i]);
	daemon_start_command(&command);
}

/* Flows that are left would hold the stop up; a second signal does not wait for them. */
static void stop_at_once(void)
{
	daemon_signal(SIGTERM);
	daemon_log_await("stopping", NULL, NULL);
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
}

START_TEST(the_flags_of_go_mmproxy_do_udp)
{
	static const char *const flags[] = {"-l",	  LISTEN_V4, "-p",	     "udp", "-4",
					    BACKEND_V4,	  "-6",	     BACKEND_V6,     "-v",  "2",
					    "-listeners", "2",	     "-close-after", "600"};
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start_flags(flags, sizeof(flags) / sizeof(flags[0]));
	HARNESS_AWAIT(udp_table_unconnected(7000) == 2);
	balancer_check(balancer, backend, BALANCER_CLIENT);
	balancer_check_answer(balancer, backend, BALANCER_CLIENT);
	if (netns_has_ipv6())
		balancer_check(balancer, udp_open(BACKEND_V6), BALANCER_CLIENT_V6);
	stop_at_once();
}
END_TEST

START_TEST(close_after_of_a_flag_ends_idle_flows)
{
	static const char *const flags[] = {"-l",	LISTEN_V4, "-p", "udp",		 "-4",
					    BACKEND_V4, "-v",	   "2",	 "-close-after", "1"};
	int backend = udp_open(BACKEND_V4);

	start_flags(flags, sizeof(flags) / sizeof(flags[0]));
	balancer_send_text(balancer_open(), BALANCER_CLIENT, "once");
	udp_expect_text(backend, BALANCER_CLIENT, "once");
	HARNESS_AWAIT(udp_table_connected_to(8000) == 0);
	daemon_log_await("client=" BALANCER_CLIENT, "reason=idle_timeout", NULL);
}
END_TEST

START_TEST(allowed_subnets_of_a_flag_hold_for_udp)
{
	const char *flags[] = {"--l",
			       LISTEN_V4,
			       "--p",
			       "udp",
			       "--4",
			       BACKEND_V4,
			       "--allowed-subnets",
			       harness_write("allowed", "# the load balancer\n127.0.0.1\n"),
			       "-close-after",
			       "600"};
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start_flags(flags, sizeof(flags) / sizeof(flags[0]));
	balancer_send_text(udp_open("127.0.0.2:0"), BALANCER_CLIENT, "not allowed");
	balancer_check(balancer, backend, BALANCER_OTHER_CLIENT);
	daemon_log_await("peer=127.0.0.2:", "reason=peer_denied", NULL);
	stop_at_once();
}
END_TEST

static Suite *udp_source_suite(void)
{
	Suite *suite = suite_create("net_udp_source");
	TCase *ports = harness_case(suite, "ports", 60);
	TCase *flags = harness_case(suite, "flags", 60);

	tcase_add_test(ports, a_taken_port_is_a_conflict);
	tcase_add_test(ports, fallback_takes_another_port);
	tcase_add_loop_test(ports, a_port_of_this_host_is_a_conflict, 0, 2);
	tcase_add_test(ports, ephemeral_takes_another_port_always);
	tcase_add_test(flags, the_flags_of_go_mmproxy_do_udp);
	tcase_add_test(flags, close_after_of_a_flag_ends_idle_flows);
	tcase_add_test(flags, allowed_subnets_of_a_flag_hold_for_udp);
	return suite;
}

int main(void)
{
	return harness_run(udp_source_suite());
}
