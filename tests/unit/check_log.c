/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of base/log, base/log_limit, base/reason and base/stats. */
#include "base/log.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/log_limit.h"
#include "base/reason.h"
#include "base/stats.h"

static char directory[] = "/tmp/check_log.XXXXXX";
static char path[PATH_MAX];
static char text[65536];

static void set_up(void)
{
	strcpy(strrchr(directory, '.'), ".XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/log", directory);
}

static void tear_down(void)
{
	log_close();
	unlink(path);
	rmdir(directory);
}

static const char *read_file(const char *name)
{
	FILE *file = fopen(name, "r");
	size_t len;

	ck_assert_ptr_nonnull(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

/*
 * The log without the time of its (only) line, which must look like one and stand behind the level.
 */
static const char *read_line(void)
{
	char *start;
	char *end;

	read_file(path);
	start = strstr(text, text[0] == '{' ? ",\"time\":\"" : " time=");
	ck_assert_ptr_nonnull(start);
	ck_assert_ptr_eq(start, strpbrk(text, " ,"));
	end = strchr(start, 'Z');
	ck_assert_ptr_nonnull(end);
	/* 2026-11-21T17:22:47.123Z */
	ck_assert_ptr_eq(end - 13, strchr(start, 'T'));
	end += text[0] == '{' ? 2 : 1;
	memmove(start, end, strlen(end) + 1);
	ck_assert_uint_gt(strlen(text), 0);
	ck_assert_int_eq(text[strlen(text) - 1], '\n');
	text[strlen(text) - 1] = '\0';
	return text;
}

static void write_line(enum log_format format)
{
	struct log_line line;
	struct addr addr;

	ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, format), 0);
	ck_assert_int_eq(addr_parse(&addr, "[2001:db8::1]:80"), 0);
	log_line_begin(&line, LOG_LEVEL_WARN);
	log_line_str(&line, "plain", "word");
	log_line_str(&line, "spaced", "two words");
	log_line_str(&line, "none", NULL);
	log_line_str(&line, "empty", "");
	log_line_bytes(&line, "evil", "a\"b\\c\n\0\xff", 8);
	log_line_addr(&line, "addr", &addr);
	log_line_u64(&line, "number", UINT64_MAX);
	log_line_end(&line);
}

START_TEST(test_text)
{
	write_line(LOG_FORMAT_TEXT);
	ck_assert_str_eq(read_line(), "warn plain=word spaced=\"two words\" none=- empty=\"\" "
				      "evil=\"a\\\"b\\\\c\\x0a\\x00\\xff\" addr=[2001:db8::1]:80 "
				      "number=18446744073709551615");
}
END_TEST

START_TEST(test_json)
{
	write_line(LOG_FORMAT_JSON);
	ck_assert_str_eq(
	    read_line(),
	    "{\"level\":\"warn\",\"plain\":\"word\",\"spaced\":\"two words\","
	    "\"none\":\"-\",\"empty\":\"\",\"evil\":\"a\\\"b\\\\c\\\\x0a\\\\x00\\\\xff\","
	    "\"addr\":\"[2001:db8::1]:80\",\"number\":18446744073709551615}");
}
END_TEST

START_TEST(test_level_hides)
{
	ck_assert_int_eq(log_open(path, LOG_LEVEL_WARN, LOG_FORMAT_TEXT), 0);
	ck_assert(!log_enabled(LOG_LEVEL_INFO));
	ck_assert(log_enabled(LOG_LEVEL_ERROR));
	log_msg(LOG_LEVEL_INFO, "hidden");
	ck_assert_str_eq(read_file(path), "");
	log_msg(LOG_LEVEL_ERROR, "shown %d", 1);
	ck_assert_str_eq(read_line(), "error msg=\"shown 1\"");
}
END_TEST

