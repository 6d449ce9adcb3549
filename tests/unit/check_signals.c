/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of daemon/signals. */
#include "daemon/signals.h"

#include <signal.h>
#include <stdlib.h>

#include <check.h>

/* As many as one read of libevent's takes, and more. */
#define STORM 3000

#define REQUESTS (SIGNALS_LEAVE + 1)

static struct event_base *base;
static struct signals *signals;
static unsigned seen[REQUESTS];

static void on_request(enum signals_request request, void *arg)
{
	ck_assert_ptr_eq(arg, seen);
	seen[request]++;
}

static void set_up(void)
{
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	signals = signals_new(base, on_request, seen);
	ck_assert_ptr_nonnull(signals);
	for (size_t i = 0; i < REQUESTS; i++)
		seen[i] = 0;
}

static void tear_down(void)
{
	signals_free(signals);
	event_base_free(base);
}

static void raise_often(int number, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		ck_assert_int_eq(raise(number), 0);
}

struct work {
	int number;
	enum signals_request request;
};

static const struct work work[] = {
    {SIGHUP, SIGNALS_RELOAD}, {SIGUSR1, SIGNALS_REOPEN_LOGS}, {SIGUSR2, SIGNALS_UPGRADE}};

enum { WORK = sizeof(work) / sizeof(work[0]) };

/* Each handler has run when raise() returns, so that the loop finds all of them. */
START_TEST(test_a_storm_is_done_at_once_and_once_more)
{
	const struct work *one = &work[_i];

	raise_often(one->number, STORM);
	while (seen[one->request] == 0)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_uint_eq(seen[one->request], 1);
	while (seen[one->request] < 2)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	/* The pause behind the second one is over, and nothing waited. */
	ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	ck_assert_uint_eq(seen[one->request], 2);
}
END_TEST

START_TEST(test_one_kind_does_not_wait_for_another)
{
	for (size_t i = 0; i < WORK; i++)
		raise_often(work[i].number, 1);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	for (size_t i = 0; i < WORK; i++)
		ck_assert_uint_eq(seen[work[i].request], 1);
}
END_TEST

START_TEST(test_what_waits_can_be_had_now)
{
	raise_often(SIGHUP, 2);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	signals_flush(signals);
	ck_assert_uint_eq(seen[SIGNALS_RELOAD], 2);
	signals_flush(signals);
	ck_assert_uint_eq(seen[SIGNALS_RELOAD], 2);
	ck_assert_uint_eq(seen[SIGNALS_REOPEN_LOGS], 0);
}
END_TEST

/* The second SIGTERM means more than the first. */
START_TEST(test_each_stop_counts)
{
	raise_often(SIGTERM, 2);
	raise_often(SIGINT, 1);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	ck_assert_uint_eq(seen[SIGNALS_STOP], 3);
}
END_TEST

START_TEST(test_a_stop_does_not_wait_for_work)
{
	raise_often(SIGHUP, STORM);
	raise_often(SIGTERM, 1);
	while (seen[SIGNALS_STOP] == 0)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_uint_le(seen[SIGNALS_RELOAD], 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("signals");
	TCase *tcase = tcase_create("signals");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_a_storm_is_done_at_once_and_once_more, 0, WORK);
	tcase_add_test(tcase, test_one_kind_does_not_wait_for_another);
	tcase_add_test(tcase, test_what_waits_can_be_had_now);
	tcase_add_test(tcase, test_each_stop_counts);
	tcase_add_test(tcase, test_a_stop_does_not_wait_for_work);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
