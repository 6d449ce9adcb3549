/* SPDX-License-Identifier: BSD-2-Clause */
/* Return routes when one of the kernel's answers is an error: all or nothing, and old kernels. */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#ifdef HAVE_NL_ROUTE

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "conf/conf.h"
#include "harness.h"
#include "routes.h"
#include "routing/routing_once.h"

#define LISTENERS                                                                               \
	"listeners = ( { name = \"t\"; listen = \"127.0.0.1:7000\"; allowed_subnets = [ "       \
	"\"127.0.0.0/8\" ]; targets = { ipv4 = \"127.0.0.1:8000\"; }; }, { name = \"u\"; "      \
	"protocol = \"udp\"; listen = \"127.0.0.1:7000\"; allowed_subnets = [ \"127.0.0.0/8\" " \
	"]; targets = { ipv4 = \"127.0.0.1:8000\"; }; } );\n"

static int changes;	   /* requests that were sent */
static int failing = -1;   /* the number of the one that the kernel shall refuse; -1: none */
static bool refuses_ports; /* it refuses rules that name a protocol, as invalid */

int __real_nl_send_sync(struct nl_sock *socket, struct nl_msg *message);
int __wrap_nl_send_sync(struct nl_sock *socket, struct nl_msg *message);

/* No kernel has such a family (250), or prefixes of 200 bits. */
int __wrap_nl_send_sync(struct nl_sock *socket, struct nl_msg *message)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct fib_rule_hdr *rule = nlmsg_data(header);
	bool with_protocol =
	    header->nlmsg_type == RTM_NEWRULE &&
	    nlmsg_find_attr(header, sizeof(struct fib_rule_hdr), FRA_IP_PROTO) != NULL;

	/* Routes have their family at the same place. */
	if (changes++ == failing)
		rule->family = 250;
	else if (refuses_ports && with_protocol)
		rule->src_len = 200;
	return __real_nl_send_sync(socket, message);
}

static int set_up(void)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf = conf_load(harness_write("t.conf", LISTENERS), errors);
	int result;

	ck_assert_ptr_nonnull(conf);
	changes = 0;
	result = routing_once_set_up(conf);
	conf_unref(conf);
	conf_errors_free(errors);
	return result;
}

START_TEST(all_or_nothing)
{
	char *before = routes_dump();

	/* A route and three rules. */
	for (failing = 0; failing < 4; failing++) {
		char *after;

		ck_assert_int_eq(set_up(), -1);
		after = routes_dump();
		ck_assert_str_eq(after, before);
		free(after);
	}
	failing = -1;
	ck_assert_int_eq(set_up(), 0);
	ck_assert_int_eq(changes, 4);
	ck_assert_uint_eq(routes_count("proto 223"), 4);
	free(before);
}
END_TEST

START_TEST(a_kernel_without_ports_in_rules)
{
	refuses_ports = true;
	ck_assert_int_eq(set_up(), 0);
	ck_assert_uint_eq(routes_count("from 127.0.0.1 iif lo lookup 123 proto 223"), 1);
	ck_assert_uint_eq(routes_count("proto 223"), 2);
	/* And again, without a second one. */
	ck_assert_int_eq(set_up(), 0);
	ck_assert_uint_eq(routes_count("proto 223"), 2);
}
END_TEST

static Suite *undo_suite(void)
{
	Suite *suite = suite_create("net_routing_undo");
	TCase *undo = harness_case_without_routes(suite, "undo", 30);

	tcase_add_test(undo, all_or_nothing);
	tcase_add_test(undo, a_kernel_without_ports_in_rules);
	return suite;
}

int main(void)
{
	return harness_run(undo_suite());
}

#else

int main(void)
{
	printf("skipped: built without libnl-route\n");
	return 77;
}

#endif