START_TEST(test_long_line_is_cut_at_a_field)
{
	for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
		struct log_line line;
		char value[LOG_LINE_MAX];
		size_t len;

		ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, (enum log_format)format), 0);
		ck_assert_int_eq(truncate(path, 0), 0);
		memset(value, 'x', sizeof(value));
		log_line_begin(&line, LOG_LEVEL_INFO);
		log_line_str(&line, "short", "kept");
		log_line_bytes(&line, "long", value, sizeof(value));
		log_line_bytes(&line, "escaped", "\n\n\n\n", 4);
		log_line_end(&line);
		len = strlen(read_file(path));
		ck_assert_uint_le(len, LOG_LINE_MAX);
		ck_assert_ptr_null(strstr(text, "xxx"));
		ck_assert_ptr_nonnull(strstr(text, "kept"));
		ck_assert_ptr_nonnull(strstr(text, "x0a"));
		ck_assert_ptr_nonnull(strstr(text, "time"));
		ck_assert_int_eq(text[len - 1], '\n');
	}
}
END_TEST

START_TEST(test_every_length_near_the_limit_closes_the_object)
{
	for (size_t len = LOG_LINE_MAX - 200; len < LOG_LINE_MAX; len++) {
		struct log_line line;
		char value[LOG_LINE_MAX];

		ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, LOG_FORMAT_JSON), 0);
		ck_assert_int_eq(truncate(path, 0), 0);
		memset(value, 'x', sizeof(value));
		log_line_begin(&line, LOG_LEVEL_INFO);
		log_line_bytes(&line, "long", value, len);
		log_line_u64(&line, "number", 5);
		log_line_end(&line);
		read_file(path);
		ck_assert_uint_le(strlen(text), LOG_LINE_MAX);
		ck_assert_int_eq(text[strlen(text) - 2], '}');
	}
}
END_TEST

START_TEST(test_reopen_follows_the_name)
{
	char moved[PATH_MAX + 2];

	snprintf(moved, sizeof(moved), "%s.1", path);
	ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
	log_msg(LOG_LEVEL_INFO, "first");
	ck_assert_int_eq(rename(path, moved), 0);
	log_msg(LOG_LEVEL_INFO, "second");
	ck_assert_int_eq(log_reopen(), 0);
	log_msg(LOG_LEVEL_INFO, "third");
	read_file(moved);
	ck_assert_ptr_nonnull(strstr(text, "first"));
	ck_assert_ptr_nonnull(strstr(text, "second"));
	ck_assert_str_eq(read_line(), "info msg=third");
	unlink(moved);
}
END_TEST

START_TEST(test_reopen_failure_keeps_the_file)
{
	ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
	unlink(path);
	rmdir(directory);
	ck_assert_int_eq(log_reopen(), -1);
	log_msg(LOG_LEVEL_INFO, "still no harm");
}
END_TEST

START_TEST(test_open_failure_keeps_the_target)
{
	ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
	ck_assert_int_eq(log_open("/nonexistent/log", LOG_LEVEL_INFO, LOG_FORMAT_TEXT), -1);
	log_msg(LOG_LEVEL_INFO, "here");
	ck_assert_str_eq(read_line(), "info msg=here");
}
END_TEST

/* This host may have no syslog: then opening it says so, and the file stays. */
START_TEST(test_syslog_is_there_or_not)
{
	bool is_there;

	ck_assert_str_eq(log_place("syslog"), "/dev/log");
	ck_assert_str_eq(log_place(path), path);
	ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
	is_there = log_open("syslog", LOG_LEVEL_INFO, LOG_FORMAT_TEXT) == 0;
	log_msg(LOG_LEVEL_INFO, "a test of mmproxy");
	ck_assert_int_eq(log_reopen(), 0);
	if (is_there)
		ck_assert_str_eq(read_file(path), "");
	else
		ck_assert_str_eq(read_line(), "info msg=\"a test of mmproxy\"");
}
END_TEST

START_TEST(test_level_names)
{
	for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++)
		ck_assert_int_eq(log_level_parse(log_level_name((enum log_level)level)), level);
	ck_assert_int_eq(log_level_parse("loud"), -1);
}
END_TEST

