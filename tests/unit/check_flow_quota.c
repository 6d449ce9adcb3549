/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of service/flow_quota: what workers know of each other. */
#include "service/flow_quota.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

static struct flow_quota quota;
static struct flow_quota_slot *slots[3];
static unsigned woken[3];

static void on_wake(void *arg)
{
	(*(unsigned *)arg)++;
}

static void set_up(void)
{
	memset(woken, 0, sizeof(woken));
	for (int i = 0; i < 3; i++) {
		slots[i] = flow_quota_join(&quota, on_wake, &woken[i]);
		ck_assert_ptr_nonnull(slots[i]);
	}
}

static void tear_down(void)
{
	flow_quota_fini(&quota);
}

START_TEST(test_nobody_to_ask)
{
	ck_assert_int_eq(flow_quota_ask(&quota, slots[0], INT64_MAX), -1);
	flow_quota_publish(slots[1], 100);
	/* Its own has been idle longer, or as long. */
	ck_assert_int_eq(flow_quota_ask(&quota, slots[0], 99), -1);
	ck_assert_int_eq(flow_quota_ask(&quota, slots[0], 100), -1);
	ck_assert_uint_eq(woken[1], 0);
}
END_TEST

START_TEST(test_the_idlest_is_asked)
{
	flow_quota_publish(slots[0], 5);
	flow_quota_publish(slots[1], 100);
	flow_quota_publish(slots[2], 50);
	ck_assert_int_eq(flow_quota_ask(&quota, slots[1], 100), 0);
	ck_assert_int_eq(flow_quota_ask(&quota, slots[1], 100), 0);
	ck_assert_uint_eq(woken[0], 2);
	ck_assert_uint_eq(woken[2], 0);
	ck_assert_uint_eq(flow_quota_take_asked(slots[0]), 2);
	ck_assert_uint_eq(flow_quota_take_asked(slots[0]), 0);
	ck_assert_uint_eq(flow_quota_take_asked(slots[2]), 0);
}
END_TEST

START_TEST(test_who_waits_is_told_once)
{
	flow_quota_publish(slots[2], 50);
	ck_assert_int_eq(flow_quota_ask(&quota, slots[0], INT64_MAX), 0);
	flow_quota_tell(&quota, slots[2]);
	ck_assert_uint_eq(woken[0], 1);
	ck_assert_uint_eq(woken[1], 0);
	flow_quota_tell(&quota, slots[2]);
	ck_assert_uint_eq(woken[0], 1);
}
END_TEST

/* One that cannot wait, such as a listener without flows, may ask as well. */
START_TEST(test_nobody_may_ask)
{
	flow_quota_publish(slots[1], 7);
	ck_assert_int_eq(flow_quota_ask(&quota, NULL, INT64_MAX), 0);
	ck_assert_uint_eq(flow_quota_take_asked(slots[1]), 1);
	flow_quota_tell(&quota, slots[1]);
	ck_assert_uint_eq(woken[0] + woken[2], 0);
}
END_TEST

START_TEST(test_a_slot_left_is_asked_no_more)
{
	flow_quota_publish(slots[1], 7);
	flow_quota_leave(slots[1]);
	flow_quota_leave(NULL);
	ck_assert_int_eq(flow_quota_ask(&quota, slots[0], INT64_MAX), -1);
	/* Who joins in its stead is woken as it was. */
	ck_assert_ptr_ne(flow_quota_join(&quota, on_wake, &woken[2]), slots[1]);
	ck_assert_ptr_eq(flow_quota_join(&quota, on_wake, &woken[1]), slots[1]);
	ck_assert_uint_eq(flow_quota_take_asked(slots[1]), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("quota");
	TCase *asking = tcase_create("asking");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(asking, set_up, tear_down);
	tcase_add_test(asking, test_nobody_to_ask);
	tcase_add_test(asking, test_the_idlest_is_asked);
	tcase_add_test(asking, test_who_waits_is_told_once);
	tcase_add_test(asking, test_nobody_may_ask);
	tcase_add_test(asking, test_a_slot_left_is_asked_no_more);
	suite_add_tcase(suite, asking);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
