/* SPDX-License-Identifier: BSD-2-Clause */
/* What --check-routing says of listeners whose flows the kernel is to carry (udp_relay). */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "fastpath/fastpath.h"

#include "credentials.h"
#include "daemon.h"
#include "doctor.h"
#include "harness.h"
#include "routes.h"
#include "udp.h"

#define KERNEL(addresses, targets)                                                        \
	DOCTOR_LISTENERS("{ name = \"t\"; protocol = \"udp\"; udp_relay = \"kernel\"; "   \
			 "listen = [ " addresses " ]; allowed_subnets = [ \"127.0.0.1\" " \
			 "]; targets = { " targets " }; }")
#define HERE	  "\"127.0.0.1:7000\""
#define ELSEWHERE "\"127.0.0.1:7000\", \"192.0.2.1:7000\""

#define CARRIES "the kernel can carry what is sent to 127.0.0.1:8000"

/* Says so once where the programs cannot be loaded, as in a user namespace. */
static bool loads_programs(void)
{
	char why[FASTPATH_WHY_MAX];

	if (fastpath_can_load(why))
		return true;
	printf("skipped: no programs can be loaded here: %s\n", why);
	return false;
}

/* Run it, and look for a line that is ok, which names no cause. */
static void expect_fine(const char *config, const char *text)
{
	const char *out = doctor_run(config, NULL, 0);

	ck_assert_msg(strstr(out, text) != NULL, "no \"%s\" in: %s", text, out);
	doctor_expect_none("kernel_sysctl");
	doctor_expect_none("kernel_programs");
	doctor_expect_none("kernel_unfit");
}

START_TEST(load_balancers_on_this_host_need_no_sysctl)
{
	(void)udp_open(BACKEND_V4);
	if (loads_programs())
		expect_fine(KERNEL(HERE, DOCTOR_IPV4), CARRIES);
}
END_TEST

START_TEST(others_need_two_sysctls_of_lo)
{
	if (!harness_sysctl("net/ipv4/conf/lo/route_localnet", "0") ||
	    !harness_sysctl("net/ipv4/conf/lo/accept_local", "0"))
		return;
	(void)udp_open(BACKEND_V4);
	/* Clients are served all the same. */
	doctor_expect_exit(KERNEL(ELSEWHERE, DOCTOR_IPV4), 0);
	doctor_expect("warn", "kernel_sysctl",
		      "net.ipv4.conf.lo.route_localnet and net.ipv4.conf.lo.accept_local");
	doctor_mend("kernel_sysctl");
	/* Which is nothing that neighbours could use. */
	(void)doctor_run(KERNEL(ELSEWHERE, DOCTOR_IPV4), NULL, 0);
	doctor_expect_none("kernel_sysctl");
	doctor_expect_none("route_localnet");
	if (loads_programs())
		expect_fine(KERNEL(ELSEWHERE, DOCTOR_IPV4), CARRIES);
}
END_TEST

START_TEST(a_target_on_another_host)
{
	(void)routes_add_guest();
	(void)doctor_run(KERNEL(HERE, "ipv4 = \"" ROUTES_GUEST_V4 "\"; "), NULL, 0);
	doctor_expect("warn", "kernel_unfit", ROUTES_GUEST_V4);
}
END_TEST

START_TEST(without_the_capability_it_says_so)
{
	(void)udp_open(BACKEND_V4);
	(void)doctor_run(KERNEL(HERE, DOCTOR_IPV4), NULL, BPF | SYS_ADMIN);
	doctor_expect("warn", "kernel_programs", "CAP_BPF");
}
END_TEST

START_TEST(programs_read_it_too)
{
	const char *out;

	(void)udp_open(BACKEND_V4);
	out = doctor_run(KERNEL(HERE, DOCTOR_IPV4), "--json", BPF | SYS_ADMIN);
	ck_assert_msg(strstr(out, "\"kernel_programs\"") != NULL, "%s", out);
}
END_TEST

START_TEST(user_space_needs_none_of_it)
{
	(void)udp_open(BACKEND_V4);
	(void)doctor_run(DOCTOR_UDP(DOCTOR_IPV4), NULL, BPF | SYS_ADMIN);
	doctor_expect_none("kernel_programs");
	doctor_expect_none("kernel_sysctl");
}
END_TEST

static Suite *doctor_suite(void)
{
	Suite *suite = suite_create("net_doctor_kernel");
	TCase *tcase = harness_case(suite, "kernel", 60);

	tcase_add_test(tcase, load_balancers_on_this_host_need_no_sysctl);
	tcase_add_test(tcase, others_need_two_sysctls_of_lo);
	tcase_add_test(tcase, a_target_on_another_host);
	tcase_add_test(tcase, without_the_capability_it_says_so);
	tcase_add_test(tcase, programs_read_it_too);
	tcase_add_test(tcase, user_space_needs_none_of_it);
	return suite;
}

int main(void)
{
	if (fastpath_is_built())
		return harness_run(doctor_suite());
	printf("skipped: built without libbpf\n");
	return 77;
}
