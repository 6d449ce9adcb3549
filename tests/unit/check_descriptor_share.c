/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of service/descriptor_share. */
#include "service/descriptor_share.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <check.h>

static struct descriptor_share share;
static struct rlimit before;

static void set_limit(rlim_t limit)
{
	const struct rlimit lower = {.rlim_cur = limit, .rlim_max = before.rlim_max};

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &lower), 0);
}

static void set_up(void)
{
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	set_limit(256);
	descriptor_share_init(&share);
	/* Half of the last eighth. */
	for (int i = 0; i < 16; i++)
		descriptor_share_enter(&share);
}

static void tear_down(void)
{
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}

START_TEST(test_the_last_eighth_is_not_for_flows)
{
	ck_assert(descriptor_share_allows(&share, 0));
	ck_assert(descriptor_share_allows(&share, 223));
	ck_assert(!descriptor_share_allows(&share, 224));
	ck_assert(!descriptor_share_allows(&share, 255));
}
END_TEST

START_TEST(test_few_flows_have_half_of_it)
{
	descriptor_share_leave(&share);
	ck_assert(descriptor_share_allows(&share, 239));
	ck_assert(!descriptor_share_allows(&share, 240));
	descriptor_share_enter(&share);
	ck_assert(!descriptor_share_allows(&share, 239));
}
END_TEST

START_TEST(test_a_raised_limit_is_seen)
{
	ck_assert(!descriptor_share_allows(&share, 400));
	set_limit(512);
	ck_assert(descriptor_share_allows(&share, 400));
	ck_assert(!descriptor_share_allows(&share, 480));
}
END_TEST

START_TEST(test_shortage_is_seen)
{
	int fds[256];
	int count = 0;

	ck_assert(!descriptor_share_is_short(&share));
	do {
		fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(fds[count], 0);
	} while (fds[count++] < 223);
	ck_assert(descriptor_share_is_short(&share));
	close(fds[0]);
	ck_assert(!descriptor_share_is_short(&share));
	/* Nor is one left for looking. */
	set_limit(100);
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert(descriptor_share_is_short(&share));
	while (count > 0)
		close(fds[--count]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("descriptor_share");
	TCase *tcase = tcase_create("descriptor_share");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_the_last_eighth_is_not_for_flows);
	tcase_add_test(tcase, test_few_flows_have_half_of_it);
	tcase_add_test(tcase, test_a_raised_limit_is_seen);
	tcase_add_test(tcase, test_shortage_is_seen);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
