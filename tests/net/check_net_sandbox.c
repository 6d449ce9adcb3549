/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon in its sandbox: who is inside, and that everything it does works from there. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "manager.h"
#include "peer.h"
#include "routes.h"
#include "tcp_table.h"
#include "upgrade.h"

#ifdef HAVE_SECCOMP

#define BLOCK(name, port, keys) \
	"{ name = \"" name "\"; listen = \"127.0.0.1:" #port "\"; " DAEMON_TARGETS keys "}"

static const char *configure(const char *keys, const char *blocks)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "workers = 2; drain_timeout = \"1h\";\n%s\nlisteners = ( %s );\n", keys, blocks);
	return harness_write(DAEMON_CONFIG_NAME, text);
}

static void start(const char *keys)
{
	struct command command;

	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, configure(keys, BLOCK("t", 7000, "")));
	daemon_start_command(&command);
	(void)daemon_log_await(" is ready, workers: ", NULL, NULL);
}

/* ---- who is inside ---- */

/* The number behind a key of a file like /proc/PID/status. */
static unsigned number_in(const char *status, const char *key)
{
	const char *at = strstr(status, key);

	ck_assert_msg(at != NULL, "no %s in %s", key, status);
	return (unsigned)atoi(at + strlen(key));
}

/* Filters of this test, which may be in a container. */
static unsigned own_filters(void)
{
	char *status = harness_read("/proc/self/status");
	unsigned filters = number_in(status, "\nSeccomp_filters:");

	free(status);
	return filters;
}

/* Each thread of the process has just so many beside these; returns how many threads it has. */
static unsigned check_threads(pid_t pid, unsigned filters)
{
	unsigned threads = 0;
	struct dirent *entry;
	char path[320];
	DIR *directory;

	filters += own_filters();
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	directory = opendir(path);
	ck_assert_ptr_nonnull(directory);
	while ((entry = readdir(directory)) != NULL) {
		char *status;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, entry->d_name);
		status = harness_read(path);
		/* The one that looks at routes at the start has ended, perhaps just now. */
		if (*status != '\0') {
			threads++;
			ck_assert_uint_eq(number_in(status, "\nSeccomp_filters:"), filters);
			ck_assert_uint_eq(number_in(status, "\nSeccomp:"), filters > 0 ? 2 : 0);
			if (filters > own_filters())
				ck_assert_uint_eq(number_in(status, "\nNoNewPrivs:"), 1);
		}
		free(status);
	}
	closedir(directory);
	return threads;
}

/* The main thread, the log's, and two workers. */
static void check_inside(void)
{
	ck_assert_uint_ge(check_threads(daemon_pid(), 1), 4);
}

/* The process that starts successors; 0 when there is none. */
static pid_t find_launcher(void)
{
	struct dirent *entry;
	DIR *directory = opendir("/proc");
	pid_t found = 0;

	ck_assert_ptr_nonnull(directory);
	while (found == 0 && (entry = readdir(directory)) != NULL) {
		char path[300];
		char parent[32];
		char *text;

		snprintf(path, sizeof(path), "/proc/%s/status", entry->d_name);
		snprintf(parent, sizeof(parent), "\nPPid:\t%d\n", (int)daemon_pid());
		text = harness_read(path);
		if (strncmp(text, "Name:\tmmproxy-upgrade\n", 22) == 0 &&
		    strstr(text, parent) != NULL)
			found = (pid_t)atoi(entry->d_name);
		free(text);
	}
	closedir(directory);
	return found;
}

START_TEST(every_thread_is_inside)
{
	int backend = peer_listen(BACKEND_V4);

	start(DAEMON_AS_ROOT);
	check_inside();
	connection_try(backend, CONNECTION_CLIENT);
	ck_assert_uint_eq(daemon_log_count("sandbox", NULL), 0);
}
END_TEST

