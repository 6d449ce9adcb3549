/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of base/log_target and base/log_writer. */
#include "base/log.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#define THREADS	    4
#define THREAD_MAX  20000
#define CROWD_LINES 5000

static char directory[] = "/tmp/check_log_writer.XXXXXX";
static char path[PATH_MAX];
static off_t start_offset; /* of the log in its file */

static void set_up(void)
{
	strcpy(strrchr(directory, '.'), ".XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/log", directory);
	start_offset = 0;
}

static void tear_down(void)
{
	log_close();
	unlink(path);
	rmdir(directory);
}

static void start(enum log_format format)
{
	ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, format), 0);
	ck_assert_int_eq(log_start_writer(), 0);
}

static const char *read_log(void)
{
	static char text[8192];
	FILE *file = fopen(path, "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseeko(file, start_offset, SEEK_SET), 0);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

/* The last 8 KiB of the log. */
static const char *read_tail(void)
{
	struct stat status;

	ck_assert_int_eq(stat(path, &status), 0);
	start_offset = status.st_size > 8000 ? status.st_size - 8000 : 0;
	return read_log();
}

/* ---- many threads ---- */

static void *log_many(void *arg)
{
	const unsigned *thread = arg;

	for (unsigned i = 0; i < CROWD_LINES; i++)
		log_msg(LOG_LEVEL_INFO, "thread %u line %u.", *thread, i);
	return NULL;
}

static void run_threads(void)
{
	static unsigned numbers[THREADS];
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		numbers[i] = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, log_many, &numbers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* What a log has: lines of each thread, which must be whole and in order, and those left out. */
struct crowd {
	unsigned next[THREADS];
	unsigned long lines;
	unsigned long left_out;
};

static void count_file(struct crowd *crowd, FILE *file)
{
	char line[512];
	char time[64];

	memset(crowd, 0, sizeof(*crowd));
	while (fgets(line, sizeof(line), file) != NULL) {
		unsigned thread;
		unsigned number;
		unsigned long missing;

		if (sscanf(line, "warn time=%63s msg=\"log lines were left out\" lines=%lu\n", time,
			   &missing) == 2) {
			crowd->left_out += missing;
			continue;
		}
		ck_assert_msg(sscanf(line, "info time=%63s msg=\"thread %u line %u.\"\n", time,
				     &thread, &number) == 3 &&
				  thread < THREADS && line[strlen(line) - 1] == '\n',
			      "torn: %s", line);
		ck_assert_uint_ge(number, crowd->next[thread]);
		crowd->next[thread] = number + 1;
		crowd->lines++;
	}
}

START_TEST(threads_do_not_tear_or_lose_lines)
{
	struct crowd crowd;
	uint64_t before = log_left_out();
	FILE *file;

	if (_i == 1)
		start(LOG_FORMAT_TEXT);
	else
		ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
	run_threads();
	log_close();
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	count_file(&crowd, file);
	fclose(file);
	ck_assert_uint_eq(crowd.lines + crowd.left_out, THREADS * CROWD_LINES);
	ck_assert_uint_eq(crowd.left_out, log_left_out() - before);
	if (_i == 0)
		ck_assert_uint_eq(crowd.left_out, 0);
}
END_TEST

/* ---- another target ---- */

static atomic_bool crowd_is_done;

static void *log_crowd(void *arg)
{
	(void)arg;
	run_threads();
	atomic_store(&crowd_is_done, true);
	return NULL;
}

static void count_more(struct crowd *sum, const char *file_path)
{
	struct crowd crowd;
	FILE *file = fopen(file_path, "r");

	ck_assert_ptr_nonnull(file);
	count_file(&crowd, file);
	fclose(file);
	sum->lines += crowd.lines;
	sum->left_out += crowd.left_out;
}

static size_t count_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

START_TEST(the_target_may_change_while_lines_are_written)
{
	size_t descriptors = count_descriptors();
	uint64_t before = log_left_out();
	struct crowd sum = {.lines = 0};
	char other[PATH_MAX + 8];
	const char *targets[] = {path, other};
	unsigned changes = 0;
	pthread_t thread;

	snprintf(other, sizeof(other), "%s.other", path);
	start(LOG_FORMAT_TEXT);
	atomic_store(&crowd_is_done, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, log_crowd, NULL), 0);
	while (!atomic_load(&crowd_is_done) || changes < 100) {
		/* What cannot be opened changes nothing. */
		ck_assert_int_eq(log_open("/nonexistent/log", LOG_LEVEL_ERROR, LOG_FORMAT_JSON),
				 -1);
		ck_assert_int_eq(log_open(targets[++changes % 2], LOG_LEVEL_INFO, LOG_FORMAT_TEXT),
				 0);
	}
	pthread_join(thread, NULL);
	ck_assert_uint_le(count_descriptors(), descriptors + 2);
	log_close();
	ck_assert_uint_eq(count_descriptors(), descriptors);
	count_more(&sum, path);
	count_more(&sum, other);
	unlink(other);
	ck_assert_uint_eq(sum.lines + sum.left_out, THREADS * CROWD_LINES);
	ck_assert_uint_eq(sum.left_out, log_left_out() - before);
}
END_TEST

START_TEST(a_stuck_writer_goes_on_with_another_target)
{
	char other[PATH_MAX + 8];

	snprintf(other, sizeof(other), "%s.other", path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	start(LOG_FORMAT_TEXT);
	/* More than the pipe holds. */
	run_threads();
	ck_assert_int_eq(log_open(other, LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
	unlink(path);
	ck_assert_int_eq(rename(other, path), 0);
	/* Until what had filled the queue has gone, lines are left out. */
	for (int i = 0; i < 1000 && strstr(read_tail(), "msg=after") == NULL; i++) {
		log_msg(LOG_LEVEL_INFO, "after");
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	ck_assert_ptr_nonnull(strstr(read_tail(), "msg=after"));
}
END_TEST

START_TEST(from_a_file_to_standard_error_and_back)
{
	size_t descriptors = count_descriptors();
	char other[PATH_MAX + 8];
	FILE *file;
	char text[256];
	int kept = dup(STDERR_FILENO);
	int fd;

	snprintf(other, sizeof(other), "%s.other", path);
	fd = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	start(LOG_FORMAT_TEXT);
	log_msg(LOG_LEVEL_INFO, "one");
	ck_assert_int_eq(log_open("stderr", LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
	log_msg(LOG_LEVEL_INFO, "two");
	log_stop_writer();
	/* The file was let go, although its number has not. */
	ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
	log_msg(LOG_LEVEL_INFO, "three");
	log_close();
	ck_assert_int_ge(dup2(kept, STDERR_FILENO), 0);
	close(kept);
	close(fd);
	ck_assert_uint_eq(count_descriptors(), descriptors);
	file = fopen(other, "r");
	ck_assert_ptr_nonnull(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	unlink(other);
	/* The first may have waited in the queue. */
	ck_assert_ptr_nonnull(strstr(text, "msg=two"));
	ck_assert_ptr_null(strstr(text, "msg=three"));
	ck_assert_ptr_nonnull(strstr(read_log(), "msg=three"));
}
END_TEST

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

START_TEST(nobody_waits_for_a_pipe_that_is_not_read)
{
	uint64_t before = log_left_out();
	int64_t started;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	start(LOG_FORMAT_TEXT);
	run_threads();
	run_threads();
	ck_assert_uint_gt(log_left_out(), before);
	started = now_ms();
	log_stop_writer();
	ck_assert_int_lt(now_ms() - started, 20000);
	/* A stuck target stays one: this is counted, and does not wait. */
	before = log_left_out();
	log_msg(LOG_LEVEL_ERROR, "too late");
	ck_assert_uint_eq(log_left_out(), before + 1);
	log_close();
	/* All of it was counted, but for what the pipe has. */
	ck_assert_uint_ge(log_left_out(), 2 * THREADS * CROWD_LINES - 65536 / 40);
}
END_TEST

START_TEST(lines_before_the_thread_come_before_those_after)
{
	const char *at;

	ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
	for (char c = '1'; c <= '6'; c++) {
		log_msg(LOG_LEVEL_INFO, "line %c", c);
		if (c == '2' || c == '5')
			ck_assert_int_eq(log_start_writer(), 0);
		if (c == '4')
			log_stop_writer();
	}
	log_close();
	at = read_log();
	for (char c = '1'; c <= '6'; c++) {
		at = strstr(at, "line ");
		ck_assert_ptr_nonnull(at);
		ck_assert_int_eq(*(at += strlen("line ")), c);
	}
}
END_TEST

/* ---- files that cannot grow ---- */

/* Where the limit is, far behind the files of Check, which it holds for as well. */
#define FILE_END (64 << 20)

static void limit_files(rlim_t size)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/*
 * Let the log have so many bytes more, from a hole that fills the rest. As on a disk, a write that
 * passes the end is cut, and the next one fails.
 */
static void fill_disk(off_t room)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, FILE_END - room), 0);
	close(fd);
	start_offset = FILE_END - room;
	limit_files(FILE_END);
}

static void count_path(struct crowd *crowd)
{
	FILE *file = fopen(path, "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseeko(file, start_offset, SEEK_SET), 0);
	count_file(crowd, file);
	fclose(file);
}

static void await_left_out(uint64_t count)
{
	int64_t deadline = now_ms() + 20000;

	while (log_left_out() < count) {
		ck_assert_int_lt(now_ms(), deadline);
		usleep(1000);
	}
}

START_TEST(a_line_that_a_full_disk_cut_is_finished_later)
{
	/* Each place in a line is where the disk ends once. */
	for (unsigned size = 200; size < 270; size++) {
		uint64_t before = log_left_out();
		struct crowd crowd;

		fill_disk(size);
		ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
		if (_i == 1)
			ck_assert_int_eq(log_start_writer(), 0);
		for (unsigned i = 0; i < 20; i++)
			log_msg(LOG_LEVEL_INFO, "thread 0 line %u.", i);
		await_left_out(before + 15);
		if (_i == 1)
			log_stop_writer();
		limit_files(RLIM_INFINITY);
		log_msg(LOG_LEVEL_INFO, "thread 0 line 20.");
		log_close();
		count_path(&crowd);
		ck_assert_uint_gt(crowd.left_out, 0);
		ck_assert_uint_eq(crowd.left_out, log_left_out() - before);
		ck_assert_uint_eq(crowd.lines + crowd.left_out, 21);
		ck_assert_uint_eq(crowd.next[0], 21);
	}
}
END_TEST

START_TEST(what_is_missing_is_said_without_a_further_line)
{
	int64_t deadline = now_ms() + 20000;
	uint64_t before = log_left_out();
	struct crowd crowd;

	fill_disk(100);
	start(LOG_FORMAT_TEXT);
	for (unsigned i = 0; i < 20; i++)
		log_msg(LOG_LEVEL_INFO, "thread 0 line %u.", i);
	await_left_out(before + 1);
	limit_files(RLIM_INFINITY);
	while (strstr(read_log(), "left out") == NULL) {
		ck_assert_int_lt(now_ms(), deadline);
		usleep(1000);
	}
	log_close();
	count_path(&crowd);
	ck_assert_uint_eq(crowd.lines + crowd.left_out, 20);
}
END_TEST

START_TEST(half_a_line_does_not_get_into_the_next_file)
{
	uint64_t before = log_left_out();
	struct crowd crowd;

	fill_disk(100);
	ck_assert_int_eq(log_open(path, LOG_LEVEL_INFO, LOG_FORMAT_TEXT), 0);
	for (unsigned i = 0; i < 3; i++)
		log_msg(LOG_LEVEL_INFO, "thread 0 line %u.", i);
	unlink(path);
	start_offset = 0;
	limit_files(RLIM_INFINITY);
	ck_assert_int_eq(log_reopen(), 0);
	log_msg(LOG_LEVEL_INFO, "thread 0 line 3.");
	log_close();
	count_path(&crowd);
	ck_assert_uint_eq(crowd.lines, 1);
	ck_assert_uint_eq(crowd.left_out, log_left_out() - before);
}
END_TEST

START_TEST(what_is_missing_is_an_object_in_json)
{
	const char *text;

	/* The notice's level is not shown, but it stands for lines that are. */
	fill_disk(20);
	ck_assert_int_eq(log_open(path, LOG_LEVEL_ERROR, LOG_FORMAT_JSON), 0);
	log_msg(LOG_LEVEL_ERROR, "one");
	log_msg(LOG_LEVEL_ERROR, "two");
	log_msg(LOG_LEVEL_ERROR, "three");
	limit_files(RLIM_INFINITY);
	log_msg(LOG_LEVEL_ERROR, "four");
	log_close();
	text = read_log();
	ck_assert_ptr_nonnull(strstr(text, "\"msg\":\"log lines were left out\",\"lines\":2}\n"));
	ck_assert_ptr_nonnull(strstr(text, "\"level\":\"warn\""));
	ck_assert_ptr_nonnull(strstr(text, "\"msg\":\"four\"}\n"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_writer");
	TCase *writer = tcase_create("writer");
	SRunner *runner;
	int failed;

	tcase_set_timeout(writer, 60);
	tcase_add_checked_fixture(writer, set_up, tear_down);
	tcase_add_loop_test(writer, threads_do_not_tear_or_lose_lines, 0, 2);
	tcase_add_loop_test(writer, the_target_may_change_while_lines_are_written, 0, 4);
	tcase_add_test(writer, a_stuck_writer_goes_on_with_another_target);
	tcase_add_test(writer, from_a_file_to_standard_error_and_back);
	tcase_add_test(writer, nobody_waits_for_a_pipe_that_is_not_read);
	tcase_add_test(writer, lines_before_the_thread_come_before_those_after);
	tcase_add_loop_test(writer, a_line_that_a_full_disk_cut_is_finished_later, 0, 2);
	tcase_add_test(writer, what_is_missing_is_said_without_a_further_line);
	tcase_add_test(writer, half_a_line_does_not_get_into_the_next_file);
	tcase_add_test(writer, what_is_missing_is_an_object_in_json);
	suite_add_tcase(suite, writer);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
