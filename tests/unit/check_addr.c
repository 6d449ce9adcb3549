/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of base/addr. */
#include "base/addr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

static struct addr parsed(const char *text)
{
	struct addr addr;

	ck_assert_msg(addr_parse(&addr, text) == 0, "%s", text);
	return addr;
}

static void assert_format(const struct addr *addr, const char *expected)
{
	char text[ADDR_STRLEN];

	ck_assert_str_eq(addr_format(addr, text), expected);
}

START_TEST(test_parse_and_format_agree)
{
	static const char *const texts[] = {
	    "0.0.0.0:0",
	    "127.0.0.1:65535",
	    "203.0.113.7:40000",
	    "[::]:1",
	    "[2001:db8::1]:443",
	    "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	    "[::ffff:192.0.2.1]:80",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct addr addr = parsed(texts[i]);

		assert_format(&addr, texts[i]);
	}
}
END_TEST

START_TEST(test_parse_refuses_other_forms)
{
	static const char *const texts[] = {
	    "",
	    ":80",
	    "127.0.0.1",
	    "127.0.0.1:",
	    "127.0.0.1:65536",
	    "127.0.0.1:-1",
	    "127.0.0.1:+1",
	    "127.0.0.1: 1",
	    "127.0.0.1:80x",
	    "127.0.0.1:000080",
	    "localhost:80",
	    "127.1:80",
	    "::1:80",
	    "[::1]",
	    "[::1]80",
	    "[::1:80",
	    "[127.0.0.1]:80",
	    "[fe80::1%lo]:80",
	    " 127.0.0.1:80",
	    "1.2.3.4.5:80",
	    "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:80",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct addr addr = parsed("192.0.2.9:9");

		ck_assert_msg(addr_parse(&addr, texts[i]) == -1, "\"%s\"", texts[i]);
		assert_format(&addr, "192.0.2.9:9");
	}
}
END_TEST

START_TEST(test_parse_ip)
{
	struct addr addr;
	char text[ADDR_STRLEN];

	ck_assert_int_eq(addr_parse_ip(&addr, "2001:db8::5"), 0);
	ck_assert_str_eq(addr_format_ip(&addr, text), "2001:db8::5");
	ck_assert_uint_eq(addr_port(&addr), 0);
	ck_assert_int_eq(addr_parse_ip(&addr, "192.0.2.5:80"), -1);
}
END_TEST

START_TEST(test_no_address)
{
	struct addr none = {0};
	char text[ADDR_STRLEN];

	assert_format(&none, "-");
	ck_assert_str_eq(addr_format_ip(&none, text), "-");
	ck_assert(!addr_is_set(&none));
	ck_assert_uint_eq(addr_len(&none), 0);
	ck_assert_uint_eq(addr_port(&none), 0);
	addr_set_port(&none, 5);
	ck_assert_uint_eq(addr_port(&none), 0);
	ck_assert(!addr_is_wildcard(&none));
	ck_assert(!addr_is_loopback(&none));
	ck_assert(!addr_is_martian_source(&none));
	ck_assert(addr_equal(&none, &none));
}
END_TEST

START_TEST(test_from_bytes)
{
	static const uint8_t ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
	static const uint8_t ipv4[4] = {192, 0, 2, 7};
	struct addr addr;

	addr_from_ipv4(&addr, ipv4, 80);
	assert_format(&addr, "192.0.2.7:80");
	ck_assert_uint_eq(addr_len(&addr), sizeof(struct sockaddr_in));
	addr_from_ipv6(&addr, ipv6, 80);
	assert_format(&addr, "[2001:db8::7]:80");
	ck_assert_uint_eq(addr_len(&addr), sizeof(struct sockaddr_in6));
}
END_TEST

