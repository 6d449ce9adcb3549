/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of base/log_target: what lines carry on standard error, and in files. */
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

static char path[] = "/tmp/check_log_target.XXXXXX";
static char text[65536];

static void set_up(void)
{
	int fd;

	strcpy(strrchr(path, '.'), ".XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void tear_down(void)
{
	log_close();
	unlink(path);
}

static void read_file(void)
{
	FILE *file = fopen(path, "r");

	ck_assert_ptr_nonnull(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
}

/* Standard error is a file or a pipe, and JOURNAL_STREAM says this of it. */
enum journal_row { NO_JOURNAL, JOURNAL, OTHER_INODE, OTHER_DEVICE, MORE_BEHIND, NO_NUMBERS, ROWS };

static void name_journal(int fd, enum journal_row row)
{
	struct stat st;
	char name[96];

	ck_assert_int_eq(fstat(fd, &st), 0);
	snprintf(name, sizeof(name), "%llu:%llu%s",
		 (unsigned long long)st.st_dev + (row == OTHER_DEVICE),
		 (unsigned long long)st.st_ino + (row == OTHER_INODE),
		 row == MORE_BEHIND ? ":1" : "");
	if (row == NO_JOURNAL)
		ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	else
		ck_assert_int_eq(setenv("JOURNAL_STREAM", row == NO_NUMBERS ? "journal" : name, 1),
				 0);
}

/* What is logged to standard error while that is the descriptor. */
static void log_to(int fd, enum journal_row row, enum log_format format)
{
	int kept = dup(STDERR_FILENO);

	ck_assert_int_ge(kept, 0);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	name_journal(fd, row);
	ck_assert_int_eq(log_open("stderr", LOG_LEVEL_DEBUG, format), 0);
	log_msg(LOG_LEVEL_DEBUG, "one");
	log_msg(LOG_LEVEL_INFO, "two");
	log_msg(LOG_LEVEL_WARN, "three");
	log_msg(LOG_LEVEL_ERROR, "four");
	ck_assert_int_eq(dup2(kept, STDERR_FILENO), STDERR_FILENO);
	close(kept);
}

/* Every line has its time, which is taken out. */
static void take_times(const char *before, char quote)
{
	for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		char *start = strstr(line, before);
		char *end;

		ck_assert_msg(start != NULL && start < strchr(line, '\n'), "no time: %s", line);
		ck_assert_uint_eq(strspn(start + strlen(before), "0123456789-:.TZ"),
				  strlen("2026-11-21T17:22:47.123Z"));
		end = start + strlen(before) + strlen("2026-11-21T17:22:47.123Z");
		ck_assert_int_eq(end[-1], 'Z');
		end += *end == quote;
		memmove(start, end, strlen(end) + 1);
	}
}

START_TEST(standard_error_has_what_nobody_else_adds)
{
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	log_to(fd, (enum journal_row)_i, LOG_FORMAT_TEXT);
	read_file();
	if (_i != JOURNAL) {
		take_times(" time=", '\0');
		ck_assert_str_eq(text, "debug msg=one\ninfo msg=two\nwarn msg=three\n"
				       "error msg=four\n");
	} else {
		ck_assert_str_eq(text, "<7>debug msg=one\n<6>info msg=two\n<4>warn msg=three\n"
				       "<3>error msg=four\n");
	}
	close(fd);
}
END_TEST

START_TEST(json_on_standard_error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	log_to(fd, (enum journal_row)_i, LOG_FORMAT_JSON);
	read_file();
	if (_i != JOURNAL) {
		take_times(",\"time\":\"", '"');
		ck_assert_ptr_eq(strstr(text, "{\"level\":\"debug\",\"msg\":\"one\"}\n"), text);
	} else {
		ck_assert_ptr_eq(strstr(text, "<7>{\"level\":\"debug\",\"msg\":\"one\"}\n<6>{"),
				 text);
	}
	close(fd);
}
END_TEST

START_TEST(a_pipe_has_times)
{
	int ends[2];
	ssize_t got;

	ck_assert_int_eq(pipe(ends), 0);
	log_to(ends[1], (enum journal_row)_i, LOG_FORMAT_TEXT);
	got = read(ends[0], text, sizeof(text) - 1);
	ck_assert_int_gt(got, 0);
	text[got] = '\0';
	if (_i != JOURNAL)
		take_times(" time=", '\0');
	ck_assert_ptr_eq(strstr(text, _i == JOURNAL ? "<7>debug msg=one\n" : "debug msg=one\n"),
			 text);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(a_file_is_no_journal)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	name_journal(fd, JOURNAL);
	ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
	log_msg(LOG_LEVEL_INFO, "here");
	read_file();
	take_times(" time=", '\0');
	ck_assert_str_eq(text, "info msg=here\n");
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_target");
	TCase *stamps = tcase_create("stamps");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(stamps, set_up, tear_down);
	tcase_add_loop_test(stamps, standard_error_has_what_nobody_else_adds, 0, ROWS);
	tcase_add_loop_test(stamps, json_on_standard_error, 0, ROWS);
	tcase_add_loop_test(stamps, a_pipe_has_times, 0, ROWS);
	tcase_add_test(stamps, a_file_is_no_journal);
	suite_add_tcase(suite, stamps);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
