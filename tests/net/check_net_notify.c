/* SPDX-License-Identifier: BSD-2-Clause */
/* What the service manager is told, and its watchdog. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "manager.h"
#include "peer.h"

static void start(int workers, const char *log)
{
	char config[1024];

	snprintf(config, sizeof(config),
		 "workers = %d;\ndrain_timeout = \"1h\";\nlog = { %s };\n"
		 "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS
		 " } );\n",
		 workers, log);
	daemon_start_config(config);
}

/*
 * A connection of a client that had none: the address of the one before may be in use for as long
 * as its worker is kept from closing it.
 */
static void try_another(int backend)
{
	static unsigned port = 20000;
	char client[64];

	snprintf(client, sizeof(client), "203.0.113.7:%u", port++);
	connection_try(backend, client);
}

/* ---- what is said ---- */

START_TEST(ready_is_said_behind_everything_that_can_fail)
{
	int backend = peer_listen(BACKEND_V4);

	manager_open();
	start(2, "");
	manager_await("READY=1");
	ck_assert_uint_eq(manager_count("READY=1"), 1);
	ck_assert(manager_heard_before("FDSTORE=1", "READY=1"));
	connection_try(backend, CONNECTION_CLIENT);
	ck_assert_uint_eq(manager_count("WATCHDOG=1"), 0);
}
END_TEST

START_TEST(an_abstract_address_is_fine)
{
	manager_open_at("@mmproxy-test");
	start(1, "");
	manager_await("READY=1");
}
END_TEST

static int64_t monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

START_TEST(a_reload_is_said_from_its_beginning_to_its_end)
{
	int64_t before;
	int64_t said;

	manager_open();
	start(2, "");
	manager_await("READY=1");
	if (_i == 1)
		harness_write(DAEMON_CONFIG_NAME, "a mistake");
	manager_forget();
	before = monotonic_us();
	daemon_signal(SIGHUP);
	manager_await("READY=1");
	ck_assert(manager_heard_before("RELOADING=1", "READY=1"));
	said = strtoll(manager_await("MONOTONIC_USEC="), NULL, 10);
	ck_assert_int_ge(said, before);
	ck_assert_int_le(said, monotonic_us());
}
END_TEST

START_TEST(stopping_is_said_and_the_drain_is_given_its_time)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	manager_open();
	start(2, "");
	connection_open(&connection, backend, CONNECTION_CLIENT);
	manager_await("READY=1");
	ck_assert_uint_eq(manager_count("EXTEND_TIMEOUT_USEC="), 0);
	daemon_signal(SIGTERM);
	manager_await("STOPPING=1");
	/* As often as it takes: the manager waits from one to the next. */
	HARNESS_AWAIT(manager_count("EXTEND_TIMEOUT_USEC=") >= 3);
	ck_assert_int_ge(strtoll(manager_await("EXTEND_TIMEOUT_USEC="), NULL, 10), 5000000);
	connection_finish(&connection);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

START_TEST(the_status_counts_what_is_open)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	int64_t started = harness_now_ms();

	manager_open();
	start(1, "");
	ck_assert_str_eq(manager_await("STATUS="), "0 connections, 0 flows, 0 B/s up, 0 B/s down");
	connection_open(&connection, backend, CONNECTION_CLIENT);
	manager_await("STATUS=1 connections, 0 flows, ");
	connection_finish(&connection);
	HARNESS_AWAIT(strncmp(manager_await("STATUS="), "0 connections", 13) == 0);
	/* Never more than one in five seconds, by a clock whose ticks are less than 100 ms. */
	ck_assert_int_le((manager_count("STATUS=") - 1) * 5000, harness_now_ms() - started + 100);
}
END_TEST

START_TEST(a_failed_start_says_why)
{
	struct command_result result;
	struct command command;

	manager_open();
	peer_listen(LISTEN_V4);
	daemon_command(&command);
	command_add(&command, "-l");
	command_add(&command, LISTEN_V4);
	command_run(&command, &result);
	ck_assert_int_eq(result.exit_code, 1);
	ck_assert_int_eq(atoi(manager_await("ERRNO=")), EADDRINUSE);
	ck_assert_uint_eq(manager_count("READY=1"), 0);
}
END_TEST

/* ---- a manager that does not listen ---- */

static const char *const broken[] = {
    "/nonexistent/notify",
    "vsock:2:1234",
    "relative",
    "/",
    "@",
    "/012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012"
    "3"
    "456789012345678901234567890",
};

START_TEST(a_broken_socket_is_said_once_and_harms_nothing)
{
	int backend = peer_listen(BACKEND_V4);

	setenv("NOTIFY_SOCKET", broken[_i], 1);
	setenv("WATCHDOG_USEC", "100000", 1);
	start(2, "");
	try_another(backend);
	harness_sleep_ms(300);
	try_another(backend);
	daemon_stop();
	ck_assert_uint_eq(daemon_log_count("warn ", "NOTIFY_SOCKET"), 1);
}
END_TEST

