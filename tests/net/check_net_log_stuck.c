/* SPDX-License-Identifier: BSD-2-Clause */
/* A log that is a pipe which is not read: traffic goes on, the daemon ends, every line is accounted
 * for. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "long_lines.h"
#include "peer.h"

/* ---- the daemon and its log ---- */

static int make_fifo(const char *path)
{
	int fd;

	ck_assert_int_eq(mkfifo(path, 0666), 0);
	/* For reading and writing, so that neither side waits for the other one to come. */
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return peer_adopt(fd);
}

/* With standard error a named pipe. */
static void start_towards(const char *fifo, const char *log, int workers)
{
	struct command command = {.argc = 0};
	struct command daemon;
	char script[512];

	snprintf(script, sizeof(script), "exec \"$@\" 2>'%s'", fifo);
	daemon_command(&daemon);
	command_add(&command, "/bin/sh");
	command_add(&command, "-c");
	command_add(&command, script);
	command_add(&command, "sh");
	for (size_t i = 0; i < daemon.argc; i++)
		command_add(&command, daemon.argv[i]);
	command_add(&command, "-c");
	command_add(&command, long_lines_config(log, workers));
	daemon_start_command(&command);
}

/* Standard error or log.target: either way a named pipe that only this test could read. */
static int start_stuck(bool is_target, int workers)
{
	const char *path = harness_path("fifo");
	int fd = make_fifo(path);

	if (is_target)
		long_lines_start(path, workers);
	else
		start_towards(path, "level = \"info\";", workers);
	long_lines_await_start(fd);
	return fd;
}

/* ---- pipes ---- */

START_TEST(traffic_goes_on_and_every_line_is_accounted_for)
{
	int backend = peer_listen(BACKEND_V4);
	int fd = start_stuck(_i == 1, 2);

	long_lines_connect(backend, LONG_LINES_MANY);
	long_lines_await_all(fd, LONG_LINES_MANY);
	ck_assert_uint_gt(long_lines_ends(), 0);
	ck_assert_uint_gt(long_lines_left_out(), 0);
	/* And again, as long as there is room: nothing is left out. */
	long_lines_connect(backend, 10);
	long_lines_await_all(fd, LONG_LINES_MANY + 10);
	daemon_stop();
}
END_TEST

START_TEST(a_stuck_log_does_not_keep_the_daemon)
{
	int backend = peer_listen(BACKEND_V4);

	start_stuck(_i == 1, 2);
	long_lines_connect(backend, LONG_LINES_MANY);
	long_lines_expect_end();
}
END_TEST

START_TEST(a_second_signal_does_not_hang_either)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection open;

	start_stuck(_i == 1, 1);
	long_lines_connect(backend, LONG_LINES_MANY / 4);
	connection_open(&open, backend, CONNECTION_CLIENT);
	daemon_signal(SIGTERM);
	daemon_signal(SIGTERM);
	daemon_signal(SIGINT);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

/* What the daemon allows for it. */
#define FLUSH_MS 1000

/* Whether the daemon has, which nobody has waited for yet. */
static bool has_ended(void)
{
	siginfo_t info = {.si_pid = 0};

	ck_assert_int_eq(waitid(P_PID, (id_t)daemon_pid(), &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid != 0;
}

START_TEST(the_end_of_the_log_is_written_before_the_daemon_ends)
{
	int backend = peer_listen(BACKEND_V4);
	int fd = start_stuck(_i == 1, 2);
	int64_t started;

	/* More than a pipe holds, and nothing is read before the daemon stops. */
	long_lines_connect(backend, 50);
	started = harness_now_ms();
	daemon_signal(SIGTERM);
	HARNESS_AWAIT((long_lines_read(fd), has_ended()));
	/* A machine that stood still for so long may have cost some of them. */
	if (harness_now_ms() - started < FLUSH_MS) {
		long_lines_await_all(fd, 50);
		ck_assert_uint_eq(long_lines_left_out(), 0);
	}
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

/* A reader that takes a page now and then, until it is killed. */
static pid_t start_slow_reader(int fd)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	char page[4096];

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent) {
		(void)!read(fd, page, sizeof(page));
		harness_sleep_ms(50);
	}
	_exit(0);
}

START_TEST(everything_logged_for_a_slow_reader_needs_little_memory)
{
	const char *path = harness_path("fifo");
	int backend = peer_listen(BACKEND_V4);
	int fd = make_fifo(path);
	unsigned long before;
	pid_t reader;

	start_towards(path, "level = \"debug\";", 2);
	long_lines_await_start(fd);
	before = daemon_rss_kb();
	reader = start_slow_reader(fd);
	long_lines_connect(backend, 2 * LONG_LINES_MANY);
	/* The queue has 1 MiB; all the lines together are over 13. */
	if (!daemon_is_instrumented())
		ck_assert_uint_lt(daemon_rss_peak_kb(), before + 6 * 1024);
	daemon_assert_alive();
	long_lines_expect_end();
	kill(reader, SIGKILL);
	waitpid(reader, NULL, 0);
}
END_TEST

static bool file_has(const char *path, const char *text)
{
	char *content = harness_read(path);
	bool found = strstr(content, text) != NULL;

	free(content);
	return found;
}

START_TEST(a_stuck_pipe_can_be_replaced)
{
	int backend = peer_listen(BACKEND_V4);
	const char *path = harness_path("fifo");

	start_stuck(true, 2);
	/* More than the pipe holds, and no more than the queue does. */
	long_lines_connect(backend, 100);
	ck_assert_int_eq(rename(path, harness_path("old")), 0);
	daemon_signal(SIGUSR1);
	HARNESS_AWAIT(file_has(path, "reason=done"));
	connection_try(backend, CONNECTION_CLIENT);
	HARNESS_AWAIT(file_has(path, "client=" CONNECTION_CLIENT));
	daemon_stop();
}
END_TEST

START_TEST(a_pipe_without_a_reader_stops_nothing)
{
	int backend = peer_listen(BACKEND_V4);
	const char *path = harness_path("fifo");
	int fd;

	ck_assert_int_eq(mkfifo(path, 0666), 0);
	long_lines_start(path, 1);
	long_lines_connect(backend, 10);
	/* Opened again and again, it has been open for all of them. */
	for (int i = 0; i < 10; i++) {
		daemon_signal(SIGUSR1);
		long_lines_connect(backend, 1);
	}
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	/* Less than the pipe and the queue hold: nothing was to be left out. */
	long_lines_await_all(peer_adopt(fd), 20);
	ck_assert_uint_eq(long_lines_left_out(), 0);
	long_lines_expect_end();
}
END_TEST

static Suite *log_stuck_suite(void)
{
	Suite *suite = suite_create("net_log_stuck");
	TCase *pipes = harness_case(suite, "pipes", 120);

	tcase_add_loop_test(pipes, traffic_goes_on_and_every_line_is_accounted_for, 0, 2);
	tcase_add_loop_test(pipes, a_stuck_log_does_not_keep_the_daemon, 0, 2);
	tcase_add_loop_test(pipes, a_second_signal_does_not_hang_either, 0, 2);
	tcase_add_loop_test(pipes, the_end_of_the_log_is_written_before_the_daemon_ends, 0, 2);
	tcase_add_test(pipes, everything_logged_for_a_slow_reader_needs_little_memory);
	tcase_add_test(pipes, a_stuck_pipe_can_be_replaced);
	tcase_add_test(pipes, a_pipe_without_a_reader_stops_nothing);
	return suite;
}

int main(void)
{
	return harness_run(log_stuck_suite());
}
