/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of base/log_syslog: what a syslog daemon receives, and what is said when there is
 * none.
 */
#include "base/log_syslog.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

static char directory[] = "/tmp/check_log_syslog.XXXXXX";
static char path[64];
static struct log_syslog target;

static void set_up(void)
{
	strcpy(strrchr(directory, '.'), ".XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/log", directory);
	target = (struct log_syslog)LOG_SYSLOG_CLOSED;
}

static void tear_down(void)
{
	log_syslog_close(&target);
	unlink(path);
	rmdir(directory);
}

/* The socket of a syslog daemon. */
static int serve(int type)
{
	const struct timeval patience = {.tv_sec = 20};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	strcpy(addr.sun_path, path);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(fd, 0), 0);
	return fd;
}

static void stop_serving(int fd)
{
	close(fd);
	unlink(path);
}

static bool send_text(enum log_level level, const char *text)
{
	return log_syslog_send(&target, level, text, strlen(text));
}

static void expect_record(int fd, const char *expected)
{
	static char record[8192];
	ssize_t got = recv(fd, record, sizeof(record) - 1, 0);

	ck_assert_int_gt(got, 0);
	record[got] = '\0';
	ck_assert_uint_eq(strlen(record), (size_t)got);
	/* The time is checked elsewhere. */
	ck_assert_uint_gt(strlen(record), strlen("<30>Nov 21 17:22:47 "));
	memmove(record + 4, record + strlen("<30>Nov 21 17:22:47 "),
		strlen(record + strlen("<30>Nov 21 17:22:47 ")) + 1);
	ck_assert_str_eq(record, expected);
}

static const char *with_pid(const char *priority, const char *text)
{
	static char record[8192];

	snprintf(record, sizeof(record), "%smmproxy[%d]: %s", priority, (int)getpid(), text);
	return record;
}

/* ---- records ---- */

START_TEST(each_level_has_its_priority)
{
	static const char *const priorities[] = {"<31>", "<30>", "<28>", "<27>"};
	int fd = serve(SOCK_DGRAM);

	ck_assert_int_eq(log_syslog_open(&target, path), 0);
	for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++) {
		ck_assert(send_text((enum log_level)level, "msg=\"100% of it\""));
		expect_record(fd, with_pid(priorities[level], "msg=\"100% of it\""));
	}
	close(fd);
}
END_TEST

/* The stamp is the local time of one of the seconds between. */
START_TEST(the_time_is_local)
{
	static const char *const zones[] = {"UTC0", "TST-5:30", "TST+7"};
	char record[256];
	char stamps[2][32];
	time_t seconds[2];
	int fd = serve(SOCK_DGRAM);
	ssize_t got;

	ck_assert_int_eq(setenv("TZ", zones[_i], 1), 0);
	ck_assert_int_eq(log_syslog_open(&target, path), 0);
	do {
		seconds[0] = time(NULL);
		ck_assert(send_text(LOG_LEVEL_INFO, "x"));
		got = recv(fd, record, sizeof(record) - 1, 0);
		ck_assert_int_gt(got, 0);
		record[got] = '\0';
		seconds[1] = time(NULL);
	} while (seconds[1] - seconds[0] > 1);
	for (int i = 0; i < 2; i++)
		strftime(stamps[i], sizeof(stamps[i]), "<30>%b %e %T ", localtime(&seconds[i]));
	ck_assert_msg(strncmp(record, stamps[0], strlen(stamps[0])) == 0 ||
			  strncmp(record, stamps[1], strlen(stamps[1])) == 0,
		      "%s is neither %s nor %s", record, stamps[0], stamps[1]);
	close(fd);
}
END_TEST

START_TEST(the_longest_line_arrives_whole)
{
	static char longest[LOG_LINE_MAX];
	int fd = serve(SOCK_DGRAM);

	memset(longest, 'x', sizeof(longest) - 1);
	ck_assert_int_eq(log_syslog_open(&target, path), 0);
	ck_assert(send_text(LOG_LEVEL_INFO, longest));
	expect_record(fd, with_pid("<30>", longest));
	close(fd);
}
END_TEST