START_TEST(a_manager_that_reads_nothing_holds_up_nobody)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection open;

	manager_open();
	setenv("WATCHDOG_USEC", "20000", 1);
	start(2, "");
	/* Many times what the socket has room for (net.unix.max_dgram_qlen). */
	for (unsigned i = 0; i < 50; i++) {
		try_another(backend);
		harness_sleep_ms(20);
	}
	/* When it reads again, it hears what matters: of a stop that takes its time. */
	connection_open(&open, backend, CONNECTION_CLIENT);
	daemon_signal(SIGTERM);
	manager_await("STOPPING=1");
	connection_finish(&open);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

/* ---- the watchdog ---- */

#define WATCHDOG_MS 400

static void start_watched(int workers, const char *log)
{
	char usec[32];

	manager_open();
	snprintf(usec, sizeof(usec), "%d", WATCHDOG_MS * 1000);
	setenv("WATCHDOG_USEC", usec, 1);
	start(workers, log);
}

START_TEST(the_watchdog_hears_of_a_healthy_daemon)
{
	start_watched(2, "");
	/* Again and again. */
	HARNESS_AWAIT(manager_count("WATCHDOG=1") >= 5);
}
END_TEST

START_TEST(a_worker_that_hangs_silences_the_watchdog)
{
	unsigned before;
	pid_t tids[8];

	if (daemon_is_wrapped())
		return;
	start_watched(2, "");
	manager_await("WATCHDOG=1");
	HARNESS_AWAIT(daemon_worker_threads(tids, 8) == 2);
	ck_assert_int_eq(ptrace(PTRACE_ATTACH, tids[_i], NULL, NULL), 0);
	ck_assert_int_eq(waitpid(tids[_i], NULL, __WALL), tids[_i]);
	before = manager_count("WATCHDOG=1");
	harness_sleep_ms(5 * WATCHDOG_MS);
	/* Of an answer that was given before. */
	ck_assert_uint_le(manager_count("WATCHDOG=1"), before + 1);
	manager_forget();
	/* The other threads go on, and so does this one, when it can. */
	daemon_assert_alive();
	ck_assert_int_eq(ptrace(PTRACE_DETACH, tids[_i], NULL, NULL), 0);
	manager_await("WATCHDOG=1");
}
END_TEST

START_TEST(a_log_that_nobody_reads_does_not)
{
	const char *path = harness_path("fifo");
	int backend = peer_listen(BACKEND_V4);
	char log[512];
	int fd;

	ck_assert_int_eq(mkfifo(path, 0666), 0);
	/* For reading and writing, so that neither side waits for the other one to come. */
	fd = peer_adopt(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC));
	snprintf(log, sizeof(log), "level = \"debug\"; target = \"%s\";", path);
	start_watched(2, log);
	/* More than the pipe holds. */
	for (int i = 0; i < 400; i++)
		try_another(backend);
	manager_forget();
	HARNESS_AWAIT(manager_count("WATCHDOG=1") >= 3);
	/* Let the log's thread end by itself. */
	while (peer_poll(fd, POLLIN, 300) != 0)
		(void)!read(fd, log, sizeof(log));
}
END_TEST

START_TEST(a_watchdog_of_another_process_is_not_answered)
{
	manager_open();
	setenv("WATCHDOG_USEC", "100000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	start(1, "");
	manager_await("READY=1");
	harness_sleep_ms(300);
	ck_assert_uint_eq(manager_count("WATCHDOG=1"), 0);
}
END_TEST

static Suite *notify_suite(void)
{
	Suite *suite = suite_create("net_notify");
	TCase *told = harness_case(suite, "told", 60);
	TCase *deaf = harness_case(suite, "deaf", 60);
	TCase *watchdog = harness_case(suite, "watchdog", 60);

	tcase_add_test(told, ready_is_said_behind_everything_that_can_fail);
	tcase_add_test(told, an_abstract_address_is_fine);
	tcase_add_loop_test(told, a_reload_is_said_from_its_beginning_to_its_end, 0, 2);
	tcase_add_test(told, stopping_is_said_and_the_drain_is_given_its_time);
	tcase_add_test(told, the_status_counts_what_is_open);
	tcase_add_test(told, a_failed_start_says_why);
	tcase_add_loop_test(deaf, a_broken_socket_is_said_once_and_harms_nothing, 0,
			    sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(deaf, a_manager_that_reads_nothing_holds_up_nobody);
	tcase_add_test(watchdog, the_watchdog_hears_of_a_healthy_daemon);
	tcase_add_loop_test(watchdog, a_worker_that_hangs_silences_the_watchdog, 0, 2);
	tcase_add_test(watchdog, a_log_that_nobody_reads_does_not);
	tcase_add_test(watchdog, a_watchdog_of_another_process_is_not_answered);
	return suite;
}

int main(void)
{
	return harness_run(notify_suite());
}
