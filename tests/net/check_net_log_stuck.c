/* SPDX-License-Identifier: BSD-2-Clause */
/* A log that is not read or cannot be written: traffic goes on, the daemon ends, every line is
 * accounted for. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"

/* Lines of over 3 KiB each: many times what a pipe and the daemon's queue hold together. */
#define CONNECTIONS 2000

/* How long the daemon may take to end: a second for the log, and the rest for a busy machine. */
#define END_MS 8000

#define TEXT_MAX (1 << 20)

/* What was read of the log so far. */
struct tally {
	unsigned ends;		/* lines of connections */
	unsigned long left_out; /* as the log itself says */
	size_t len;		/* of a line that is not whole yet */
	char text[TEXT_MAX];
};

static struct tally tally;
static struct sender_header header;

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

static const char *write_config(const char *log, int workers)
{
	char config[1024];

	snprintf(config, sizeof(config),
		 DAEMON_AS_ROOT "workers = %d;\ndrain_timeout = \"300ms\";\nlog = { %s };\n"
				"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4
				"\"; " DAEMON_TARGETS " } );\n",
		 workers, log);
	return harness_write(DAEMON_CONFIG_NAME, config);
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
	command_add(&command, write_config(log, workers));
	daemon_start_command(&command);
}

/* With log.target a path. */
static void start_with_target(const char *path, int workers)
{
	struct command command;
	char log[512];

	snprintf(log, sizeof(log), "target = \"%s\";", path);
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, write_config(log, workers));
	daemon_start_command(&command);
}

/* Standard error or log.target: either way a named pipe that only this test could read. */
static int start_stuck(bool is_target, int workers)
{
	const char *path = harness_path("fifo");
	int fd = make_fifo(path);

	if (is_target)
		start_with_target(path, workers);
	else
		start_towards(path, "level = \"info\";", workers);
	return fd;
}

/* ---- traffic ---- */

/* A header whose text makes a line of over 3 KiB. */
static void write_long_header(unsigned port)
{
	char client[64];
	char text[255];

	snprintf(client, sizeof(client), "203.0.113.7:%u", port);
	memset(text, 1, sizeof(text));
	sender_v2(&header, client, NULL);
	sender_tlv(&header, 0x02, text, sizeof(text));
	sender_tlv(&header, 0x05, text, sizeof(text));
	sender_tlv(&header, 0xEA, text, sizeof(text));
}

static void connect_times(int backend, unsigned count)
{
	static unsigned next = 20000;

	for (unsigned i = 0; i < count; i++) {
		struct connection connection;

		write_long_header(next);
		next = next < 59999 ? next + 1 : 20000;
		connection.client = sender_open(&header);
		connection.backend = peer_accept(backend, NULL);
		connection_check(&connection);
		connection_finish(&connection);
	}
}

/* ---- reading ---- */

static void count_line(const char *line)
{
	const char *lines = strstr(line, " lines=");

	if (strstr(line, "reason=done") != NULL) {
		/* Whole, from its first field to its last. */
		ck_assert_msg(strncmp(line, "info ", 5) == 0, "torn: %s", line);
		ck_assert_msg(strstr(line, " tlv_vpce=") != NULL && line[strlen(line) - 1] == '"',
			      "torn: %s", line);
		ck_assert_msg(strstr(line + 1, "info ") == NULL, "two in one: %s", line);
		tally.ends++;
	} else if (lines != NULL) {
		ck_assert_msg(strncmp(line, "warn ", 5) == 0, "torn: %s", line);
		ck_assert_ptr_nonnull(strstr(line, "msg=\"log lines were left out\""));
		tally.left_out += strtoul(lines + strlen(" lines="), NULL, 10);
	}
}