START_TEST(a_stream_has_a_byte_0_behind_each_record)
{
	char records[512];
	size_t len = 0;
	int listener = serve(SOCK_STREAM);
	int fd;

	ck_assert_int_eq(log_syslog_open(&target, path), 0);
	fd = accept(listener, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert(send_text(LOG_LEVEL_INFO, "one"));
	ck_assert(send_text(LOG_LEVEL_WARN, "two"));
	while (len == 0 || memmem(records, len, "]: two", sizeof("]: two")) == NULL) {
		ssize_t got = recv(fd, records + len, sizeof(records) - len, 0);

		ck_assert_int_gt(got, 0);
		len += (size_t)got;
	}
	ck_assert_ptr_nonnull(memmem(records, len, "]: one", sizeof("]: one")));
	ck_assert_int_eq(strncmp(records, "<30>", 4), 0);
	ck_assert_int_eq(strncmp(records + strlen(records) + 1, "<28>", 4), 0);
	ck_assert_uint_eq(strlen(records) + 1 + strlen(records + strlen(records) + 1) + 1, len);
	close(fd);
	close(listener);
}
END_TEST

/* ---- no syslog ---- */

START_TEST(a_syslog_that_is_not_there_is_an_error)
{
	char too_long[200];
	int fd;

	/* What was there before is not looked at. */
	fd = dup(STDERR_FILENO);
	target.fd = fd;
	ck_assert_int_eq(log_syslog_open(&target, path), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(close(fd), 0);
	/* What is left of a daemon that has ended. */
	fd = serve(SOCK_DGRAM);
	close(fd);
	ck_assert_int_eq(log_syslog_open(&target, path), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	ck_assert_int_eq(log_syslog_open(&target, too_long), -1);
	ck_assert_int_eq(errno, ENAMETOOLONG);
	ck_assert_int_eq(target.fd, -1);
}
END_TEST

START_TEST(a_syslog_that_is_started_anew_misses_nothing)
{
	int fd = serve(SOCK_DGRAM);

	ck_assert_int_eq(log_syslog_open(&target, path), 0);
	ck_assert(send_text(LOG_LEVEL_INFO, "one"));
	stop_serving(fd);
	fd = serve(SOCK_DGRAM);
	ck_assert(send_text(LOG_LEVEL_INFO, "two"));
	expect_record(fd, with_pid("<30>", "two"));
	close(fd);
}
END_TEST

START_TEST(a_stream_that_is_started_anew_misses_nothing)
{
	int listener = serve(SOCK_STREAM);
	int fd;

	ck_assert_int_eq(log_syslog_open(&target, path), 0);
	fd = accept(listener, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	close(fd);
	stop_serving(listener);
	/* The next one may take datagrams. */
	fd = serve(SOCK_DGRAM);
	ck_assert(send_text(LOG_LEVEL_INFO, "two"));
	expect_record(fd, with_pid("<30>", "two"));
	close(fd);
}
END_TEST

START_TEST(a_line_without_a_syslog_is_said_to_be_lost)
{
	int fd = serve(SOCK_DGRAM);

	ck_assert_int_eq(log_syslog_open(&target, path), 0);
	stop_serving(fd);
	for (int i = 0; i < 3; i++)
		ck_assert(!send_text(LOG_LEVEL_INFO, "lost"));
	fd = serve(SOCK_DGRAM);
	ck_assert(send_text(LOG_LEVEL_INFO, "here"));
	expect_record(fd, with_pid("<30>", "here"));
	close(fd);
}
END_TEST

/* A connection that would be waited for is an error: who opens the log is the main thread. */
START_TEST(a_stream_that_accepts_nobody_is_not_waited_for)
{
	struct log_syslog others[4];
	int listener = serve(SOCK_STREAM);
	int failed = 0;

	for (int i = 0; i < 4; i++) {
		others[i] = (struct log_syslog)LOG_SYSLOG_CLOSED;
		failed += log_syslog_open(&others[i], path) < 0;
	}
	ck_assert_int_gt(failed, 0);
	for (int i = 0; i < 4; i++)
		log_syslog_close(&others[i]);
	close(listener);
}
END_TEST

static void *fill(void *arg)
{
	bool *went = arg;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	while (send_text(LOG_LEVEL_INFO, "one of many"))
		;
	*went = false;
	return NULL;
}

START_TEST(one_who_waits_can_be_cancelled)
{
	int fd = serve(SOCK_DGRAM);
	bool went = true;
	pthread_t thread;
	void *result;

	ck_assert_int_eq(log_syslog_open(&target, path), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, fill, &went), 0);
	if (_i == 0) {
		ck_assert_int_eq(pthread_cancel(thread), 0);
		ck_assert_int_eq(pthread_join(thread, &result), 0);
		ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	} else {
		/* It also waits no longer when syslog ends. */
		stop_serving(fd);
		ck_assert_int_eq(pthread_join(thread, &result), 0);
		ck_assert(!went);
	}
	if (_i == 0)
		close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_syslog");
	TCase *records = tcase_create("records");
	TCase *none = tcase_create("none");
	SRunner *runner;
	int failed;

	tcase_set_timeout(records, 60);
	tcase_set_timeout(none, 60);
	tcase_add_checked_fixture(records, set_up, tear_down);
	tcase_add_checked_fixture(none, set_up, tear_down);
	tcase_add_test(records, each_level_has_its_priority);
	tcase_add_loop_test(records, the_time_is_local, 0, 3);
	tcase_add_test(records, the_longest_line_arrives_whole);
	tcase_add_test(records, a_stream_has_a_byte_0_behind_each_record);
	tcase_add_test(none, a_syslog_that_is_not_there_is_an_error);
	tcase_add_test(none, a_syslog_that_is_started_anew_misses_nothing);
	tcase_add_test(none, a_stream_that_is_started_anew_misses_nothing);
	tcase_add_test(none, a_line_without_a_syslog_is_said_to_be_lost);
	tcase_add_test(none, a_stream_that_accepts_nobody_is_not_waited_for);
	tcase_add_loop_test(none, one_who_waits_can_be_cancelled, 0, 2);
	suite_add_tcase(suite, records);
	suite_add_tcase(suite, none);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
