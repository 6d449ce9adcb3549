/* SPDX-License-Identifier: BSD-2-Clause */
/* What a configuration needs of return routes, and the commands for it. */
#include "routing/return_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "routing/return_text.h"

#include "check_conf.h"

#define PREF " pref 123 "
#define END  " table 123 protocol 223\n"
#define V4   "ip route add local 0.0.0.0/0 dev lo table 123 proto 223\n"
#define V6   "ip -6 route add local ::/0 dev lo table 123 proto 223\n"

static enum return_place where;

static enum return_place place(void *arg, const struct addr *target, uint32_t mark)
{
	(void)arg;
	(void)target;
	(void)mark;
	return where;
}

static struct return_host host = {.ipv6 = true, .rule_ports = true, .place = place};

static struct conf *load(const char *listeners)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf;
	char text[4096];

	snprintf(text, sizeof(text), "listeners = ( %s );", listeners);
	conf = conf_load(conf_write("t.conf", text), errors);
	ck_assert_msg(conf != NULL, "%s: %s", listeners, conf_errors_text(errors, 0));
	conf_errors_free(errors);
	return conf;
}

/* The listeners need these commands. */
static void needs(const char *listeners, const char *commands)
{
	struct conf *conf = load(listeners);
	struct return_plan plan;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	ck_assert_int_eq(return_plan_init(&plan, conf, &host), 0);
	return_text_commands(&plan, out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(text, commands);
	free(text);
	return_plan_fini(&plan);
	conf_unref(conf);
}

#define LISTENER(name, more)                                \
	"{ name = \"" name "\"; listen = \"0.0.0.0:70" name \
	"\"; allowed_subnets = [ \"127.0.0.1\" ]; " more " }"
#define BOTH "targets = { ipv4 = \"127.0.0.1:80\"; ipv6 = \"[::1]:80\"; }; "
#define FAR  "targets = { ipv4 = \"192.0.2.2:80\"; }; "

START_TEST(a_rule_for_each_target)
{
	needs(LISTENER("01", "targets = { ipv4 = \"127.0.0.1:80\"; };"),
	      V4 "ip rule add" PREF "from 127.0.0.1 iif lo ipproto tcp sport 80" END);
	needs(LISTENER("01", "targets = { ipv6 = \"[::1]:80\"; };"),
	      V6 "ip -6 rule add" PREF "from ::1 iif lo ipproto tcp sport 80" END);
	needs(LISTENER("01", "protocol = \"udp\"; " BOTH),
	      V4 "ip rule add" PREF "from 127.0.0.1 iif lo ipproto udp sport 80" END
		 "ip rule add" PREF "from 127.0.0.1 iif lo ipproto icmp" END V6
		 "ip -6 rule add" PREF "from ::1 iif lo ipproto udp sport 80" END
		 "ip -6 rule add" PREF "from ::1 iif lo ipproto ipv6-icmp" END);
}
END_TEST

START_TEST(nothing_twice)
{
	needs(LISTENER("01", BOTH) ", " LISTENER("02", BOTH),
	      V4 "ip rule add" PREF "from 127.0.0.1 iif lo ipproto tcp sport 80" END V6
		 "ip -6 rule add" PREF "from ::1 iif lo ipproto tcp sport 80" END);
}
END_TEST

START_TEST(old_kernels_and_kernels_without_ipv6)
{
	host.rule_ports = false;
	needs(LISTENER("01", "protocol = \"udp\"; " BOTH) ", " LISTENER("02", BOTH),
	      V4 "ip rule add" PREF "from 127.0.0.1 iif lo" END V6 "ip -6 rule add" PREF
		 "from ::1 iif lo" END);
	host.ipv6 = false;
	needs(LISTENER("01", BOTH), V4 "ip rule add" PREF "from 127.0.0.1 iif lo" END);
	host.rule_ports = host.ipv6 = true;
}
END_TEST

#define DYNAMIC(list) \
	LISTENER("01", "dynamic_destination = true; allowed_destinations = [ " list " ];")
#define COMMENT " comment \"mmproxy, routing table 123\"\n"
#define NFT(forth, mark)                                                                      \
	"nft '\ntable inet mmproxy {\n  chain forth {\n    type filter hook output priority " \
	"mangle;\n" forth "  }\n  chain back_from_elsewhere {\n    type filter hook "         \
	"prerouting priority mangle;\n    ct direction reply ct mark " mark                   \
	" meta mark set " mark COMMENT "  }\n  chain back_from_this_host {\n    type route "  \
	"hook output priority mangle;\n    ct direction reply ct mark " mark                  \
	" meta mark set " mark COMMENT "  }\n}\n'\n"
#define FORTH "    fib saddr type != local meta nfproto "

START_TEST(dynamic_destinations)
{
	needs(DYNAMIC("\"127.0.0.0/8\", \"::1\""),
	      V4 "ip rule add" PREF "from 127.0.0.0/8 iif lo" END V6 "ip -6 rule add" PREF
		 "from ::1 iif lo" END);
	/* Only as much of loopback as may be asked for. */
	needs(DYNAMIC("\"127.1.0.0/16\""), V4 "ip rule add" PREF "from 127.1.0.0/16 iif lo" END);
	needs(DYNAMIC("\"192.0.2.0/24\""),
	      V4 "ip rule add" PREF "fwmark 124" END NFT(
		  FORTH "ipv4 ip daddr 192.0.2.0/24 meta l4proto tcp ct mark set 124" COMMENT,
		  "124"));
	needs(DYNAMIC("\"::/0\""), V6
	      "ip -6 rule add" PREF "from ::1 iif lo" END "ip -6 rule add" PREF
	      "fwmark 124" END NFT(FORTH "ipv6 meta l4proto tcp ct mark set 124" COMMENT, "124"));
	needs(DYNAMIC("\"126.0.0.0/7\""),
	      V4 "ip rule add" PREF "from 127.0.0.0/8 iif lo" END "ip rule add" PREF
		 "fwmark 124" END NFT(
		     FORTH "ipv4 ip daddr 126.0.0.0/7 meta l4proto tcp ct mark set 124" COMMENT,
		     "124"));
}
END_TEST

START_TEST(targets_that_are_not_on_loopback)
{
	static const enum return_place marked[] = {RETURN_PLACE_HERE, RETURN_PLACE_GUEST};
	static const enum return_place none[] = {RETURN_PLACE_OTHER, RETURN_PLACE_NONE};

	for (size_t i = 0; i < 2; i++) {
		where = marked[i];
		needs(LISTENER("01", FAR),
		      V4 "ip rule add" PREF "fwmark 124" END NFT(
			  FORTH "ipv4 ip daddr 192.0.2.2 tcp dport 80 ct mark set 124" COMMENT,
			  "124"));
	}
	/* The listeners' own marks stay theirs. */
	needs(LISTENER("01", "mark = 124; " FAR) ", " LISTENER("02", "mark = 125; " BOTH),
	      V4 "ip rule add" PREF "fwmark 126" END "ip rule add" PREF
		 "from 127.0.0.1 iif lo ipproto tcp sport 80" END V6 "ip -6 rule add" PREF
		 "from ::1 iif lo ipproto tcp sport 80" END NFT(
		     FORTH
		     "ipv4 meta mark 124 ip daddr 192.0.2.2 tcp dport 80 ct mark set 126" COMMENT,
		     "126"));
	for (size_t i = 0; i < 2; i++) {
		where = none[i];
		needs(LISTENER("01", FAR), "");
	}
}
END_TEST

START_TEST(remarks_name_what_is_elsewhere)
{
	struct conf *conf = load(LISTENER("01", FAR));
	struct return_plan plan;

	where = RETURN_PLACE_OTHER;
	ck_assert_int_eq(return_plan_init(&plan, conf, &host), 0);
	ck_assert_uint_eq(plan.remarks_count, 1);
	ck_assert_str_eq(plan.remarks[0].listener, "01");
	ck_assert(plan.remarks[0].has_route);
	ck_assert(plan.asked_about_places);
	return_plan_fini(&plan);
	where = RETURN_PLACE_NONE;
	ck_assert_int_eq(return_plan_init(&plan, conf, &host), 0);
	ck_assert(!plan.remarks[0].has_route);
	return_plan_fini(&plan);
	conf_unref(conf);
}
END_TEST

START_TEST(plans_are_joined_and_compared)
{
	struct conf *first = load(LISTENER("01", BOTH));
	struct conf *second = load(LISTENER("01", "protocol = \"udp\"; " BOTH));
	struct return_plan a;
	struct return_plan b;
	struct return_plan joined = {.items = NULL};

	ck_assert_int_eq(return_plan_init(&a, first, &host), 0);
	ck_assert_int_eq(return_plan_init(&b, second, &host), 0);
	ck_assert(!return_plan_equal(&a, &b));
	ck_assert_int_eq(return_plan_add(&joined, &a), 0);
	ck_assert(return_plan_equal(&joined, &a));
	ck_assert_int_eq(return_plan_add(&joined, &b), 0);
	/* Both have the routes. */
	ck_assert_uint_eq(joined.items_count, a.items_count + b.items_count - 2);
	ck_assert_int_eq(return_plan_add(&joined, &a), 0);
	ck_assert_uint_eq(joined.items_count, a.items_count + b.items_count - 2);
	return_plan_fini(&a);
	return_plan_fini(&b);
	return_plan_fini(&joined);
	conf_unref(first);
	conf_unref(second);
}
END_TEST

static Suite *return_plan_suite(void)
{
	Suite *suite = suite_create("return_plan");
	TCase *tcase = tcase_create("return_plan");

	tcase_add_checked_fixture(tcase, conf_dir_setup, conf_dir_teardown);
	tcase_add_test(tcase, a_rule_for_each_target);
	tcase_add_test(tcase, nothing_twice);
	tcase_add_test(tcase, old_kernels_and_kernels_without_ipv6);
	tcase_add_test(tcase, dynamic_destinations);
	tcase_add_test(tcase, targets_that_are_not_on_loopback);
	tcase_add_test(tcase, remarks_name_what_is_elsewhere);
	tcase_add_test(tcase, plans_are_joined_and_compared);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(return_plan_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