START_TEST(test_limit)
{
	struct log_limit limit;
	unsigned passed = 0;

	log_limit_init(&limit);
	for (int i = 0; i < 100; i++)
		passed += log_limit_pass(&limit, 5000);
	ck_assert_uint_eq(passed, LOG_LIMIT_LINES);
	ck_assert_uint_eq(log_limit_take(&limit, 5999), 0);
	ck_assert_uint_eq(log_limit_take(&limit, 6000), 90);
	ck_assert_uint_eq(log_limit_take(&limit, 6000), 0);
	ck_assert(log_limit_pass(&limit, 6001));
	for (int i = 0; i < 10; i++)
		(void)log_limit_pass(&limit, 6002);
	ck_assert_uint_eq(log_limit_take(&limit, LOG_LIMIT_NOW), 1);
	log_limit_fini(&limit);
}
END_TEST

START_TEST(test_reasons_have_names_of_their_own)
{
	for (size_t i = 0; i < REASON_COUNT; i++) {
		enum close_reason reason = (enum close_reason)i;

		ck_assert_ptr_nonnull(reason_name(reason));
		ck_assert_uint_gt(strlen(reason_sentence(reason)), strlen("short"));
		ck_assert(reason == REASON_HEALTH_CHECK
			      ? reason_level(reason) == LOG_LEVEL_DEBUG
			      : reason_level(reason) == LOG_LEVEL_INFO ||
				    reason_level(reason) == LOG_LEVEL_WARN);
		/* A check neither hides a failure nor what mmproxy does. */
		ck_assert(reason_of_check(reason) == reason ||
			  (reason_of_check(reason) == REASON_HEALTH_CHECK &&
			   reason_level(reason) == LOG_LEVEL_INFO));
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(reason_name(reason), reason_name((enum close_reason)j));
	}
	ck_assert_str_eq(reason_name(REASON_OUT_OF_DESCRIPTORS), "out_of_descriptors");
	ck_assert_int_eq(reason_of_check(REASON_DONE), REASON_HEALTH_CHECK);
	ck_assert_int_eq(reason_of_check(REASON_SHUTDOWN), REASON_SHUTDOWN);
}
END_TEST

START_TEST(test_stats_add_up)
{
	struct stats part = {0};
	struct stats sum = {0};

	stats_add(&part.opened, 3);
	stats_add(&part.closed[REASON_DONE], 2);
	stats_add(&part.bytes[STATS_DOWN], 1000);
	stats_add(&part.source_fallbacks, 1);
	stats_sum(&sum, &part);
	stats_sum(&sum, &part);
	ck_assert_uint_eq(stats_get(&sum.opened), 6);
	ck_assert_uint_eq(stats_get(&sum.closed[REASON_DONE]), 4);
	ck_assert_uint_eq(stats_get(&sum.closed[REASON_INTERNAL]), 0);
	ck_assert_uint_eq(stats_get(&sum.bytes[STATS_DOWN]), 2000);
	ck_assert_uint_eq(stats_get(&sum.source_fallbacks), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_text);
	tcase_add_test(tcase, test_json);
	tcase_add_test(tcase, test_level_hides);
	tcase_add_test(tcase, test_long_line_is_cut_at_a_field);
	tcase_add_test(tcase, test_every_length_near_the_limit_closes_the_object);
	tcase_add_test(tcase, test_reopen_follows_the_name);
	tcase_add_test(tcase, test_reopen_failure_keeps_the_file);
	tcase_add_test(tcase, test_open_failure_keeps_the_target);
	tcase_add_test(tcase, test_syslog_is_there_or_not);
	tcase_add_test(tcase, test_level_names);
	tcase_add_test(tcase, test_limit);
	tcase_add_test(tcase, test_reasons_have_names_of_their_own);
	tcase_add_test(tcase, test_stats_add_up);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
