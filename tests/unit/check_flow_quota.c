/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of service/flow_quota and service/client_path: what workers know of each other. */
#include "service/flow_quota.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "service/client_path.h"

static struct flow_quota quota;
static unsigned woken[3];

static void on_wake(void *arg)
{
	(*(unsigned *)arg)++;
}

static void set_up(void)
{
	memset(woken, 0, sizeof(woken));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(flow_quota_join(&quota, on_wake, &woken[i]), i);
}

static void tear_down(void)
{
	flow_quota_fini(&quota);
}

START_TEST(test_nobody_to_ask)
{
	ck_assert_int_eq(flow_quota_ask(&quota, 0, INT64_MAX), -1);
	flow_quota_publish(&quota, 1, 100);
	/* Its own has been idle longer, or as long. */
	ck_assert_int_eq(flow_quota_ask(&quota, 0, 99), -1);
	ck_assert_int_eq(flow_quota_ask(&quota, 0, 100), -1);
	ck_assert_uint_eq(woken[1], 0);
}
END_TEST

START_TEST(test_the_idlest_is_asked)
{
	flow_quota_publish(&quota, 0, 5);
	flow_quota_publish(&quota, 1, 100);
	flow_quota_publish(&quota, 2, 50);
	ck_assert_int_eq(flow_quota_ask(&quota, 1, 100), 0);
	ck_assert_int_eq(flow_quota_ask(&quota, 1, 100), 0);
	ck_assert_uint_eq(woken[0], 2);
	ck_assert_uint_eq(woken[2], 0);
	ck_assert_uint_eq(flow_quota_take_asked(&quota, 0), 2);
	ck_assert_uint_eq(flow_quota_take_asked(&quota, 0), 0);
	ck_assert_uint_eq(flow_quota_take_asked(&quota, 2), 0);
}
END_TEST

START_TEST(test_who_waits_is_told_once)
{
	flow_quota_publish(&quota, 2, 50);
	ck_assert_int_eq(flow_quota_ask(&quota, 0, INT64_MAX), 0);
	flow_quota_tell(&quota, 2);
	ck_assert_uint_eq(woken[0], 1);
	ck_assert_uint_eq(woken[1], 0);
	flow_quota_tell(&quota, 2);
	ck_assert_uint_eq(woken[0], 1);
}
END_TEST

START_TEST(test_a_client_is_found_by_its_key)
{
	const uint8_t one_key[CLIENT_PATH_KEY_LEN] = {1};
	const uint8_t two_key[CLIENT_PATH_KEY_LEN] = {2};
	struct client_path_table table;
	struct client_path *one;
	struct client_path *two;

	client_path_init(&table);
	one = client_path_join(&table, one_key);
	two = client_path_join(&table, two_key);
	ck_assert_ptr_ne(one, two);
	ck_assert_ptr_eq(client_path_join(&table, one_key), one);
	client_path_leave(&table, one);
	/* The other one that joined still has it. */
	ck_assert_uint_eq(client_path_version(one), 0);
	ck_assert_ptr_eq(client_path_join(&table, one_key), one);
	client_path_leave(&table, one);
	client_path_leave(&table, one);
	client_path_leave(&table, two);
	client_path_leave(&table, NULL);
	ck_assert_ptr_null(table.clients);
	client_path_fini(&table);
}
END_TEST

START_TEST(test_the_latest_place)
{
	const uint8_t key[CLIENT_PATH_KEY_LEN] = {0};
	struct reply_path place = {.socket = 3, .header_len = 1, .header = {7}};
	struct reply_path found;
	struct client_path_table table;
	struct client_path *client;
	unsigned version;

	client_path_init(&table);
	client = client_path_join(&table, key);
	version = client_path_set(client, &place);
	ck_assert_uint_eq(client_path_version(client), version);
	ck_assert_uint_eq(client_path_get(client, &found), version);
	ck_assert_mem_eq(&found, &place, sizeof(place));
	place.socket = 4;
	ck_assert_uint_ne(client_path_set(client, &place), version);
	ck_assert_uint_ne(client_path_get(client, &found), version);
	ck_assert_uint_eq(found.socket, 4);
	client_path_leave(&table, client);
	client_path_fini(&table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("quota");
	TCase *asking = tcase_create("quota");
	TCase *places = tcase_create("client_path");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(asking, set_up, tear_down);
	tcase_add_test(asking, test_nobody_to_ask);
	tcase_add_test(asking, test_the_idlest_is_asked);
	tcase_add_test(asking, test_who_waits_is_told_once);
	tcase_add_test(places, test_a_client_is_found_by_its_key);
	tcase_add_test(places, test_the_latest_place);
	suite_add_tcase(suite, asking);
	suite_add_tcase(suite, places);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
