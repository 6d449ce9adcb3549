/* SPDX-License-Identifier: BSD-2-Clause */
/* Where lines go: standard error, the journal, files that are rotated. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"

static const char *config_with(const char *log)
{
	static char config[1024];

	snprintf(config, sizeof(config),
		 DAEMON_AS_ROOT
		 "workers = 1;\nlog = { %s };\nlisteners = ( { name = \"t\"; listen = "
		 "\"" LISTEN_V4 "\"; " DAEMON_TARGETS " } );\n",
		 log);
	return config;
}

static void start_with_target(const char *path)
{
	char log[512];

	snprintf(log, sizeof(log), "target = \"%s\";", path);
	daemon_start_config(config_with(log));
}

/* ---- standard error ---- */

/* Start it with its standard error where this shell script sends it. */
static void start_in_shell(const char *script, const char *log)
{
	struct command command = {.argc = 0};
	struct command daemon;

	daemon_command(&daemon);
	command_add(&command, "/bin/sh");
	command_add(&command, "-c");
	command_add(&command, script);
	command_add(&command, "sh");
	for (size_t i = 0; i < daemon.argc; i++)
		command_add(&command, daemon.argv[i]);
	command_add(&command, "-c");
	command_add(&command, daemon_write_config(config_with(log)));
	daemon_start_command(&command);
}

/* The level that the line begins with, and a space; NULL for a line that is none of the log's. */
static const char *behind_level(const char *line)
{
	static const char *const levels[] = {"debug ", "info ", "warn ", "error "};

	for (size_t i = 0; i < 4; i++)
		if (strncmp(line, levels[i], strlen(levels[i])) == 0)
			return line + strlen(levels[i]);
	return NULL;
}

/* Each line of a log. Returns how many there are. */
static unsigned check_lines(const char *path, void (*check)(const char *line))
{
	char *text = harness_read(path);
	unsigned count = 0;
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest), count++)
		check(line);
	free(text);
	return count;
}

static void check_time(const char *line)
{
	const char *at = behind_level(line);
	int day[6];
	int ms;
	int len = 0;

	ck_assert_msg(at != NULL, "no level: %s", line);
	ck_assert_msg(sscanf(at, "time=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &day[0], &day[1], &day[2],
			     &day[3], &day[4], &day[5], &ms, &len) == 7 &&
			  len == (int)strlen("time=2026-11-21T17:22:47.123Z "),
		      "no time: %s", line);
}

START_TEST(lines_on_standard_error_have_their_time)
{
	/* Where the journal is named, but is not standard error any more. */
	static const char *const scripts[] = {"exec \"$@\"", "JOURNAL_STREAM=8:1 exec \"$@\""};
	int backend = peer_listen(BACKEND_V4);

	start_in_shell(scripts[_i], "level = \"debug\";");
	connection_try(backend, CONNECTION_CLIENT);
	daemon_stop();
	ck_assert_uint_ge(check_lines(harness_path(DAEMON_LOG_NAME), check_time), 4);
}
END_TEST

static void check_priority(const char *line)
{
	static const char *const levels[] = {"<7>debug ", "<6>info ", "<4>warn ", "<3>error "};
	bool found = false;

	for (size_t i = 0; i < 4; i++)
		found |= strncmp(line, levels[i], strlen(levels[i])) == 0;
	ck_assert_msg(found, "no priority: %s", line);
	ck_assert_msg(strstr(line, "time=") == NULL, "a time: %s", line);
}

START_TEST(lines_for_the_journal_have_their_priority)
{
	int backend = peer_listen(BACKEND_V4);

	start_in_shell("JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$@\"",
		       "level = \"debug\";");
	connection_try(backend, CONNECTION_CLIENT);
	daemon_stop();
	ck_assert_uint_ge(check_lines(harness_path(DAEMON_LOG_NAME), check_priority), 4);
	ck_assert_uint_eq(daemon_log_count("<6>info listener=t peer=", "reason=done"), 1);
}
END_TEST

/* ---- files ---- */

static bool file_has(const char *path, const char *text)
{
	char *content = harness_read(path);
	bool found = strstr(content, text) != NULL;

	free(content);
	return found;
}

