/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of udp/flow_table. */
#include "udp/flow_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

/* Enough for the table to grow several times. */
#define MANY 5000

static struct flow_table table;
static const struct addr nobody;

static struct addr parsed(const char *text)
{
	struct addr addr;

	ck_assert_msg(addr_parse(&addr, text) == 0, "%s", text);
	return addr;
}

static struct flow_key key_of(const char *first, const char *second, uint32_t kind)
{
	struct addr a = parsed(first);
	struct addr b = second != NULL ? parsed(second) : nobody;
	struct flow_key key;

	memset(&key, 0xA5, sizeof(key));
	flow_key_set(&key, &a, &b, kind);
	return key;
}

static struct flow_links *added(struct flow_key key, int64_t now_ms)
{
	struct flow_links *links = calloc(1, sizeof(*links));

	ck_assert_ptr_nonnull(links);
	links->key = key;
	ck_assert_int_eq(flow_table_add(&table, links, now_ms), 0);
	return links;
}

static struct flow_links *new_flow(const char *client)
{
	return added(key_of(client, NULL, FLOW_OF_CLIENT), 1);
}

static void drop(struct flow_links *links)
{
	flow_table_remove(&table, links);
	free(links);
}

static void set_up(void)
{
	flow_table_init(&table);
}

static void tear_down(void)
{
	struct flow_links *links;

	while ((links = flow_table_oldest(&table)) != NULL)
		drop(links);
	ck_assert_uint_eq(table.count, 0);
	ck_assert_ptr_null(table.origins);
	flow_table_fini(&table);
}

static struct flow_links *find(struct flow_key key)
{
	return flow_table_find(&table, &key);
}

static struct flow_links *find_origin(struct flow_key key)
{
	return flow_table_find_origin(&table, &key);
}

static struct flow_links *move_origin(struct flow_key key, struct flow_links *links)
{
	struct flow_links *orphan;

	ck_assert_int_eq(flow_table_set_origin(&table, &key, links, &orphan), 0);
	return orphan;
}

START_TEST(test_keys_differ_by_every_part)
{
	struct flow_links *one = new_flow("192.0.2.1:5");
	struct flow_links *two = added(key_of("192.0.2.1:5", "192.0.2.9:7", FLOW_OF_CLIENT), 1);
	struct flow_links *three = added(key_of("192.0.2.1:5", NULL, FLOW_OF_PEER), 1);
	struct flow_links *four = new_flow("[2001:db8::1]:5");

	ck_assert_ptr_eq(find(key_of("192.0.2.1:5", NULL, FLOW_OF_CLIENT)), one);
	ck_assert_ptr_eq(find(key_of("192.0.2.1:5", "192.0.2.9:7", FLOW_OF_CLIENT)), two);
	ck_assert_ptr_eq(find(key_of("192.0.2.1:5", NULL, FLOW_OF_PEER)), three);
	ck_assert_ptr_eq(find(key_of("[2001:db8::1]:5", NULL, FLOW_OF_CLIENT)), four);
	ck_assert_ptr_null(find(key_of("192.0.2.1:6", NULL, FLOW_OF_CLIENT)));
	ck_assert_ptr_null(find(key_of("192.0.2.2:5", NULL, FLOW_OF_CLIENT)));
	ck_assert_ptr_null(find(key_of("192.0.2.1:5", "192.0.2.9:8", FLOW_OF_CLIENT)));
	ck_assert_ptr_null(find(key_of("192.0.2.1:5", "192.0.2.8:7", FLOW_OF_CLIENT)));
}
END_TEST

START_TEST(test_mapped_ipv4_is_ipv4)
{
	struct flow_links *one = new_flow("192.0.2.1:5");

	ck_assert_ptr_eq(find(key_of("[::ffff:192.0.2.1]:5", NULL, FLOW_OF_CLIENT)), one);
}
END_TEST

START_TEST(test_the_order_of_idleness)
{
	struct flow_links *one = new_flow("192.0.2.1:5");
	struct flow_links *two = new_flow("192.0.2.2:5");
	struct flow_links *three = new_flow("192.0.2.3:5");

	ck_assert_ptr_eq(flow_table_oldest(&table), one);
	flow_table_touch(&table, one, 7);
	ck_assert_int_eq(one->active_ms, 7);
	ck_assert_ptr_eq(flow_table_oldest(&table), two);
	flow_table_touch(&table, two, 8);
	ck_assert_ptr_eq(flow_table_oldest(&table), three);
	drop(three);
	ck_assert_ptr_eq(flow_table_oldest(&table), one);
	flow_table_touch(&table, two, 9);
	ck_assert_ptr_eq(flow_table_oldest(&table), one);
}
END_TEST

