/* SPDX-License-Identifier: BSD-2-Clause */
/* What mmproxy(8) says that others see, and do not see, of flows that the kernel carries. */
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "command.h"
#include "harness.h"
#include "kernel_relay.h"
#include "netns.h"
#include "routes.h"
#include "sender.h"
#include "udp.h"

#define OUTER	 "192.0.2.1:7000"
#define BALANCER "192.0.2.2:5000"

/* Of load balancers' datagrams as the device's, and of clients' as lo's. */
#define FIREWALL                                                                              \
	"nft 'table inet f { counter balancer_in { }; counter balancer_out { }; "             \
	"counter client_in { }; counter client_out { }; chain raw { type filter hook "        \
	"prerouting priority raw; iifname to-guest udp dport 7000 counter name balancer_in; " \
	"iifname lo ip saddr 203.0.113.7 udp dport 8000 counter name client_in; }; "          \
	"chain out { type filter hook postrouting priority srcnat; oifname to-guest udp "     \
	"sport 7000 counter name balancer_out; oifname lo ip daddr 203.0.113.7 udp "          \
	"sport 8000 counter name client_out; }; chain drops { type filter hook input "        \
	"priority filter; }; }'"

static unsigned long packets_of(const char *counter)
{
	static struct command_result result;
	struct command command = {.argc = 0};
	const char *at;

	command_add(&command, "nft");
	command_add(&command, "list");
	command_add(&command, "counter");
	command_add(&command, "inet");
	command_add(&command, "f");
	command_add(&command, counter);
	command_run(&command, &result);
	at = strstr(result.out, "packets ");
	ck_assert_msg(at != NULL, "%s%s", result.out, result.err);
	return strtoul(at + strlen("packets "), NULL, 10);
}

static struct sender_header header;

/* Whether all that passes now is carried: a flow may rest in user space for a moment. */
static bool is_unseen(int balancer, int backend)
{
	harness_shell("nft reset counters >/dev/null");
	kernel_relay_check_at(balancer, OUTER, backend, BALANCER_CLIENT);
	return packets_of("balancer_in") == 0 && packets_of("balancer_out") == 0;
}

START_TEST(the_firewall_sees_clients_on_lo_only)
{
	int guest = routes_add_guest();
	int backend = udp_open(BACKEND_V4);
	int balancer = routes_udp_in_guest(guest, BALANCER);

	harness_shell(FIREWALL);
	kernel_relay_set_sysctls();
	kernel_relay_start("listen = \"0.0.0.0:7000\";");
	kernel_relay_await_at(balancer, OUTER, backend, BALANCER_CLIENT, 1);
	/* Those that opened the flow were user space's. */
	ck_assert_uint_gt(packets_of("balancer_in"), 0);
	HARNESS_AWAIT(is_unseen(balancer, backend));
	ck_assert_uint_gt(packets_of("client_in"), 0);
	ck_assert_uint_gt(packets_of("client_out"), 0);
}
END_TEST

START_TEST(a_rule_that_comes_later_ends_no_flow)
{
	int guest = routes_add_guest();
	int backend = udp_open(BACKEND_V4);
	int balancer = routes_udp_in_guest(guest, BALANCER);

	harness_shell(FIREWALL);
	kernel_relay_set_sysctls();
	kernel_relay_start("listen = \"0.0.0.0:7000\";");
	kernel_relay_await_at(balancer, OUTER, backend, BALANCER_CLIENT, 1);
	harness_shell("nft add rule inet f drops ip saddr 192.0.2.2 drop");
	kernel_relay_check_at(balancer, OUTER, backend, BALANCER_CLIENT);
	/* Whoever has no flow yet does not get one. */
	sender_v2_udp(&header, BALANCER_OTHER_CLIENT, NULL);
	balancer_send_header(balancer, OUTER, &header, "a", 1);
	kernel_relay_check_at(balancer, OUTER, backend, BALANCER_CLIENT);
	ck_assert_uint_eq(kernel_relay_metric("carried_flows"), 1);
}
END_TEST

static Suite *sight_suite(void)
{
	Suite *suite = suite_create("net_udp_kernel_sight");
	TCase *tcase = harness_case(suite, "sight", 60);

	if (routes_have_marks() && harness_has_tool("nft")) {
		tcase_add_test(tcase, the_firewall_sees_clients_on_lo_only);
		tcase_add_test(tcase, a_rule_that_comes_later_ends_no_flow);
	}
	return suite;
}

int main(void)
{
	return kernel_relay_run(sight_suite());
}
