/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of base/netset, among them random sets against a check that cannot be wrong. */
#include "base/netset.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#define RANDOM_SETS	60
#define RANDOM_NETWORKS 80
#define RANDOM_LOOKUPS	400

/* A network as the naive check knows it. */
struct network {
	uint8_t bytes[16];
	size_t len; /* 4 or 16 */
	unsigned prefix;
};

static struct netset *set_of(const char *const *cidrs)
{
	struct netset *set = netset_new();

	ck_assert_ptr_nonnull(set);
	for (size_t i = 0; cidrs[i] != NULL; i++)
		ck_assert_msg(netset_add(set, cidrs[i]) == 0, "%s", cidrs[i]);
	netset_seal(set);
	return set;
}

static bool holds(const struct netset *set, const char *ip)
{
	struct addr addr;

	ck_assert_msg(addr_parse_ip(&addr, ip) == 0, "%s", ip);
	addr_set_port(&addr, 4242);
	return netset_contains(set, &addr);
}

static void assert_holds(const char *const *cidrs, const char *const *inside,
			 const char *const *outside)
{
	struct netset *set = set_of(cidrs);

	for (size_t i = 0; inside[i] != NULL; i++)
		ck_assert_msg(holds(set, inside[i]), "%s should be inside", inside[i]);
	for (size_t i = 0; outside[i] != NULL; i++)
		ck_assert_msg(!holds(set, outside[i]), "%s should be outside", outside[i]);
	netset_free(set);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(test_an_empty_set_holds_nothing)
{
	struct netset *set = netset_new();
	struct addr none = {0};

	netset_seal(set);
	ck_assert(netset_is_empty(set));
	ck_assert_uint_eq(netset_count(set), 0);
	ck_assert(!holds(set, "0.0.0.0"));
	ck_assert(!holds(set, "::"));
	ck_assert(!netset_contains(set, &none));
	netset_free(set);
	netset_free(NULL);
}
END_TEST

START_TEST(test_edges_of_a_network)
{
	assert_holds(LIST("192.0.2.64/26"), LIST("192.0.2.64", "192.0.2.100", "192.0.2.127"),
		     LIST("192.0.2.63", "192.0.2.128", "::", "2001:db8::1"));
	assert_holds(LIST("2001:db8:8000::/33"),
		     LIST("2001:db8:8000::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
		     LIST("2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", "192.0.2.1"));
	assert_holds(LIST("198.51.100.7", "2001:db8::7"), LIST("198.51.100.7", "2001:db8::7"),
		     LIST("198.51.100.6", "198.51.100.8", "2001:db8::6", "2001:db8::8"));
}
END_TEST

START_TEST(test_everything)
{
	assert_holds(LIST("0.0.0.0/0"),
		     LIST("0.0.0.0", "127.0.0.1", "255.255.255.255", "::ffff:192.0.2.1"),
		     LIST("::", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	assert_holds(LIST("::/0"), LIST("::", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
		     LIST("0.0.0.0", "192.0.2.1", "255.255.255.255", "::ffff:192.0.2.1"));
	/* With nothing behind the last address, there is nothing to join. */
	assert_holds(LIST("255.255.255.255", "255.255.255.254", "0.0.0.0"),
		     LIST("255.255.255.255", "255.255.255.254", "0.0.0.0"),
		     LIST("255.255.255.253", "0.0.0.1"));
}
END_TEST

START_TEST(test_overlapping_and_touching_networks)
{
	assert_holds(LIST("10.0.1.0/24", "10.0.0.0/24", "10.0.0.128/25", "10.0.3.0/24"),
		     LIST("10.0.0.0", "10.0.0.255", "10.0.1.0", "10.0.1.255", "10.0.3.0"),
		     LIST("9.255.255.255", "10.0.2.0", "10.0.2.255", "10.0.4.0"));
	/* A small network behind a large one that holds it must not cut the large one short. */
	assert_holds(LIST("10.0.0.0/8", "10.0.0.0/30", "10.128.0.0/9", "10.5.0.0/16"),
		     LIST("10.0.0.4", "10.6.0.0", "10.255.255.255"),
		     LIST("9.255.255.255", "11.0.0.0"));
	/* Across the borders of bytes. */
	assert_holds(LIST("2001:db8:0:ffff:ffff:ffff:ffff:ffff", "2001:db8:1::"),
		     LIST("2001:db8:0:ffff:ffff:ffff:ffff:ffff", "2001:db8:1::"),
		     LIST("2001:db8:0:ffff:ffff:ffff:ffff:fffe", "2001:db8:1::1"));
}
END_TEST

START_TEST(test_sets_of_the_same_addresses_are_equal)
{
	struct netset *halves = netset_new();
	struct netset *whole = netset_new();
	struct netset *empty = netset_new();

	ck_assert_int_eq(netset_add(halves, "2001:db8::/33"), 0);
	ck_assert_int_eq(netset_add(halves, "10.128.0.0/9"), 0);
	ck_assert_int_eq(netset_add(halves, "10.0.0.0/9"), 0);
	ck_assert_int_eq(netset_add(halves, "10.1.2.3"), 0);
	ck_assert_int_eq(netset_add(whole, "10.0.0.0/8"), 0);
	netset_seal(halves);
	netset_seal(whole);
	netset_seal(empty);
	ck_assert(!netset_equal(halves, whole));
	ck_assert(!netset_equal(whole, empty));
	ck_assert(netset_equal(empty, empty));
	netset_free(whole);
	whole = netset_new();
	ck_assert_int_eq(netset_add(whole, "10.0.0.0/8"), 0);
	ck_assert_int_eq(netset_add(whole, "2001:db8::/33"), 0);
	netset_seal(whole);
	ck_assert(netset_equal(halves, whole));
	netset_free(halves);
	netset_free(whole);
	netset_free(empty);
}
END_TEST

START_TEST(test_mapped_addresses_are_ipv4)
{
	assert_holds(LIST("192.0.2.0/24"), LIST("::ffff:192.0.2.1"), LIST("::ffff:192.0.3.1"));
	assert_holds(LIST("::ffff:192.0.2.0/120"), LIST("192.0.2.1", "::ffff:192.0.2.255"),
		     LIST("192.0.3.0", "::192.0.2.1"));
	assert_holds(LIST("::ffff:0:0/96"), LIST("0.0.0.0", "255.255.255.255"), LIST("::", "::1"));
}
END_TEST

START_TEST(test_text_is_canonical_and_in_order)
{
	static const char *const texts[][2] = {
	    {"192.0.2.77/24", "192.0.2.0/24"},
	    {"192.0.2.1", "192.0.2.1/32"},
	    {"2001:DB8:0:0::1/32", "2001:db8::/32"},
	    {"2001:db8::1", "2001:db8::1/128"},
	    {"::ffff:10.0.0.1/104", "10.0.0.0/8"},
	    {"10.0.0.1/0", "0.0.0.0/0"},
	    {"::1/0", "::/0"},
	    {"10.0.0.0/31", "10.0.0.0/31"},
	    {"10.0.0.0/31", "10.0.0.0/31"},
	};
	size_t count = sizeof(texts) / sizeof(texts[0]);
	struct netset *set = netset_new();

	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(netset_add(set, texts[i][0]), 0);
	netset_seal(set);
	ck_assert(!netset_is_empty(set));
	ck_assert_uint_eq(netset_count(set), count);
	for (size_t i = 0; i < count; i++)
		ck_assert_str_eq(netset_text(set, i), texts[i][1]);
	netset_free(set);
}
END_TEST

START_TEST(test_other_forms_are_refused)
{
	static const char *const texts[] = {
	    "",
	    "/",
	    "/24",
	    "10.0.0.0/",
	    "10.0.0.0/33",
	    "10.0.0.0/-1",
	    "10.0.0.0/+8",
	    "10.0.0.0/ 8",
	    "10.0.0.0/8 ",
	    " 10.0.0.0/8",
	    "10.0.0.0/08",
	    "10.0.0.0/8/8",
	    "10.0.0.0/255.0.0.0",
	    "10.0.0/8",
	    "10.0.0.256/8",
	    "010.0.0.0/8",
	    "2001:db8::/129",
	    "2001:db8::/1280",
	    "2001:db8::/99999999999999999999",
	    "[2001:db8::]/32",
	    "2001:db8:/32",
	    "fe80::1%lo/64",
	    "10.0.0.1:80",
	    "example.com",
	    "all",
	    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/64",
	};
	struct netset *set = netset_new();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		errno = 0;
		ck_assert_msg(netset_add(set, texts[i]) == -1, "\"%s\"", texts[i]);
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert(netset_is_empty(set));
	netset_seal(set);
	netset_free(set);
}
END_TEST

static bool naive_holds(const struct network *networks, size_t count, const uint8_t *ip, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		bool same = networks[i].len == len;

		for (unsigned bit = 0; same && bit < networks[i].prefix; bit++)
			same =
			    ((networks[i].bytes[bit / 8] ^ ip[bit / 8]) >> (7 - bit % 8) & 1) == 0;
		if (same)
			return true;
	}
	return false;
}

/* Random bytes out of few values, so that networks touch and hold one another. */
static void random_ip(uint8_t *ip, size_t len)
{
	static const uint8_t values[] = {0x00, 0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, 0xff};

	for (size_t i = 0; i < len; i++)
		ip[i] = values[rand() % 8];
	/* Not by chance a mapped address: those are the other family's. */
	if (len == 16)
		ip[0] |= 0x20;
}

static void make_addr(struct addr *addr, const uint8_t *ip, size_t len)
{
	if (len == 4)
		addr_from_ipv4(addr, ip, 0);
	else
		addr_from_ipv6(addr, ip, 0);
}

START_TEST(test_random_sets)
{
	struct network networks[RANDOM_NETWORKS];
	struct netset *set = netset_new();
	char ip_text[ADDR_STRLEN];
	char cidr[ADDR_STRLEN + 8];
	struct addr addr;
	uint8_t ip[16];
	size_t count;

	srand((unsigned)_i + 1);
	count = (size_t)(rand() % RANDOM_NETWORKS);
	for (size_t i = 0; i < count; i++) {
		struct network *network = &networks[i];

		network->len = rand() % 2 ? 4 : 16;
		/* Long prefixes mostly: a short one would hold everything. */
		network->prefix = (unsigned)(network->len * 8 - (size_t)(rand() % 20));
		random_ip(network->bytes, network->len);
		make_addr(&addr, network->bytes, network->len);
		snprintf(cidr, sizeof(cidr), "%s/%u", addr_format_ip(&addr, ip_text),
			 network->prefix);
		ck_assert_msg(netset_add(set, cidr) == 0, "%s", cidr);
	}
	netset_seal(set);
	for (int i = 0; i < RANDOM_LOOKUPS; i++) {
		size_t len = rand() % 2 ? 4 : 16;

		if (count > 0 && rand() % 2) {
			/* Next to the edge of a network, where mistakes live. */
			const struct network *network = &networks[(size_t)rand() % count];

			len = network->len;
			memcpy(ip, network->bytes, len);
			ip[len - 1] = (uint8_t)(ip[len - 1] + rand() % 5 - 2);
			ip[len - 2] = (uint8_t)(ip[len - 2] + rand() % 3 - 1);
		} else {
			random_ip(ip, len);
		}
		make_addr(&addr, ip, len);
		ck_assert_msg(netset_contains(set, &addr) == naive_holds(networks, count, ip, len),
			      "seed %d: %s", _i + 1, addr_format_ip(&addr, ip_text));
	}
	netset_free(set);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netset");
	TCase *tcase = tcase_create("netset");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_an_empty_set_holds_nothing);
	tcase_add_test(tcase, test_edges_of_a_network);
	tcase_add_test(tcase, test_everything);
	tcase_add_test(tcase, test_overlapping_and_touching_networks);
	tcase_add_test(tcase, test_sets_of_the_same_addresses_are_equal);
	tcase_add_test(tcase, test_mapped_addresses_are_ipv4);
	tcase_add_test(tcase, test_text_is_canonical_and_in_order);
	tcase_add_test(tcase, test_other_forms_are_refused);
	tcase_add_loop_test(tcase, test_random_sets, 0, RANDOM_SETS);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
