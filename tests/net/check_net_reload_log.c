/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGHUP: the log follows its keys, all of them or none. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"

/* Wants a restart, which is a warning at the end of each reload: most levels show it. */
#define WORKERS_NOW  "1"
#define WORKERS_NEXT "2"
#define RELOADED     "only a restart changes it"

static const char *config_with(const char *workers, const char *log, const char *listen)
{
	static char config[1024];

	snprintf(config, sizeof(config),
		 DAEMON_AS_ROOT "workers = %s;\nlog = { %s };\nlisteners = ( { name = \"t\"; "
				"listen = \"%s\"; " DAEMON_TARGETS " } );\n",
		 workers, log, listen);
	return config;
}

/* A path that stays, unlike harness_path()'s. */
static const char *path_of(const char *name, char buf[static 256])
{
	snprintf(buf, 256, "%s", harness_path(name));
	return buf;
}

static void start(const char *log)
{
	daemon_start_config(config_with(WORKERS_NOW, log, LISTEN_V4));
}

static void change(const char *log)
{
	(void)harness_write(DAEMON_CONFIG_NAME, config_with(WORKERS_NEXT, log, LISTEN_V4));
	daemon_signal(SIGHUP);
}

/* Lines of a file that hold both texts. */
static unsigned count_in(const char *path, const char *a, const char *b)
{
	char *text = harness_read(path);
	unsigned count = 0;
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		count += strstr(line, a) != NULL && strstr(line, b) != NULL;
	free(text);
	return count;
}

static const char *target_key(const char *path)
{
	static char key[512];

	snprintf(key, sizeof(key), "target = \"%s\";", path);
	return key;
}

/*
 * A session logs its end behind the last FIN and before it closes: whoever has seen the FIN waits
 * for the descriptors before the log changes.
 */
START_TEST(level_follows)
{
	int backend = peer_listen(BACKEND_V4);
	unsigned descriptors;

	start("level = \"info\";");
	(void)daemon_log_await(" is ready", NULL, NULL);
	descriptors = daemon_fd_count();
	connection_try(backend, "203.0.113.1:40000");
	(void)daemon_log_await("info ", "reason=done", "client=203.0.113.1:");
	change("level = \"warn\";");
	(void)daemon_log_await("warn ", RELOADED, NULL);
	connection_try(backend, "203.0.113.2:40000");
	daemon_await_fd_count(descriptors);
	change("level = \"debug\";");
	(void)daemon_log_await("info ", "reloaded: log.level changed", NULL);
	connection_try(backend, "203.0.113.3:40000");
	(void)daemon_log_await("info ", "reason=done", "client=203.0.113.3:");
	(void)daemon_log_await("debug ", NULL, NULL);
	ck_assert_uint_eq(daemon_log_count("client=203.0.113.2:", NULL), 0);
}
END_TEST

START_TEST(format_follows)
{
	int backend = peer_listen(BACKEND_V4);

	start("format = \"text\";");
	connection_try(backend, "203.0.113.1:40000");
	(void)daemon_log_await("info ", "reason=done", "client=203.0.113.1:");
	change("format = \"json\";");
	(void)daemon_log_await("{\"level\":\"info\"", "reloaded: log.format changed", NULL);
	connection_try(backend, "203.0.113.2:40000");
	(void)daemon_log_await("{\"level\":\"info\"", "\"reason\":\"done\"", "203.0.113.2:");
	change("format = \"text\";");
	(void)daemon_log_await("info ", "msg=\"reloaded: log.format changed", NULL);
}
END_TEST

START_TEST(target_follows)
{
	char first_buf[256];
	const char *first = path_of("first.log", first_buf);
	char second_buf[256];
	const char *second = path_of("second.log", second_buf);
	int backend = peer_listen(BACKEND_V4);
	unsigned descriptors;

	start("");
	connection_try(backend, "203.0.113.1:40000");
	(void)daemon_log_await("reason=done", "client=203.0.113.1:", NULL);
	change(target_key(first));
	HARNESS_AWAIT(count_in(first, "info time=", "reloaded: log.target changed") == 1);
	descriptors = daemon_fd_count();
	connection_try(backend, "203.0.113.2:40000");
	HARNESS_AWAIT(count_in(first, "reason=done", "client=203.0.113.2:") == 1);
	change(target_key(second));
	HARNESS_AWAIT(count_in(second, "info time=", "reloaded: log.target changed") == 1);
	connection_try(backend, "203.0.113.3:40000");
	HARNESS_AWAIT(count_in(second, "reason=done", "client=203.0.113.3:") == 1);
	daemon_await_fd_count(descriptors);
	change("target = \"stderr\";");
	(void)daemon_log_await("info ", "reloaded: log.target changed", NULL);
	connection_try(backend, "203.0.113.4:40000");
	(void)daemon_log_await("reason=done", "client=203.0.113.4:", NULL);
	ck_assert_uint_eq(daemon_log_count("client=203.0.113.2:", NULL), 0);
	ck_assert_uint_eq(daemon_log_count("client=203.0.113.3:", NULL), 0);
	ck_assert_uint_eq(count_in(first, "client=", "203.0.113.3:"), 0);
	ck_assert_uint_eq(count_in(second, "client=", "203.0.113.4:"), 0);
}
END_TEST

