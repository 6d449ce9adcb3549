/* SPDX-License-Identifier: BSD-2-Clause */
/* A log on a disk that is full, and a syslog that has stopped or gone: traffic goes on, the daemon
 * ends, every line is accounted for. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "command.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "long_lines.h"
#include "netns.h"
#include "peer.h"

static bool file_has(const char *path, const char *text)
{
	char *content = harness_read(path);
	bool found = strstr(content, text) != NULL;

	free(content);
	return found;
}

/* ---- files ---- */

START_TEST(a_disk_that_is_always_full_stops_nothing)
{
	int backend = peer_listen(BACKEND_V4);

	long_lines_start("/dev/full", 2);
	long_lines_connect(backend, LONG_LINES_MANY);
	long_lines_expect_end();
}
END_TEST

START_TEST(a_disk_that_has_room_again_says_what_is_missing)
{
	int backend = peer_listen(BACKEND_V4);
	const char *path = harness_path("disk/target.log");
	int fd;

	if (!netns_enter_mounts())
		return;
	harness_shell("mkdir %s && mount -t tmpfs -o size=8m,mode=0777 none %s",
		      harness_path("disk"), harness_path("disk"));
	harness_shell("head -c 8128k /dev/zero >%s", harness_path("disk/ballast"));
	long_lines_start(path, 2);
	fd = peer_adopt(open(path, O_RDONLY | O_CLOEXEC));
	ck_assert_int_ge(fd, 0);
	long_lines_await_start(fd);
	long_lines_connect(backend, LONG_LINES_MANY / 4);
	ck_assert_int_eq(unlink(harness_path("disk/ballast")), 0);
	/* Without a further line. */
	HARNESS_AWAIT(file_has(path, "log lines were left out"));
	long_lines_connect(backend, 5);
	long_lines_await_all(fd, LONG_LINES_MANY / 4 + 5);
	ck_assert_uint_gt(long_lines_left_out(), 0);
	daemon_stop();
}
END_TEST

START_TEST(a_disk_without_room_for_a_new_file_keeps_the_former)
{
	int backend = peer_listen(BACKEND_V4);
	const char *rotated = harness_path("disk/target.log.1");

	if (!netns_enter_mounts())
		return;
	harness_shell("mkdir %s && mount -t tmpfs -o nr_inodes=3,mode=0777 none %s",
		      harness_path("disk"), harness_path("disk"));
	long_lines_start(harness_path("disk/target.log"), 1);
	harness_shell("mv %s %s && touch %s", harness_path("disk/target.log"), rotated,
		      harness_path("disk/last"));
	daemon_signal(SIGUSR1);
	HARNESS_AWAIT(file_has(rotated, "No space left on device"));
	connection_try(backend, CONNECTION_CLIENT);
	HARNESS_AWAIT(file_has(rotated, "client=" CONNECTION_CLIENT));
	ck_assert_int_eq(unlink(harness_path("disk/last")), 0);
	daemon_signal(SIGUSR1);
	connection_try_until_logged(backend, harness_path("disk/target.log"));
	daemon_stop();
}
END_TEST

/* ---- syslog ---- */

/* A /dev of this process's own with what the daemon may want, and no syslog. */
static void make_dev(void)
{
	const char *dev = harness_path("dev");

	harness_shell("mkdir %s && mount -t tmpfs -o mode=0755 none %s", dev, dev);
	harness_shell("for node in null zero full random urandom; do "
		      "touch %s/$node && mount --bind /dev/$node %s/$node; done",
		      dev, dev);
	/* mount(8) would look at what it has moved, which not every user may. */
	ck_assert_int_eq(mount(dev, "/dev", NULL, MS_MOVE, NULL), 0);
}

/* The socket of a syslog, which reads nothing by itself. */
static int make_syslog(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(chmod(addr.sun_path, 0666), 0);
	return peer_adopt(fd);
}

/* A message of syslog: <PRIORITY>TIME mmproxy[PID]: LINE. */
static bool read_message(int fd)
{
	static char message[8192];
	ssize_t got = recv(fd, message, sizeof(message) - 1, 0);
	char *line;

	if (got < 0)
		return false;
	message[got] = '\0';
	/* The facility daemon is 3 << 3; LOG_INFO is 6, LOG_WARNING 4. */
	line = strstr(message, "]: ");
	ck_assert_msg(line != NULL && strstr(message, " mmproxy[") != NULL, "%s", message);
	ck_assert_msg(strncmp(message, strstr(message, "]: warn ") != NULL ? "<28>" : "<30>", 4) ==
			  0,
		      "%s", message);
	long_lines_count(line + strlen("]: "));
	return true;
}

