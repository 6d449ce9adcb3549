/* SPDX-License-Identifier: BSD-2-Clause */
/* Rates of listeners, from samples that are taken once a second or later. */
#include "daemon/rates.h"

#include <stdlib.h>

#include <check.h>

static struct conf *conf;
static struct roster roster;
static struct rates *rates;
static struct ledger *ledger;

static void set_up(void)
{
	struct conf_errors *errors = conf_errors_new();
	static const struct conf_flag flags[] = {{"l", "127.0.0.1:7000"}};

	conf = conf_from_flags(flags, 1, errors);
	ck_assert_ptr_nonnull(conf);
	conf_errors_free(errors);
	roster_init(&roster, 2, NULL);
	ck_assert_int_eq(roster_prepare(&roster, conf), 0);
	roster_commit(&roster, conf);
	ledger = TAILQ_FIRST(&roster.entries)->ledger;
	rates = rates_new();
	ck_assert_ptr_nonnull(rates);
}

static void tear_down(void)
{
	rates_free(rates);
	roster_fini(&roster);
	conf_unref(conf);
}

START_TEST(one_sample_is_no_rate)
{
	struct rate rate;

	ck_assert(!rates_find(rates, ledger, &rate));
	rates_sample(rates, &roster, 1000);
	ck_assert(!rates_find(rates, ledger, &rate));
	/* Nor are two of one moment. */
	rates_sample(rates, &roster, 1000);
	ck_assert(!rates_find(rates, ledger, &rate));
	rates_sample(rates, &roster, 2000);
	ck_assert(rates_find(rates, ledger, &rate));
	ck_assert_uint_eq(rate.opened, 0);
}
END_TEST

START_TEST(workers_are_added_up)
{
	struct rate rate;

	rates_sample(rates, &roster, 1000);
	stats_add(&ledger_stats(ledger, 0)->stats.opened, 30);
	stats_add(&ledger_stats(ledger, 1)->stats.opened, 10);
	stats_add(&ledger_stats(ledger, 1)->stats.bytes[STATS_UP], 4001);
	stats_add(&ledger_stats(ledger, 0)->stats.bytes[STATS_DOWN], 4002);
	stats_add(&ledger_stats(ledger, 0)->stats.closed[REASON_DONE], 100);
	stats_add(&ledger_stats(ledger, 0)->stats.closed[REASON_BACKEND_REFUSED], 8);
	/* A sample that comes late is worth what it is. */
	rates_sample(rates, &roster, 5000);
	ck_assert(rates_find(rates, ledger, &rate));
	ck_assert_uint_eq(rate.opened, 10);
	ck_assert_uint_eq(rate.bytes[STATS_UP], 1000);
	ck_assert_uint_eq(rate.bytes[STATS_DOWN], 1001);
	ck_assert_uint_eq(rate.failures, 2);
}
END_TEST

START_TEST(only_the_last_ten_seconds_count)
{
	struct rate rate;

	rates_sample(rates, &roster, 0);
	stats_add(&ledger_stats(ledger, 0)->stats.opened, 1000);
	for (int64_t s = 1; s <= 10; s++) {
		rates_sample(rates, &roster, s * 1000);
		ck_assert(rates_find(rates, ledger, &rate));
		ck_assert_uint_eq(rate.opened, (uint64_t)((1000 + s / 2) / s));
	}
	for (int64_t s = 11; s <= 40; s++) {
		rates_sample(rates, &roster, s * 1000);
		ck_assert(rates_find(rates, ledger, &rate));
		ck_assert_uint_eq(rate.opened, 0);
	}
}
END_TEST

START_TEST(a_listener_that_has_gone_is_forgotten)
{
	struct roster nobody;
	struct rate rate;

	roster_init(&nobody, 2, NULL);
	rates_sample(rates, &roster, 1000);
	rates_sample(rates, &roster, 2000);
	ck_assert(rates_find(rates, ledger, &rate));
	rates_sample(rates, &nobody, 3000);
	ck_assert(!rates_find(rates, ledger, &rate));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rates");
	TCase *tcase = tcase_create("rates");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, one_sample_is_no_rate);
	tcase_add_test(tcase, workers_are_added_up);
	tcase_add_test(tcase, only_the_last_ten_seconds_count);
	tcase_add_test(tcase, a_listener_that_has_gone_is_forgotten);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