START_TEST(test_from_sockaddr)
{
	struct addr ipv4 = parsed("192.0.2.7:80");
	struct addr mapped = parsed("[::ffff:192.0.2.7]:80");
	struct sockaddr unix_sa = {.sa_family = AF_UNIX};
	struct addr addr;

	ck_assert_int_eq(addr_from_sockaddr(&addr, &ipv4.sa, addr_len(&ipv4)), 0);
	ck_assert(addr_equal(&addr, &ipv4));
	ck_assert_int_eq(addr_from_sockaddr(&addr, &mapped.sa, addr_len(&mapped)), 0);
	ck_assert(addr_equal(&addr, &ipv4));
	ck_assert_int_eq(addr_from_sockaddr(&addr, &unix_sa, sizeof(unix_sa)), -1);
	ck_assert_int_eq(errno, EAFNOSUPPORT);
	ck_assert_int_eq(addr_from_sockaddr(&addr, &ipv4.sa, 4), -1);
}
END_TEST

START_TEST(test_equality)
{
	struct addr a = parsed("192.0.2.7:80");
	struct addr other_port = parsed("192.0.2.7:81");
	struct addr ipv6 = parsed("[2001:db8::1]:80");
	struct addr ipv6_other = parsed("[2001:db8::2]:80");

	ck_assert(addr_equal(&a, &a));
	ck_assert(!addr_equal(&a, &other_port));
	ck_assert(addr_equal_ip(&a, &other_port));
	ck_assert(!addr_equal_ip(&a, &ipv6));
	ck_assert(addr_equal(&ipv6, &ipv6));
	ck_assert(!addr_equal_ip(&ipv6, &ipv6_other));
	addr_set_port(&a, 81);
	ck_assert(addr_equal(&a, &other_port));
	addr_set_port(&ipv6, 82);
	ck_assert_uint_eq(addr_port(&ipv6), 82);
}
END_TEST

START_TEST(test_kinds)
{
	static const struct {
		const char *text;
		bool wildcard, loopback, martian;
	} cases[] = {
	    {"0.0.0.0:1", true, false, true},
	    {"0.1.2.3:1", false, false, true},
	    {"127.0.0.1:1", false, true, false},
	    {"127.255.255.254:1", false, true, false},
	    {"128.0.0.1:1", false, false, false},
	    {"223.255.255.255:1", false, false, false},
	    {"224.0.0.1:1", false, false, true},
	    {"239.255.255.255:1", false, false, true},
	    {"240.0.0.1:1", false, false, false},
	    {"255.255.255.255:1", false, false, true},
	    {"[::]:1", true, false, true},
	    {"[::1]:1", false, true, false},
	    {"[::2]:1", false, false, false},
	    {"[ff02::1]:1", false, false, true},
	    {"[2001:db8::1]:1", false, false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr addr = parsed(cases[i].text);

		ck_assert_msg(addr_is_wildcard(&addr) == cases[i].wildcard, "%s", cases[i].text);
		ck_assert_msg(addr_is_loopback(&addr) == cases[i].loopback, "%s", cases[i].text);
		ck_assert_msg(addr_is_martian_source(&addr) == cases[i].martian, "%s",
			      cases[i].text);
	}
}
END_TEST

START_TEST(test_link_local)
{
	static const char *const local[] = {"[fe80::1]:1", "[febf:ffff::]:1"};
	static const char *const others[] = {"[fe7f::1]:1", "[fec0::1]:1", "[2001:db8::1]:1",
					     "169.254.0.1:1"};
	const struct addr none = {.sa.sa_family = AF_UNSPEC};

	ck_assert(!addr_is_link_local(&none));
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		struct addr addr = parsed(local[i]);

		ck_assert_msg(addr_is_link_local(&addr), "%s", local[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct addr addr = parsed(others[i]);

		ck_assert_msg(!addr_is_link_local(&addr), "%s", others[i]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("addr");
	TCase *tcase = tcase_create("addr");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_parse_and_format_agree);
	tcase_add_test(tcase, test_parse_refuses_other_forms);
	tcase_add_test(tcase, test_parse_ip);
	tcase_add_test(tcase, test_no_address);
	tcase_add_test(tcase, test_from_bytes);
	tcase_add_test(tcase, test_from_sockaddr);
	tcase_add_test(tcase, test_equality);
	tcase_add_test(tcase, test_kinds);
	tcase_add_test(tcase, test_link_local);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