START_TEST(without_it_nobody_is)
{
	int backend = peer_listen(BACKEND_V4);

	start(DAEMON_AS_ROOT "sandbox = false;");
	ck_assert_uint_ge(check_threads(daemon_pid(), 0), 4);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

/* What it starts would have the filter too, and one more each time. */
START_TEST(who_starts_successors_is_outside)
{
	pid_t launcher;

	start(DAEMON_AS_ROOT);
	HARNESS_AWAIT((launcher = find_launcher()) != 0);
	(void)check_threads(launcher, 0);
}
END_TEST

/* It has the same user, but its memory is not to be written to: its files in /proc are root's. */
START_TEST(who_is_outside_cannot_be_reached_from_inside)
{
	struct command command = {.argc = 0};
	struct stat st;
	char path[64];
	pid_t launcher;

	command_add(&command, "setpriv");
	command_add(&command, "--reuid=65534");
	command_add(&command, "--regid=65534");
	command_add(&command, "--clear-groups");
	command_add(&command, "--inh-caps=-all,+net_raw");
	command_add(&command, "--ambient-caps=-all,+net_raw");
	command_add(&command, upgrade_prepare());
	command_add(&command, "-c");
	command_add(&command, configure("", BLOCK("t", 7000, "")));
	daemon_start_command(&command);
	HARNESS_AWAIT((launcher = find_launcher()) != 0);
	(void)check_threads(launcher, 0);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)launcher);
	/* It has its name a moment before. */
	HARNESS_AWAIT(stat(path, &st) == 0 && st.st_uid == 0);
	/* The successor is a process like any other. */
	upgrade_daemon_idle();
	check_inside();
}
END_TEST

/* ---- where there can be none ---- */

