/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to the service manager: their words, and those that wait for room. */
#include "daemon/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "daemon/status_line.h"

static int manager;
static struct notify *notify;

static void set_up(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int len;

	len = snprintf(addr.sun_path, sizeof(addr.sun_path), "@mmproxy-check-notify-%d",
		       (int)getpid());
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", addr.sun_path, 1), 0);
	addr.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(manager, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&addr,
			      (socklen_t)offsetof(struct sockaddr_un, sun_path) + (socklen_t)len),
			 0);
	notify = notify_new();
	ck_assert_ptr_nonnull(notify);
}

static void tear_down(void)
{
	notify_free(notify);
	close(manager);
}

/* The next message, "" when there is none. */
static const char *hear(void)
{
	static char text[1024];
	ssize_t len = recv(manager, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

static void fill(void)
{
	do
		notify_alive(notify);
	while (notify_flush(notify));
}

/* Take what fill() has sent. */
static void empty(void)
{
	while (strcmp(hear(), "WATCHDOG=1\n") == 0)
		;
}

START_TEST(nobody_is_told_without_an_address)
{
	notify_free(notify);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", "", 1), 0);
	notify = notify_new();
	ck_assert_ptr_null(notify);
	notify_ready(notify);
	notify_reloading(notify);
	notify_stopping(notify);
	notify_extend(notify, 1);
	notify_status(notify, "x");
	notify_failed(notify, 1);
	notify_main_pid(notify, 1);
	notify_alive(notify);
	ck_assert_int_eq(notify_watchdog_ms(notify), 0);
	ck_assert_int_lt(notify_keep(notify, manager, "x"), 0);
	ck_assert_int_lt(notify_forget(notify, "x"), 0);
	ck_assert(notify_flush(notify));
}
END_TEST

START_TEST(each_message_has_its_words)
{
	notify_ready(notify);
	ck_assert_str_eq(hear(), "READY=1\n");
	notify_stopping(notify);
	ck_assert_str_eq(hear(), "STOPPING=1\n");
	notify_extend(notify, 1500);
	ck_assert_str_eq(hear(), "EXTEND_TIMEOUT_USEC=1500000\n");
	notify_failed(notify, 13);
	ck_assert_str_eq(hear(), "ERRNO=13\n");
	notify_main_pid(notify, 4711);
	ck_assert_str_eq(hear(), "MAINPID=4711\n");
	notify_alive(notify);
	ck_assert_str_eq(hear(), "WATCHDOG=1\n");
	notify_status(notify, "two\nlines");
	ck_assert_str_eq(hear(), "STATUS=two lines\n");
	notify_reloading(notify);
	ck_assert_int_eq(strncmp(hear(), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	ck_assert_str_eq(hear(), "");
}
END_TEST

START_TEST(a_long_status_is_cut)
{
	char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	notify_status(notify, text);
	ck_assert_uint_eq(strlen(hear()), strlen("STATUS=\n") + NOTIFY_STATUS_MAX - 1);
}
END_TEST

START_TEST(what_finds_no_room_is_kept_the_latest_of_each_kind)
{
	fill();
	notify_status(notify, "first");
	notify_extend(notify, 1);
	notify_status(notify, "second");
	notify_extend(notify, 2);
	ck_assert(!notify_flush(notify));
	empty();
	ck_assert(notify_flush(notify));
	ck_assert_str_eq(hear(), "STATUS=second\nEXTEND_TIMEOUT_USEC=2000\nWATCHDOG=1\n");
	ck_assert_str_eq(hear(), "");
}
END_TEST

START_TEST(a_reload_that_waited_comes_before_its_end)
{
	fill();
	notify_ready(notify);
	notify_reloading(notify);
	notify_ready(notify);
	empty();
	ck_assert(notify_flush(notify));
	ck_assert_int_eq(strncmp(hear(), "RELOADING=1\n", 12), 0);
	ck_assert_str_eq(hear(), "READY=1\nWATCHDOG=1\n");
	/* And one that began behind an end that was never heard is not over by that. */
	fill();
	notify_ready(notify);
	notify_reloading(notify);
	empty();
	ck_assert(notify_flush(notify));
	ck_assert_int_eq(strncmp(hear(), "RELOADING=1\n", 12), 0);
	ck_assert_str_eq(hear(), "WATCHDOG=1\n");
	ck_assert_str_eq(hear(), "");
}
END_TEST

START_TEST(a_descriptor_goes_along)
{
	_Alignas(struct cmsghdr) char control[64];
	char text[256] = "";
	struct iovec iov = {.iov_base = text, .iov_len = sizeof(text) - 1};
	struct msghdr header = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 64};
	struct stat before;
	struct stat after;
	int fd = -1;

	ck_assert_int_eq(notify_keep(notify, manager, "tcp-0-x"), 0);
	ck_assert_int_gt(recvmsg(manager, &header, 0), 0);
	ck_assert_str_eq(text, "FDSTORE=1\nFDNAME=tcp-0-x\nFDPOLL=0\n");
	ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&header));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(fd));
	ck_assert_int_eq(fstat(manager, &before), 0);
	ck_assert_int_eq(fstat(fd, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	close(fd);
	ck_assert_int_eq(notify_forget(notify, "tcp-0-x"), 0);
	ck_assert_str_eq(hear(), "FDSTOREREMOVE=1\nFDNAME=tcp-0-x\n");
}
END_TEST

START_TEST(a_descriptor_is_not_waited_for_without_end)
{
	fill();
	ck_assert_int_lt(notify_keep(notify, manager, "x"), 0);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

static const struct {
	const char *usec;
	const char *pid; /* "": this process's */
	int64_t ms;
} watchdogs[] = {
    {NULL, NULL, 0},	     {"30000000", NULL, 30000},
    {"30000000", "", 30000}, {"30000000", "1", 0},
    {"0", NULL, 0},	     {"x", NULL, 0},
    {"30000000", "none", 0},
};

START_TEST(the_watchdog_is_of_this_process)
{
	char own[32];
	const char *pid = watchdogs[_i].pid;

	snprintf(own, sizeof(own), "%d", (int)getpid());
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (watchdogs[_i].usec != NULL)
		setenv("WATCHDOG_USEC", watchdogs[_i].usec, 1);
	if (pid != NULL)
		setenv("WATCHDOG_PID", *pid == '\0' ? own : pid, 1);
	notify_free(notify);
	notify = notify_new();
	ck_assert_int_eq(notify_watchdog_ms(notify), watchdogs[_i].ms);
}
END_TEST

/* ---- the line ---- */

START_TEST(the_line_has_counts_and_rates)
{
	struct status_line line = {.said_ms = 0};
	struct status_counts counts = {.connections = 3, .flows = 4, .up = 1000, .down = 2000};

	status_line_update(&line, notify, "", &counts, 1000);
	ck_assert_str_eq(hear(), "STATUS=3 connections, 4 flows, 0 B/s up, 0 B/s down\n");
	counts.up += 5 * 512;
	counts.down += 5ULL * 3 * 1024 * 1024 * 1024;
	status_line_update(&line, notify, "stopping: ", &counts, 6000);
	ck_assert_str_eq(hear(),
			 "STATUS=stopping: 3 connections, 4 flows, 512 B/s up, 3.0 GiB/s down\n");
}
END_TEST

START_TEST(the_line_is_said_when_it_is_another_one_and_not_too_often)
{
	struct status_line line = {.said_ms = 0};
	struct status_counts counts = {.connections = 1};

	status_line_update(&line, notify, "", &counts, 1000);
	ck_assert_str_ne(hear(), "");
	status_line_update(&line, notify, "", &counts, 1000 + STATUS_LINE_INTERVAL_MS);
	ck_assert_str_eq(hear(), "");
	counts.connections = 2;
	ck_assert(!status_line_is_due(&line, 1000 + 2 * STATUS_LINE_INTERVAL_MS - 1));
	status_line_update(&line, notify, "", &counts, 1000 + 2 * STATUS_LINE_INTERVAL_MS - 1);
	ck_assert_str_eq(hear(), "");
	status_line_update(&line, notify, "", &counts, 1000 + 2 * STATUS_LINE_INTERVAL_MS);
	ck_assert_str_ne(hear(), "");
}
END_TEST

static Suite *notify_suite(void)
{
	Suite *suite = suite_create("notify");
	TCase *messages = tcase_create("messages");
	TCase *line = tcase_create("line");

	tcase_add_checked_fixture(messages, set_up, tear_down);
	tcase_add_checked_fixture(line, set_up, tear_down);
	tcase_add_test(messages, nobody_is_told_without_an_address);
	tcase_add_test(messages, each_message_has_its_words);
	tcase_add_test(messages, a_long_status_is_cut);
	tcase_add_test(messages, what_finds_no_room_is_kept_the_latest_of_each_kind);
	tcase_add_test(messages, a_reload_that_waited_comes_before_its_end);
	tcase_add_test(messages, a_descriptor_goes_along);
	tcase_add_test(messages, a_descriptor_is_not_waited_for_without_end);
	tcase_add_loop_test(messages, the_watchdog_is_of_this_process, 0,
			    sizeof(watchdogs) / sizeof(watchdogs[0]));
	tcase_add_test(line, the_line_has_counts_and_rates);
	tcase_add_test(line, the_line_is_said_when_it_is_another_one_and_not_too_often);
	suite_add_tcase(suite, messages);
	suite_add_tcase(suite, line);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(notify_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
