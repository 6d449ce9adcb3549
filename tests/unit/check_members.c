/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of service/members and service/whereabouts: what workers know of each other. */
#include "service/members.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "service/whereabouts.h"

static struct members members;
static unsigned woken[3];

static void on_wake(void *arg)
{
	(*(unsigned *)arg)++;
}

static void set_up(void)
{
	memset(woken, 0, sizeof(woken));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(members_join(&members, on_wake, &woken[i]), i);
}

static void tear_down(void)
{
	members_fini(&members);
}

START_TEST(test_nobody_to_ask)
{
	ck_assert_int_eq(members_ask(&members, 0, INT64_MAX), -1);
	members_publish(&members, 1, 100);
	/* Its own has been idle longer, or as long. */
	ck_assert_int_eq(members_ask(&members, 0, 99), -1);
	ck_assert_int_eq(members_ask(&members, 0, 100), -1);
	ck_assert_uint_eq(woken[1], 0);
}
END_TEST

START_TEST(test_the_idlest_is_asked)
{
	members_publish(&members, 0, 5);
	members_publish(&members, 1, 100);
	members_publish(&members, 2, 50);
	ck_assert_int_eq(members_ask(&members, 1, 100), 0);
	ck_assert_int_eq(members_ask(&members, 1, 100), 0);
	ck_assert_uint_eq(woken[0], 2);
	ck_assert_uint_eq(woken[2], 0);
	ck_assert_uint_eq(members_take_asked(&members, 0), 2);
	ck_assert_uint_eq(members_take_asked(&members, 0), 0);
	ck_assert_uint_eq(members_take_asked(&members, 2), 0);
}
END_TEST

START_TEST(test_who_waits_is_told_once)
{
	members_publish(&members, 2, 50);
	ck_assert_int_eq(members_ask(&members, 0, INT64_MAX), 0);
	members_tell(&members, 2);
	ck_assert_uint_eq(woken[0], 1);
	ck_assert_uint_eq(woken[1], 0);
	members_tell(&members, 2);
	ck_assert_uint_eq(woken[0], 1);
}
END_TEST

START_TEST(test_a_client_is_found_by_its_key)
{
	const uint8_t one_key[WHEREABOUTS_KEY_LEN] = {1};
	const uint8_t two_key[WHEREABOUTS_KEY_LEN] = {2};
	struct whereabouts_table table;
	struct whereabouts *one;
	struct whereabouts *two;

	whereabouts_init(&table);
	one = whereabouts_join(&table, one_key);
	two = whereabouts_join(&table, two_key);
	ck_assert_ptr_ne(one, two);
	ck_assert_ptr_eq(whereabouts_join(&table, one_key), one);
	whereabouts_leave(&table, one);
	/* The other one that joined still has it. */
	ck_assert_uint_eq(whereabouts_version(one), 0);
	ck_assert_ptr_eq(whereabouts_join(&table, one_key), one);
	whereabouts_leave(&table, one);
	whereabouts_leave(&table, one);
	whereabouts_leave(&table, two);
	whereabouts_leave(&table, NULL);
	ck_assert_ptr_null(table.clients);
	whereabouts_fini(&table);
}
END_TEST

START_TEST(test_the_latest_place)
{
	const uint8_t key[WHEREABOUTS_KEY_LEN] = {0};
	struct whereabouts_place place = {.socket = 3, .header_len = 1, .header = {7}};
	struct whereabouts_place found;
	struct whereabouts_table table;
	struct whereabouts *client;
	unsigned version;

	whereabouts_init(&table);
	client = whereabouts_join(&table, key);
	version = whereabouts_set(client, &place);
	ck_assert_uint_eq(whereabouts_version(client), version);
	ck_assert_uint_eq(whereabouts_get(client, &found), version);
	ck_assert_mem_eq(&found, &place, sizeof(place));
	place.socket = 4;
	ck_assert_uint_ne(whereabouts_set(client, &place), version);
	ck_assert_uint_ne(whereabouts_get(client, &found), version);
	ck_assert_uint_eq(found.socket, 4);
	whereabouts_leave(&table, client);
	whereabouts_fini(&table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("members");
	TCase *asking = tcase_create("members");
	TCase *places = tcase_create("whereabouts");
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