static void read_messages(int fd)
{
	while (read_message(fd))
		;
}

static bool has_all_messages(int fd, unsigned long count)
{
	read_messages(fd);
	return long_lines_ends() + long_lines_left_out() == count;
}

/* The daemon, whose own lines at its start have been read: see long_lines_await_start(). */
static void start_with_syslog(int fd)
{
	long_lines_start("syslog", 2);
	HARNESS_AWAIT((read_messages(fd), long_lines_have_start()));
}

START_TEST(a_syslog_that_is_not_read_stops_nothing)
{
	int backend = peer_listen(BACKEND_V4);
	int fd;

	if (!netns_enter_mounts())
		return;
	make_dev();
	fd = make_syslog();
	start_with_syslog(fd);
	long_lines_connect(backend, LONG_LINES_MANY);
	if (_i == 1) {
		long_lines_expect_end();
		return;
	}
	HARNESS_AWAIT(has_all_messages(fd, LONG_LINES_MANY));
	ck_assert_uint_gt(long_lines_left_out(), 0);
	daemon_stop();
}
END_TEST

START_TEST(a_syslog_that_goes_and_comes_says_what_is_missing)
{
	int backend = peer_listen(BACKEND_V4);
	int fd;

	if (!netns_enter_mounts())
		return;
	make_dev();
	fd = make_syslog();
	start_with_syslog(fd);
	long_lines_connect(backend, 5);
	HARNESS_AWAIT(has_all_messages(fd, 5));
	ck_assert_uint_eq(long_lines_left_out(), 0);
	peer_close(fd);
	long_lines_connect(backend, 20);
	/* What is still queued when there is a syslog again is not missing. */
	daemon_await_log_written();
	/* First its socket's name was left behind, and now not even that. */
	ck_assert_int_eq(unlink("/dev/log"), 0);
	long_lines_connect(backend, 20);
	daemon_await_log_written();
	fd = make_syslog();
	/* Without a further line. */
	HARNESS_AWAIT(has_all_messages(fd, 45));
	ck_assert_uint_eq(long_lines_left_out(), 40);
	long_lines_connect(backend, 5);
	HARNESS_AWAIT(has_all_messages(fd, 50));
	daemon_stop();
}
END_TEST

/* What the daemon says before it has a log. */
static void run_with_syslog(const char *flag, struct command_result *result)
{
	struct command command;

	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, long_lines_config("target = \"syslog\";", 1));
	if (flag != NULL)
		command_add(&command, flag);
	command_run(&command, result);
}

START_TEST(no_syslog_at_the_start_is_an_error)
{
	static struct command_result result;

	if (!netns_enter_mounts())
		return;
	make_dev();
	run_with_syslog(NULL, &result);
	ck_assert_int_eq(result.exit_code, 1);
	ck_assert_str_eq(result.err, "mmproxy: log.target: cannot open /dev/log: No such file or "
				     "directory\n");
	run_with_syslog("-t", &result);
	ck_assert_int_eq(result.exit_code, 0);
	ck_assert_ptr_nonnull(strstr(
	    result.err, "warning: log.target: cannot open /dev/log: No such file or directory"));
	make_syslog();
	run_with_syslog("-t", &result);
	ck_assert_int_eq(result.exit_code, 0);
	ck_assert_ptr_null(strstr(result.err, "/dev/log"));
}
END_TEST

static Suite *log_full_suite(void)
{
	Suite *suite = suite_create("net_log_full");
	TCase *files = harness_case(suite, "files", 120);
	TCase *syslog = harness_case(suite, "syslog", 120);

	tcase_add_test(files, a_disk_that_is_always_full_stops_nothing);
	tcase_add_test(files, a_disk_that_has_room_again_says_what_is_missing);
	tcase_add_test(files, a_disk_without_room_for_a_new_file_keeps_the_former);
	tcase_add_loop_test(syslog, a_syslog_that_is_not_read_stops_nothing, 0, 2);
	tcase_add_test(syslog, a_syslog_that_goes_and_comes_says_what_is_missing);
	tcase_add_test(syslog, no_syslog_at_the_start_is_an_error);
	return suite;
}

int main(void)
{
	return harness_run(log_full_suite());
}
