/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of daemon/checkup_news. */
#include "daemon/checkup_news.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/log.h"

static char path[] = "/tmp/check_checkup_news.XXXXXX";
static struct checkup_news *news;
static bool has_failed;
static struct netset *open_set;
static struct conf_listener listeners[2];
static struct conf conf = {.listeners = listeners, .listeners_count = 2};

static void set_up(void)
{
	int fd;

	strcpy(strrchr(path, '.'), ".XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(log_open(path, LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT), 0);
	listeners[0] = (struct conf_listener){.name = (char *)"a"};
	listeners[1] = (struct conf_listener){.name = (char *)"b"};
	open_set = netset_new();
	news = checkup_news_new();
	ck_assert_ptr_nonnull(news);
	ck_assert_ptr_nonnull(open_set);
}

static void tear_down(void)
{
	checkup_news_free(news);
	netset_free(open_set);
	log_close();
	unlink(path);
}

/* Lines of the log that hold the text. */
static unsigned lines(const char *text)
{
	FILE *file = fopen(path, "r");
	char line[LOG_LINE_MAX + 1];
	unsigned count = 0;

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL)
		count += strstr(line, text) != NULL;
	fclose(file);
	return count;
}

static struct doctor_report *report_new(void)
{
	struct doctor_report *report = doctor_report_new();

	ck_assert_ptr_nonnull(report);
	return report;
}

static void add(struct doctor_report *report, enum doctor_level level, enum doctor_cause cause,
		const char *listener, unsigned port)
{
	struct doctor_finding finding = {.level = level,
					 .cause = cause,
					 .listener = listener,
					 .sentence = "it is broken",
					 .mend = "true"};
	char target[32];

	snprintf(target, sizeof(target), "127.0.0.1:%u", port);
	ck_assert_int_eq(addr_parse(&finding.target, target), 0);
	doctor_report_add(report, &finding);
}

static void tell(struct doctor_report *report)
{
	ck_assert_int_eq(checkup_news_tell(news, &conf, report, has_failed), 0);
	doctor_report_free(report);
}

static void tell_one(enum doctor_level level, enum doctor_cause cause, const char *listener,
		     unsigned port)
{
	struct doctor_report *report = report_new();

	add(report, level, cause, listener, port);
	tell(report);
}

START_TEST(a_line_has_the_sentence_the_cause_and_the_command)
{
	tell_one(DOCTOR_FAIL, DOCTOR_RULE_MISSING, "a", 80);
	ck_assert_uint_eq(
	    lines("msg=\"listener a: it is broken (rule_missing); to mend it: true\""), 1);
	tell_one(DOCTOR_WARN, DOCTOR_ROUTE_LOCALNET, NULL, 80);
	ck_assert_uint_eq(lines("msg=\"it is broken (route_localnet); to mend it: true\""), 1);
	ck_assert_uint_eq(lines("warn "), 2);
}
END_TEST

START_TEST(what_stays_is_said_once)
{
	for (int i = 0; i < 3; i++)
		tell_one(DOCTOR_FAIL, DOCTOR_RULE_MISSING, "a", 80);
	ck_assert_uint_eq(lines("rule_missing"), 1);
	/* Another listener, target, cause or level is another finding. */
	tell_one(DOCTOR_FAIL, DOCTOR_RULE_MISSING, "b", 80);
	tell_one(DOCTOR_FAIL, DOCTOR_RULE_MISSING, "b", 81);
	tell_one(DOCTOR_FAIL, DOCTOR_FIREWALL_DROP, "b", 81);
	tell_one(DOCTOR_WARN, DOCTOR_FIREWALL_DROP, "b", 81);
	ck_assert_uint_eq(lines("warn "), 5);
}
END_TEST

START_TEST(what_comes_back_is_said_again)
{
	tell_one(DOCTOR_FAIL, DOCTOR_RULE_MISSING, "a", 80);
	tell_one(DOCTOR_OK, DOCTOR_FINE, "a", 80);
	tell_one(DOCTOR_FAIL, DOCTOR_RULE_MISSING, "a", 80);
	ck_assert_uint_eq(lines("rule_missing"), 2);
	checkup_news_forget(news);
	tell_one(DOCTOR_FAIL, DOCTOR_RULE_MISSING, "a", 80);
	ck_assert_uint_eq(lines("rule_missing"), 3);
	ck_assert_uint_eq(lines("fine"), 0);
}
END_TEST

/* Two of them as well, with the same cause. */
START_TEST(many_are_counted)
{
	for (int round = 0; round < 2; round++) {
		struct doctor_report *report = report_new();

		for (unsigned i = 0; i < CHECKUP_NEWS_MAX + 5; i++)
			add(report, DOCTOR_FAIL, DOCTOR_BACKEND_DOWN, "a", 80 + i);
		tell(report);
	}
	ck_assert_uint_eq(lines("backend_down"), CHECKUP_NEWS_MAX);
	ck_assert_uint_eq(lines("5 more: mmproxy --check-routing"), 1);
}
END_TEST

START_TEST(what_the_daemon_knows_or_may_not_look_at_is_left_out)
{
	static const enum doctor_cause causes[] = {DOCTOR_NO_CAPABILITY, DOCTOR_USER_MISSING,
						   DOCTOR_ROUTES_AT_START, DOCTOR_NOT_PERMITTED,
						   DOCTOR_NOT_EXAMINED};

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		tell_one(DOCTOR_WARN, causes[i], "a", 80);
	tell_one(DOCTOR_WARN, DOCTOR_OPEN_TO_ALL, "a", 80);
	tell_one(DOCTOR_WARN, DOCTOR_BEHIND_DOCKER_PROXY, "a", 80);
	ck_assert_uint_eq(lines(""), 0);
	tell_one(DOCTOR_FAIL, DOCTOR_BEHIND_DOCKER_PROXY, "a", 80);
	ck_assert_uint_eq(lines("docker"), 1);
	/* The start warns of a list that is absent, not of one that has everybody. */
	listeners[0].allowed_subnets = open_set;
	tell_one(DOCTOR_WARN, DOCTOR_OPEN_TO_ALL, "b", 80);
	tell_one(DOCTOR_WARN, DOCTOR_OPEN_TO_ALL, "a", 80);
	ck_assert_uint_eq(lines("open_to_all"), 1);
}
END_TEST

START_TEST(what_need_not_be_a_mistake_is_said_when_something_failed)
{
	has_failed = false;
	tell_one(DOCTOR_WARN, DOCTOR_ANSWERS_ELSEWHERE, "a", 80);
	ck_assert_uint_eq(lines(""), 0);
	has_failed = true;
	tell_one(DOCTOR_WARN, DOCTOR_ANSWERS_ELSEWHERE, "a", 80);
	tell_one(DOCTOR_WARN, DOCTOR_ANSWERS_ELSEWHERE, "a", 80);
	ck_assert_uint_eq(lines("answers_elsewhere"), 1);
}
END_TEST

static Suite *checkup_news_suite(void)
{
	Suite *suite = suite_create("checkup_news");
	TCase *tcase = tcase_create("checkup_news");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_line_has_the_sentence_the_cause_and_the_command);
	tcase_add_test(tcase, what_stays_is_said_once);
	tcase_add_test(tcase, what_comes_back_is_said_again);
	tcase_add_test(tcase, many_are_counted);
	tcase_add_test(tcase, what_the_daemon_knows_or_may_not_look_at_is_left_out);
	tcase_add_test(tcase, what_need_not_be_a_mistake_is_said_when_something_failed);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(checkup_news_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
