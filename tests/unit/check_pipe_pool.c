/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of tcp/pipe_pool. */
#include "tcp/pipe_pool.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

/* A user that nothing else runs as. */
#define NOBODY_ELSE 54321

static struct event_base *base;
static struct pipe_pool pool;

static void setup(void)
{
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(pipe_pool_init(&pool, base), 0);
}

static void teardown(void)
{
	pipe_pool_fini(&pool);
	event_base_free(base);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(a_pipe_is_kept_for_the_next_one)
{
	struct pipe_pair *pair = pipe_pool_get(&pool);
	int fd;

	ck_assert_ptr_nonnull(pair);
	ck_assert_uint_ge(pair->capacity, PIPE_POOL_CAPACITY_MIN);
	ck_assert_uint_eq(pair->filled, 0);
	fd = pair->read_fd;
	pipe_pool_put(&pool, pair);
	pair = pipe_pool_get(&pool);
	ck_assert_int_eq(pair->read_fd, fd);
	pipe_pool_put(&pool, pair);
}
END_TEST

START_TEST(a_pipe_that_is_not_empty_is_closed)
{
	struct pipe_pair *pair = pipe_pool_get(&pool);
	int read_fd = pair->read_fd;
	int write_fd = pair->write_fd;

	pair->filled = 1;
	pipe_pool_put(&pool, pair);
	ck_assert(!is_open(read_fd));
	ck_assert(!is_open(write_fd));
}
END_TEST

START_TEST(idle_pipes_are_closed_after_a_while)
{
	struct pipe_pair *pair = pipe_pool_get(&pool);
	int fd = pair->read_fd;

	pipe_pool_put(&pool, pair);
	ck_assert(is_open(fd));
	/* Ends when no timer is left. */
	(void)event_base_dispatch(base);
	ck_assert(!is_open(fd));
}
END_TEST

/* A process of its own for what cannot be undone, whether Check forks or not. */
static void in_child(void (*run)(void))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		run();
		fflush(stdout);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void expect(bool condition)
{
	if (!condition)
		_exit(1);
}

static void expect_no_pipe(void)
{
	expect(pipe_pool_get(&pool) == NULL);
	expect(pipe_pool_get(&pool) == NULL);
	expect(stats_get(&pool.shortages) == 2);
}

static void run_out_of_descriptors(void)
{
	struct rlimit limit;

	expect(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = 40;
	expect(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	while (dup(STDIN_FILENO) >= 0)
		continue;
	expect_no_pipe();
}

START_TEST(without_descriptors_there_is_none)
{
	in_child(run_out_of_descriptors);
}
END_TEST

/* Beyond fs.pipe-user-pages-soft a user's new pipes hold a page or two. */
static void use_up_pages(void)
{
	if (setresuid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE) < 0) {
		printf("not tested: it takes root to become a user of its own\n");
		return;
	}
	for (;;) {
		int fds[2];

		expect(pipe2(fds, O_CLOEXEC) == 0);
		(void)fcntl(fds[1], F_SETPIPE_SZ, 1024 * 1024);
		if (fcntl(fds[1], F_GETPIPE_SZ) < (int)PIPE_POOL_CAPACITY_MIN)
			break;
	}
	expect_no_pipe();
}

START_TEST(a_pipe_that_is_too_small_is_none)
{
	in_child(use_up_pages);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pipe_pool");
	TCase *pipes = tcase_create("pipes");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, pipes);
	tcase_add_checked_fixture(pipes, setup, teardown);
	tcase_set_timeout(pipes, 30);
	tcase_add_test(pipes, a_pipe_is_kept_for_the_next_one);
	tcase_add_test(pipes, a_pipe_that_is_not_empty_is_closed);
	tcase_add_test(pipes, idle_pipes_are_closed_after_a_while);
	tcase_add_test(pipes, without_descriptors_there_is_none);
	tcase_add_test(pipes, a_pipe_that_is_too_small_is_none);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