static void count_lines(void)
{
	char *line = tally.text;
	char *end;

	tally.text[tally.len] = '\0';
	while ((end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		count_line(line);
		line = end + 1;
	}
	tally.len = strlen(line);
	memmove(tally.text, line, tally.len);
}

/* Take what there is; true when it was something. */
static bool read_some(int fd)
{
	ssize_t got = read(fd, tally.text + tally.len, TEXT_MAX - 1 - tally.len);

	if (got <= 0)
		return false;
	tally.len += (size_t)got;
	count_lines();
	return true;
}

static bool has_all(int fd, unsigned long count)
{
	while (read_some(fd))
		;
	return tally.ends + tally.left_out == count;
}

/* The daemon ends by itself, soon after it was told to. */
static void expect_end(void)
{
	int64_t started = harness_now_ms();

	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
	ck_assert_int_lt(harness_now_ms() - started, (int64_t)(END_MS * harness_slowness()));
}

/* ---- pipes ---- */

START_TEST(traffic_goes_on_and_every_line_is_accounted_for)
{
	int backend = peer_listen(BACKEND_V4);
	int fd = start_stuck(_i == 1, 2);

	connect_times(backend, CONNECTIONS);
	HARNESS_AWAIT(has_all(fd, CONNECTIONS));
	ck_assert_uint_gt(tally.ends, 0);
	ck_assert_uint_gt(tally.left_out, 0);
	/* And again, as long as there is room: nothing is left out. */
	connect_times(backend, 10);
	HARNESS_AWAIT(has_all(fd, CONNECTIONS + 10));
	daemon_stop();
}
END_TEST

START_TEST(a_stuck_log_does_not_keep_the_daemon)
{
	int backend = peer_listen(BACKEND_V4);

	start_stuck(_i == 1, 2);
	connect_times(backend, CONNECTIONS);
	expect_end();
}
END_TEST

START_TEST(a_second_signal_does_not_hang_either)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection open;
	int64_t started;

	start_stuck(_i == 1, 1);
	connect_times(backend, CONNECTIONS / 4);
	connection_open(&open, backend, CONNECTION_CLIENT);
	started = harness_now_ms();
	daemon_signal(SIGTERM);
	daemon_signal(SIGTERM);
	daemon_signal(SIGINT);
	ck_assert_int_eq(daemon_wait(), 0);
	ck_assert_int_lt(harness_now_ms() - started, (int64_t)(END_MS * harness_slowness()));
}
END_TEST

START_TEST(the_end_of_the_log_is_written_before_the_daemon_ends)
{
	int backend = peer_listen(BACKEND_V4);
	int fd = start_stuck(_i == 1, 2);

	/* More than a pipe holds, and nothing is read before the daemon stops. */
	connect_times(backend, 50);
	daemon_signal(SIGTERM);
	HARNESS_AWAIT(has_all(fd, 50));
	ck_assert_uint_eq(tally.left_out, 0);
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
	before = daemon_rss_kb();
	reader = start_slow_reader(fd);
	connect_times(backend, 2 * CONNECTIONS);
	/* The queue has 1 MiB; all the lines together are over 13. */
	if (!daemon_is_instrumented())
		ck_assert_uint_lt(daemon_rss_peak_kb() - before, 6 * 1024);
	daemon_assert_alive();
	expect_end();
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
	connect_times(backend, 100);
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
	start_with_target(path, 1);
	connect_times(backend, 10);
	daemon_signal(SIGUSR1);
	connect_times(backend, 10);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	HARNESS_AWAIT(has_all(peer_adopt(fd), 20));
	expect_end();
}
END_TEST

/* ---- files ---- */

START_TEST(a_disk_that_is_always_full_stops_nothing)
{
	int backend = peer_listen(BACKEND_V4);

	start_with_target("/dev/full", 2);
	connect_times(backend, CONNECTIONS);
	expect_end();
}
END_TEST