START_TEST(a_file_is_opened_again_after_rotation)
{
	const char *path = harness_path("target.log");
	const char *rotated = harness_path("target.log.1");
	int backend = peer_listen(BACKEND_V4);
	struct connection open;

	start_with_target(path);
	connection_try(backend, "203.0.113.1:40000");
	HARNESS_AWAIT(file_has(path, "client=203.0.113.1:40000"));
	connection_open(&open, backend, "203.0.113.9:40000");
	ck_assert_int_eq(rename(path, rotated), 0);
	daemon_signal(SIGUSR1);
	/* From here on lines go to a new file, and none is lost on the way. */
	connection_try_until_logged(backend, path);
	connection_finish(&open);
	daemon_stop();
	ck_assert(file_has(path, "client=203.0.113.9:40000"));
	ck_assert(file_has(rotated, "client=203.0.113.1:40000"));
	ck_assert(!file_has(path, "client=203.0.113.1:40000"));
	ck_assert_uint_gt(check_lines(rotated, check_time), 0);
	ck_assert_uint_gt(check_lines(path, check_time), 0);
	/* Standard error had no lines of connections. */
	ck_assert_uint_eq(daemon_log_count("reason=", NULL), 0);
}
END_TEST

/* What stands where the log was. */
struct obstacle {
	const char *make;
	const char *why;
	const char *mend;
};

static const struct obstacle obstacles[] = {
    {"mv logs gone", "No such file or directory", "mkdir logs"},
    {"mv logs gone && touch logs", "Not a directory", "rm logs && mkdir logs"},
    {"cp -r logs gone && mv logs/target.log gone && mkdir logs/target.log", "Is a directory",
     "rmdir logs/target.log"},
    {"cp -r logs gone && mv logs/target.log gone && chmod 755 logs && "
     "ln -s none/x logs/target.log",
     "No such file or directory", "rm logs/target.log"},
    {"cp -r logs gone && mv logs/target.log gone && ln -s target.log logs/target.log",
     "Too many levels of symbolic links", "rm logs/target.log"},
};

static void in_directory(const char *script)
{
	harness_shell("cd %s && %s", harness_path("."), script);
}

/* Lines of a file that hold a text. */
static unsigned count_in(const char *path, const char *wanted)
{
	char *text = harness_read(path);
	unsigned count = 0;

	for (const char *at = strstr(text, wanted); at != NULL; at = strstr(at + 1, wanted))
		count++;
	free(text);
	return count;
}

/* The former file goes on, one line there says why, and a later signal finds the way free. */
START_TEST(a_file_that_cannot_be_opened_again_ends_nothing)
{
	const struct obstacle *obstacle = &obstacles[_i];
	int backend = peer_listen(BACKEND_V4);
	const char *former = harness_path("gone/target.log");
	unsigned descriptors;

	in_directory("mkdir -m 0777 logs");
	start_with_target(harness_path("logs/target.log"));
	descriptors = daemon_fd_count();
	in_directory(obstacle->make);
	daemon_signal(SIGUSR1);
	HARNESS_AWAIT(file_has(former, "error time="));
	connection_try(backend, CONNECTION_CLIENT);
	HARNESS_AWAIT(file_has(former, "reason=done"));
	ck_assert_uint_eq(count_in(former, "\nerror time="), 1);
	ck_assert(file_has(former, obstacle->why));
	ck_assert(file_has(former, "logs/target.log again"));
	in_directory(obstacle->mend);
	daemon_signal(SIGUSR1);
	HARNESS_AWAIT(access(harness_path("logs/target.log"), F_OK) == 0);
	connection_try_until_logged(backend, harness_path("logs/target.log"));
	daemon_await_fd_count(descriptors);
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_is_an_error_at_the_start)
{
	static struct command_result result;
	struct command command;

	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command,
		    harness_write("bad.conf", "log = { target = \"/nonexistent/dir/file.log\"; };\n"
					      "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4
					      "\"; " DAEMON_TARGETS " } );\n"));
	command_run(&command, &result);
	ck_assert_int_eq(result.exit_code, 1);
	ck_assert_ptr_nonnull(strstr(result.err, "/nonexistent/dir/file.log"));
}
END_TEST

static Suite *log_target_suite(void)
{
	Suite *suite = suite_create("net_log_target");
	TCase *standard_error = harness_case(suite, "standard_error", 60);
	TCase *files = harness_case(suite, "files", 60);

	tcase_add_loop_test(standard_error, lines_on_standard_error_have_their_time, 0, 2);
	tcase_add_test(standard_error, lines_for_the_journal_have_their_priority);
	tcase_add_test(files, a_file_is_opened_again_after_rotation);
	tcase_add_loop_test(files, a_file_that_cannot_be_opened_again_ends_nothing, 0,
			    (int)(sizeof(obstacles) / sizeof(obstacles[0])));
	tcase_add_test(files, a_file_that_cannot_be_opened_is_an_error_at_the_start);
	return suite;
}

int main(void)
{
	return harness_run(log_target_suite());
}
