/* SPDX-License-Identifier: BSD-2-Clause */
/* Parameters of requests to the admin endpoint, and the times that denials last. */
#include "daemon/admin_query.h"

#include <stdlib.h>

#include <check.h>

#include "service/deny_list.h"

struct time_row {
	const char *text;
	int64_t seconds; /* 0: refused */
};

START_TEST(times_are_read)
{
	static const struct time_row rows[] = {
	    {"1", 1},
	    {"600", 600},
	    {"600s", 600},
	    {"10m", 600},
	    {"2h", 7200},
	    {"7d", 604800},
	    {"0010", 10},
	    {"", 0},
	    {"0", 0},
	    {"0m", 0},
	    {"m", 0},
	    {"-1", 0},
	    {"+1", 0},
	    {" 1", 0},
	    {"1 ", 0},
	    {"1.5h", 0},
	    {"1w", 0},
	    {"1hm", 0},
	    {"0x10", 0},
	    {"18446744073709551617", 0},
	    {"99999999999999999999999999999999", 0},
	    {"999999999d", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t seconds = 77;
		int result = admin_query_parse_seconds(rows[i].text, &seconds);

		ck_assert_msg((result == 0) == (rows[i].seconds != 0), "%s", rows[i].text);
		ck_assert_msg(seconds == (rows[i].seconds != 0 ? rows[i].seconds : 77), "%s",
			      rows[i].text);
	}
}
END_TEST

START_TEST(the_longest_time_is_that_of_the_list)
{
	char text[32];
	int64_t seconds;

	snprintf(text, sizeof(text), "%lld", (long long)DENY_LIST_SECONDS_MAX);
	ck_assert_int_eq(admin_query_parse_seconds(text, &seconds), 0);
	ck_assert_int_eq(seconds, DENY_LIST_SECONDS_MAX);
	snprintf(text, sizeof(text), "%lld", (long long)DENY_LIST_SECONDS_MAX + 1);
	ck_assert_int_lt(admin_query_parse_seconds(text, &seconds), 0);
	snprintf(text, sizeof(text), "%lldd", (long long)DENY_LIST_SECONDS_MAX / 86400);
	ck_assert_int_eq(admin_query_parse_seconds(text, &seconds), 0);
	snprintf(text, sizeof(text), "%lldd", (long long)DENY_LIST_SECONDS_MAX / 86400 + 1);
	ck_assert_int_lt(admin_query_parse_seconds(text, &seconds), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("admin_query");
	TCase *times = tcase_create("times");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(times, times_are_read);
	tcase_add_test(times, the_longest_time_is_that_of_the_list);
	suite_add_tcase(suite, times);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