/* From now on this process's children cannot have filters. */
static void refuse_filters(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

START_TEST(it_goes_on_where_there_can_be_none)
{
	int backend = peer_listen(BACKEND_V4);

	refuse_filters();
	start(DAEMON_AS_ROOT);
	(void)daemon_log_await("warn ", "sandbox: ", "going on without");
	ck_assert_uint_eq(daemon_log_count("sandbox", NULL), 1);
	ck_assert_uint_ge(check_threads(daemon_pid(), 0), 4);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

/* ---- what is done from inside ---- */

static void reload(const char *keys, const char *blocks)
{
	unsigned before = daemon_log_count("reloaded", NULL);

	(void)configure(keys, blocks);
	daemon_signal(SIGHUP);
	HARNESS_AWAIT(daemon_log_count("reloaded", NULL) > before);
}

START_TEST(listeners_come_and_go)
{
	int backend = peer_listen(BACKEND_V4);
	char keys[512];

	start(DAEMON_AS_ROOT);
	harness_write("networks", "127.0.0.0/8\n");
	snprintf(keys, sizeof(keys), DAEMON_AS_ROOT "admin = { listen = \"unix:%s\"; };",
		 harness_path("./../sandbox.sock"));
	reload(keys, BLOCK("t", 7000, "allowed_subnets_file = \"networks\";") ", " BLOCK("more",
											 7001, ""));
	ck_assert_int_eq(access(harness_path("../sandbox.sock"), F_OK), 0);
	connection_try(backend, CONNECTION_CLIENT);
	peer_close(peer_connect(NULL, "127.0.0.1:7001"));
	reload(DAEMON_AS_ROOT, BLOCK("more", 7001, ""));
	HARNESS_AWAIT(tcp_table_count(7000, TCP_TABLE_LISTEN) == 0);
	HARNESS_AWAIT(access(harness_path("../sandbox.sock"), F_OK) < 0);
	check_inside();
}
END_TEST

START_TEST(a_change_of_it_needs_a_restart)
{
	start(DAEMON_AS_ROOT);
	reload(DAEMON_AS_ROOT "sandbox = false;", BLOCK("t", 7000, ""));
	(void)daemon_log_await("warn ", "sandbox", "restart");
	check_inside();
}
END_TEST

START_TEST(a_log_file_is_opened_anew)
{
	char keys[512];

	snprintf(keys, sizeof(keys), DAEMON_AS_ROOT "log = { target = \"%s\"; };",
		 harness_path("own.log"));
	{
		struct command command;

		daemon_command(&command);
		command_add(&command, "-c");
		command_add(&command, configure(keys, BLOCK("t", 7000, "")));
		daemon_start_command(&command);
	}
	for (int i = 0; i < 2; i++) {
		int backend = peer_listen(BACKEND_V4);

		harness_shell("mv %s %s", harness_path("own.log"), harness_path("old.log"));
		daemon_signal(SIGUSR1);
		HARNESS_AWAIT(access(harness_path("own.log"), F_OK) == 0);
		connection_try_until_logged(backend, harness_path("own.log"));
		peer_close(backend);
	}
	check_inside();
}
END_TEST

START_TEST(successors_have_one_of_their_own)
{
	int backend = peer_listen(BACKEND_V4);

	(void)upgrade_prepare();
	start(DAEMON_AS_ROOT);
	for (int i = 0; i < 3; i++) {
		upgrade_daemon_idle();
		check_inside();
		connection_try(backend, CONNECTION_CLIENT);
	}
}
END_TEST

START_TEST(a_successor_may_do_without)
{
	(void)upgrade_prepare();
	start(DAEMON_AS_ROOT);
	(void)configure(DAEMON_AS_ROOT "sandbox = false;", BLOCK("t", 7000, ""));
	upgrade_daemon_idle();
	ck_assert_uint_ge(check_threads(daemon_pid(), 0), 4);
}
END_TEST

static pid_t find_child(void)
{
	char path[64];
	char *text;
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	text = harness_read(path);
	pid = (pid_t)atoi(text);
	free(text);
	return pid;
}

START_TEST(the_child_that_drains_is_inside)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	pid_t child;
	int status;

	manager_open();
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	start(DAEMON_AS_ROOT);
	manager_await("READY=1");
	connection_open(&connection, backend, CONNECTION_CLIENT);
	daemon_signal(SIGQUIT);
	ck_assert_int_eq(daemon_wait(), 0);
	HARNESS_AWAIT((child = find_child()) != 0);
	connection_check(&connection);
	HARNESS_AWAIT(check_threads(child, 1) >= 3);
	connection_finish(&connection);
	HARNESS_AWAIT(waitpid(child, &status, WNOHANG) == child);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(return_routes_follow)
{
	int backend = peer_listen(BACKEND_V4);
	char *before = routes_dump();
	char *after;

	start(DAEMON_AS_ROOT "routing = { manage = true; };");
	check_inside();
	connection_try(backend, CONNECTION_CLIENT);
	ck_assert_uint_gt(routes_count("proto 223"), 0);
	/* What another program takes away comes back. */
	harness_shell("ip rule del from 127.0.0.1 iif lo ipproto tcp sport 8000 lookup 123");
	HARNESS_AWAIT(routes_count("sport 8000 lookup 123") == 2);
	reload(DAEMON_AS_ROOT "routing = { manage = true; table = 124; };", BLOCK("t", 7000, ""));
	HARNESS_AWAIT(routes_count("sport 8000 lookup 124") == 2);
	connection_try(backend, CONNECTION_CLIENT);
	daemon_stop();
	after = routes_dump();
	ck_assert_str_eq(after, before);
	free(after);
	free(before);
}
END_TEST

static Suite *sandbox_suite(void)
{
	Suite *suite = suite_create("net_sandbox");
	TCase *inside = harness_case(suite, "inside", 60);
	TCase *routes = harness_case_without_routes(suite, "routes", 60);

	tcase_add_test(inside, every_thread_is_inside);
	tcase_add_test(inside, without_it_nobody_is);
	tcase_add_test(inside, who_starts_successors_is_outside);
	if (geteuid() == 0 && harness_has_tool("setpriv"))
		tcase_add_test(inside, who_is_outside_cannot_be_reached_from_inside);
	tcase_add_test(inside, it_goes_on_where_there_can_be_none);
	tcase_add_test(inside, listeners_come_and_go);
	tcase_add_test(inside, a_change_of_it_needs_a_restart);
	tcase_add_test(inside, a_log_file_is_opened_anew);
	tcase_add_test(inside, successors_have_one_of_their_own);
	tcase_add_test(inside, a_successor_may_do_without);
	tcase_add_test(inside, the_child_that_drains_is_inside);
	if (routes_are_built())
		tcase_add_test(routes, return_routes_follow);
	return suite;
}

int main(void)
{
	return harness_run(sandbox_suite());
}

#else

int main(void)
{
	printf("skipped: built without libseccomp\n");
	return 77;
}

#endif
