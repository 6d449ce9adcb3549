/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of base/network. */
#include "base/network.h"

#include <stdlib.h>

#include <check.h>

static struct network network_of(const char *text)
{
	struct network network;

	ck_assert_msg(network_parse(&network, text) == 0, "%s", text);
	return network;
}

static struct addr addr_of(const char *text)
{
	struct addr addr;

	ck_assert_msg(addr_parse_ip(&addr, text) == 0, "%s", text);
	return addr;
}

static bool holds(const char *network_text, const char *addr_text)
{
	struct network network = network_of(network_text);
	struct addr addr = addr_of(addr_text);

	return network_contains(&network, &addr);
}

START_TEST(test_what_is_read_is_written_canonically)
{
	static const char *const texts[][3] = {
	    {"192.0.2.77/24", "192.0.2.0/24", "192.0.2.0/24"},
	    {"192.0.2.1", "192.0.2.1/32", "192.0.2.1"},
	    {"192.0.2.1/32", "192.0.2.1/32", "192.0.2.1"},
	    {"192.0.2.127/25", "192.0.2.0/25", "192.0.2.0/25"},
	    {"255.255.255.255/1", "128.0.0.0/1", "128.0.0.0/1"},
	    {"10.9.8.7/0", "0.0.0.0/0", "0.0.0.0/0"},
	    {"2001:DB8:0:0::1/32", "2001:db8::/32", "2001:db8::/32"},
	    {"2001:db8:0:7fff::/50", "2001:db8:0:4000::/50", "2001:db8:0:4000::/50"},
	    {"2001:db8::1", "2001:db8::1/128", "2001:db8::1"},
	    {"2001:db8::7/127", "2001:db8::6/127", "2001:db8::6/127"},
	    {"::1/0", "::/0", "::/0"},
	    {"::ffff:203.0.113.7", "203.0.113.7/32", "203.0.113.7"},
	    {"::ffff:203.0.113.7/120", "203.0.113.0/24", "203.0.113.0/24"},
	    {"::ffff:0:0/96", "0.0.0.0/0", "0.0.0.0/0"},
	    /* Not all of it is mapped, so it stays IPv6. */
	    {"::ffff:0:0/95", "::fffe:0:0/95", "::fffe:0:0/95"},
	};
	char buf[NETWORK_STRLEN];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct network network = network_of(texts[i][0]);
		struct network again;

		ck_assert_str_eq(network_format(&network, buf), texts[i][1]);
		ck_assert_str_eq(network_show(&network, buf), texts[i][2]);
		/* And read back to the same. */
		again = network_of(network_format(&network, buf));
		ck_assert(network_equal(&network, &again));
		ck_assert_uint_eq(addr_port(&network.addr), 0);
	}
}
END_TEST

START_TEST(test_other_text_is_refused)
{
	static const char *const texts[] = {
	    "",
	    "/",
	    "/24",
	    "192.0.2.0/",
	    "192.0.2.0/33",
	    "192.0.2.0/-1",
	    "192.0.2.0/+8",
	    "192.0.2.0/08",
	    "192.0.2.0/ 8",
	    "192.0.2.0/8 ",
	    "192.0.2.0/8/8",
	    "192.0.2",
	    "192.0.2.256",
	    "::/129",
	    "::/999999999999999",
	    "fe80::1%lo",
	    "localhost",
	    "0x7f000001",
	};
	struct network network = network_of("198.51.100.0/24");
	struct network before = network;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(network_parse(&network, texts[i]) < 0, "\"%s\" is taken", texts[i]);
	ck_assert(network_equal(&network, &before));
}
END_TEST

START_TEST(test_contains)
{
	ck_assert(holds("203.0.113.0/24", "203.0.113.0"));
	ck_assert(holds("203.0.113.0/24", "203.0.113.255"));
	ck_assert(!holds("203.0.113.0/24", "203.0.112.255"));
	ck_assert(!holds("203.0.113.0/24", "203.0.114.0"));
	ck_assert(holds("203.0.113.64/26", "203.0.113.127"));
	ck_assert(!holds("203.0.113.64/26", "203.0.113.128"));
	ck_assert(holds("2001:db8::/33", "2001:db8:7fff::1"));
	ck_assert(!holds("2001:db8::/33", "2001:db8:8000::1"));
	ck_assert(holds("203.0.113.7", "::ffff:203.0.113.7"));
	ck_assert(!holds("::/0", "203.0.113.7"));
	ck_assert(!holds("::/0", "::ffff:203.0.113.7"));
	ck_assert(!holds("0.0.0.0/0", "::1"));
	ck_assert(holds("0.0.0.0/0", "255.255.255.255"));
}
END_TEST

START_TEST(test_no_address_is_nowhere)
{
	static const struct addr none;
	struct network all = network_of("0.0.0.0/0");

	ck_assert(!network_contains(&all, &none));
}
END_TEST

START_TEST(test_around)
{
	struct addr addr;
	struct network network;
	char buf[NETWORK_STRLEN];

	ck_assert_int_eq(addr_parse(&addr, "[2001:db8:1:2:3:4:5:6]:40000"), 0);
	network_around(&network, &addr, 64);
	ck_assert_str_eq(network_format(&network, buf), "2001:db8:1:2::/64");
	ck_assert_uint_eq(addr_port(&network.addr), 0);
	ck_assert_uint_eq(network_prefix_max(&network), 128);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("network");
	TCase *values = tcase_create("values");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(values, test_what_is_read_is_written_canonically);
	tcase_add_test(values, test_other_text_is_refused);
	tcase_add_test(values, test_contains);
	tcase_add_test(values, test_no_address_is_nowhere);
	tcase_add_test(values, test_around);
	suite_add_tcase(suite, values);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