/* Whether this process may mount; the mounts are its own and its children's. */
static bool enter_mounts(void)
{
	if (unshare(CLONE_NEWNS) == 0) {
		harness_shell("mount --make-rprivate /");
		return true;
	}
	printf("SKIP: no mount namespace (%s), so a test did not run\n", strerror(errno));
	return false;
}

START_TEST(a_disk_that_has_room_again_says_what_is_missing)
{
	int backend = peer_listen(BACKEND_V4);
	const char *path = harness_path("disk/target.log");
	int fd;

	if (!enter_mounts())
		return;
	harness_shell("mkdir %s && mount -t tmpfs -o size=8m,mode=0777 none %s",
		      harness_path("disk"), harness_path("disk"));
	harness_shell("head -c 8128k /dev/zero >%s", harness_path("disk/ballast"));
	start_with_target(path, 2);
	connect_times(backend, CONNECTIONS / 4);
	ck_assert_int_eq(unlink(harness_path("disk/ballast")), 0);
	/* Without a further line. */
	HARNESS_AWAIT(file_has(path, "log lines were left out"));
	connect_times(backend, 5);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	HARNESS_AWAIT(has_all(peer_adopt(fd), CONNECTIONS / 4 + 5));
	ck_assert_uint_gt(tally.left_out, 0);
	daemon_stop();
}
END_TEST

/* ---- syslog ---- */

/* A /dev of this process's own with what the daemon may want, and a socket that nobody reads. */
static int make_syslog(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const char *dev = harness_path("dev");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	harness_shell("mkdir %s && mount -t tmpfs -o mode=0755 none %s", dev, dev);
	harness_shell("for node in null zero full random urandom; do "
		      "touch %s/$node && mount --bind /dev/$node %s/$node; done",
		      dev, dev);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/log", dev);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(chmod(addr.sun_path, 0666), 0);
	harness_shell("mount --move %s /dev", dev);
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
	count_line(line + strlen("]: "));
	return true;
}

static bool has_all_messages(int fd, unsigned long count)
{
	while (read_message(fd))
		;
	return tally.ends + tally.left_out == count;
}

START_TEST(a_syslog_that_is_not_read_stops_nothing)
{
	int backend = peer_listen(BACKEND_V4);
	int fd;

	if (!enter_mounts())
		return;
	fd = make_syslog();
	start_with_target("syslog", 2);
	connect_times(backend, CONNECTIONS);
	if (_i == 1) {
		expect_end();
		return;
	}
	HARNESS_AWAIT(has_all_messages(fd, CONNECTIONS));
	ck_assert_uint_gt(tally.left_out, 0);
	daemon_stop();
}
END_TEST

static Suite *log_stuck_suite(void)
{
	Suite *suite = suite_create("net_log_stuck");
	TCase *pipes = harness_case(suite, "pipes", 120);
	TCase *files = harness_case(suite, "files", 120);
	TCase *syslog = harness_case(suite, "syslog", 120);

	tcase_add_loop_test(pipes, traffic_goes_on_and_every_line_is_accounted_for, 0, 2);
	tcase_add_loop_test(pipes, a_stuck_log_does_not_keep_the_daemon, 0, 2);
	tcase_add_loop_test(pipes, a_second_signal_does_not_hang_either, 0, 2);
	tcase_add_loop_test(pipes, the_end_of_the_log_is_written_before_the_daemon_ends, 0, 2);
	tcase_add_test(pipes, everything_logged_for_a_slow_reader_needs_little_memory);
	tcase_add_test(pipes, a_stuck_pipe_can_be_replaced);
	tcase_add_test(pipes, a_pipe_without_a_reader_stops_nothing);
	tcase_add_test(files, a_disk_that_is_always_full_stops_nothing);
	tcase_add_test(files, a_disk_that_has_room_again_says_what_is_missing);
	tcase_add_loop_test(syslog, a_syslog_that_is_not_read_stops_nothing, 0, 2);
	return suite;
}

int main(void)
{
	return harness_run(log_stuck_suite());
}