/* Nothing else of the file is used either. */
START_TEST(a_target_that_cannot_be_opened_refuses_the_reload)
{
	int backend = peer_listen(BACKEND_V4);
	unsigned descriptors;

	start("format = \"text\";");
	descriptors = daemon_fd_count();
	(void)harness_write(DAEMON_CONFIG_NAME,
			    config_with(WORKERS_NOW,
					"format = \"json\"; connections = false; "
					"target = \"/nonexistent/dir/file.log\";",
					"127.0.0.1:7001"));
	daemon_signal(SIGHUP);
	(void)daemon_log_await("error ", "log.target: cannot open /nonexistent/dir/file.log",
			       "No such file or directory");
	(void)daemon_log_await("error ", "not reloaded", NULL);
	ck_assert_int_lt(peer_try_connect(NULL, "127.0.0.1:7001"), 0);
	connection_try(backend, CONNECTION_CLIENT);
	(void)daemon_log_await("info ", "reason=done", "client=" CONNECTION_CLIENT);
	daemon_await_fd_count(descriptors);
}
END_TEST

/* The log stays where it is when something else is refused. */
START_TEST(a_reload_that_is_refused_leaves_the_log)
{
	char other_buf[256];
	const char *other = path_of("other.log", other_buf);
	int backend = peer_listen(BACKEND_V4);
	char keys[600];
	unsigned descriptors;

	(void)peer_listen("127.0.0.1:7001");
	start("format = \"text\";");
	descriptors = daemon_fd_count();
	snprintf(keys, sizeof(keys),
		 "level = \"error\"; format = \"json\"; connections = false; %s",
		 target_key(other));
	(void)harness_write(DAEMON_CONFIG_NAME, config_with(WORKERS_NOW, keys, "127.0.0.1:7001"));
	daemon_signal(SIGHUP);
	(void)daemon_log_await("error ", "not reloaded", NULL);
	connection_try(backend, CONNECTION_CLIENT);
	(void)daemon_log_await("info ", "reason=done", "client=" CONNECTION_CLIENT);
	ck_assert_uint_eq(count_in(other, "", ""), 0);
	daemon_await_fd_count(descriptors);
}
END_TEST

/* Which SIGUSR1 does; a directory that the daemon's user may not write to is no mistake then. */
START_TEST(the_same_target_is_not_opened_again)
{
	char path_buf[256];
	const char *path = path_of("same.log", path_buf);
	char moved_buf[256];
	const char *moved = path_of("same.log.1", moved_buf);
	int backend = peer_listen(BACKEND_V4);
	char keys[600];

	start(target_key(path));
	HARNESS_AWAIT(count_in(path, "info ", "") > 0);
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(keys, sizeof(keys), "level = \"debug\"; %s", target_key(path));
	change(keys);
	HARNESS_AWAIT(count_in(moved, "reloaded: log.level changed", "") == 1);
	connection_try(backend, CONNECTION_CLIENT);
	HARNESS_AWAIT(count_in(moved, "reason=done", "client=" CONNECTION_CLIENT) == 1);
	ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

/* Of connections that are open as well. */
START_TEST(connections_follows)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection open;
	unsigned descriptors;

	start("connections = true;");
	(void)daemon_log_await(" is ready", NULL, NULL);
	descriptors = daemon_fd_count();
	connection_open(&open, backend, "203.0.113.1:40000");
	change("connections = false;");
	(void)daemon_log_await("reloaded: log.connections changed", NULL, NULL);
	connection_finish(&open);
	connection_try(backend, "203.0.113.2:40000");
	daemon_await_fd_count(descriptors);
	connection_open(&open, backend, "203.0.113.3:40000");
	change("connections = true;");
	HARNESS_AWAIT(daemon_log_count("reloaded: log.connections changed", NULL) == 2);
	connection_finish(&open);
	(void)daemon_log_await("reason=done", "client=203.0.113.3:", NULL);
	ck_assert_uint_eq(daemon_log_count("client=203.0.113.1:", NULL), 0);
	ck_assert_uint_eq(daemon_log_count("client=203.0.113.2:", NULL), 0);
}
END_TEST

static Suite *reload_log_suite(void)
{
	Suite *suite = suite_create("net_reload_log");
	TCase *tcase = harness_case(suite, "reload_log", 60);

	tcase_add_test(tcase, level_follows);
	tcase_add_test(tcase, format_follows);
	tcase_add_test(tcase, target_follows);
	tcase_add_test(tcase, a_target_that_cannot_be_opened_refuses_the_reload);
	tcase_add_test(tcase, a_reload_that_is_refused_leaves_the_log);
	tcase_add_test(tcase, the_same_target_is_not_opened_again);
	tcase_add_test(tcase, connections_follows);
	return suite;
}

int main(void)
{
	return harness_run(reload_log_suite());
}