START_TEST(test_many)
{
	static struct flow_links *flows[MANY];
	struct flow_key key;

	for (unsigned i = 0; i < MANY; i++) {
		char text[ADDR_STRLEN];

		snprintf(text, sizeof(text), "10.0.%u.%u:%u", i >> 8 & 0xFF, i & 0xFF, i + 1);
		flows[i] = new_flow(text);
	}
	ck_assert_uint_eq(table.count, MANY);
	for (unsigned i = 0; i < MANY; i += 2) {
		key = flows[i]->key;
		ck_assert_ptr_eq(find(key), flows[i]);
		drop(flows[i]);
		ck_assert_ptr_null(find(key));
	}
	for (unsigned i = 1; i < MANY; i += 2)
		ck_assert_ptr_eq(find(flows[i]->key), flows[i]);
	ck_assert_uint_eq(table.count, MANY / 2);
}
END_TEST

START_TEST(test_an_origin_speaks_for_its_flow)
{
	struct flow_key origin = key_of("10.0.0.1:100", "10.0.0.2:0", 0);
	struct flow_links *one = new_flow("192.0.2.1:5");

	ck_assert_ptr_null(find_origin(origin));
	ck_assert_ptr_null(move_origin(origin, one));
	ck_assert_ptr_eq(find_origin(origin), one);
	ck_assert_ptr_null(find_origin(key_of("10.0.0.1:100", "10.0.0.3:0", 0)));
	ck_assert_ptr_null(find_origin(key_of("10.0.0.1:100", "10.0.0.2:0", 1)));
	drop(one);
	ck_assert_ptr_null(find_origin(origin));
}
END_TEST

START_TEST(test_an_origin_given_away_leaves_an_orphan)
{
	struct flow_key origin = key_of("10.0.0.1:100", NULL, 0);
	struct flow_key other = key_of("10.0.0.1:101", NULL, 0);
	struct flow_links *one = new_flow("192.0.2.1:5");
	struct flow_links *two = new_flow("192.0.2.2:5");

	ck_assert_ptr_null(move_origin(origin, one));
	/* Again: nothing changes. */
	ck_assert_ptr_null(move_origin(origin, one));
	ck_assert_ptr_eq(move_origin(origin, two), one);
	ck_assert_ptr_eq(find_origin(origin), two);
	/* With a second way to be reached it is none. */
	ck_assert_ptr_null(move_origin(other, two));
	ck_assert_ptr_null(move_origin(origin, one));
	ck_assert_ptr_eq(find_origin(other), two);
}
END_TEST

START_TEST(test_the_oldest_origin_is_forgotten)
{
	struct flow_links *one = new_flow("192.0.2.1:5");
	char text[ADDR_STRLEN];

	for (unsigned i = 0; i <= FLOW_ORIGINS_MAX; i++) {
		snprintf(text, sizeof(text), "10.0.0.1:%u", 100 + i);
		ck_assert_ptr_null(move_origin(key_of(text, NULL, 0), one));
	}
	ck_assert_ptr_null(find_origin(key_of("10.0.0.1:100", NULL, 0)));
	for (unsigned i = 1; i <= FLOW_ORIGINS_MAX; i++) {
		snprintf(text, sizeof(text), "10.0.0.1:%u", 100 + i);
		ck_assert_ptr_eq(find_origin(key_of(text, NULL, 0)), one);
	}
	ck_assert_uint_eq(one->origins_count, FLOW_ORIGINS_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow_table");
	TCase *tcase = tcase_create("flow_table");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_keys_differ_by_every_part);
	tcase_add_test(tcase, test_mapped_ipv4_is_ipv4);
	tcase_add_test(tcase, test_the_order_of_idleness);
	tcase_add_test(tcase, test_many);
	tcase_add_test(tcase, test_an_origin_speaks_for_its_flow);
	tcase_add_test(tcase, test_an_origin_given_away_leaves_an_orphan);
	tcase_add_test(tcase, test_the_oldest_origin_is_forgotten);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
