/* SPDX-License-Identifier: BSD-2-Clause */
/* An examination that runs out of memory or of time. */
#include "doctor/doctor.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_conf.h"

/* Enough for all that is read, little enough to be repeated. */
#define TOTAL_MS 300

/* Allocations that succeed before one fails; negative: all do. */
static int left = -1;

void *__real_calloc(size_t count, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);
char *__wrap_strdup(const char *text);

static bool fails(void)
{
	return left >= 0 && left-- == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(block, count, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

static struct conf *load(const char *listeners)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf;
	char text[4096];

	snprintf(text, sizeof(text), "listeners = ( %s );", listeners);
	conf = conf_load(conf_write("t.conf", text), errors);
	ck_assert_msg(conf != NULL, "%s: %s", listeners, conf_errors_text(errors, 0));
	conf_errors_free(errors);
	return conf;
}

static unsigned count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

/* Every allocation in turn: there is a whole report, or none, and nothing stays open. */
START_TEST(each_allocation_may_fail)
{
	const struct doctor_limits limits = {.total_ms = TOTAL_MS};
	struct conf *conf =
	    load("{ name = \"a\"; listen = \"127.0.0.1:7000\"; targets = { ipv4 = "
		 "\"127.0.0.1:9\"; }; }, { name = \"b\"; listen = \"127.0.0.1:7001\"; protocol = "
		 "\"udp\"; allowed_subnets = [ \"127.0.0.1\" ]; targets = { ipv4 = "
		 "\"127.0.0.1:9\"; }; }");
	unsigned before = count_descriptors();
	bool failed = true;
	int tries;

	for (tries = 0; failed && tries < 1000; tries++) {
		struct doctor_report *report;

		left = tries;
		report = doctor_examine(conf, &limits);
		failed = left < 0;
		left = -1;
		/* What is not known for want of memory is not said; what is said is whole. */
		ck_assert(failed || report != NULL);
		if (report != NULL)
			ck_assert_uint_ge(doctor_report_count(report), 3);
		doctor_report_free(report);
		ck_assert_uint_eq(count_descriptors(), before);
	}
	ck_assert(!failed);
	ck_assert_int_gt(tries, 10);
	conf_unref(conf);
}
END_TEST

START_TEST(without_time_it_is_said_what_was_not_looked_at)
{
	const struct doctor_limits limits = {.total_ms = 0};
	struct conf *conf = load("{ name = \"a\"; listen = \"127.0.0.1:7000\"; targets = { ipv4 = "
				 "\"127.0.0.1:9\"; }; }");
	struct doctor_report *report = doctor_examine(conf, &limits);
	bool found = false;

	ck_assert_ptr_nonnull(report);
	for (size_t i = 0; i < doctor_report_count(report); i++) {
		const struct doctor_finding *finding = doctor_report_get(report, i);

		found |= finding->cause == DOCTOR_NOT_EXAMINED && finding->listener != NULL;
		/* Nothing is said to be wrong that was not looked at. */
		if (finding->listener != NULL)
			ck_assert_int_ne(finding->level, DOCTOR_FAIL);
	}
	ck_assert(found);
	doctor_report_free(report);
	conf_unref(conf);
}
END_TEST

static Suite *doctor_suite(void)
{
	Suite *suite = suite_create("doctor");
	TCase *tcase = tcase_create("doctor");

	tcase_add_checked_fixture(tcase, conf_dir_setup, conf_dir_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, each_allocation_may_fail);
	tcase_add_test(tcase, without_time_it_is_said_what_was_not_looked_at);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(doctor_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
