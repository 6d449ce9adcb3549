/* SPDX-License-Identifier: BSD-2-Clause */
/* The log file of a daemon that is started as root: whose it is, and where root is not led. */
#include "config.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "connection.h"
#include "credentials.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "upgrade.h"

#define AS_NOBODY "user = \"nobody\";\n"
#define AS_ROOT	  "user = \"root\";\n"
#define SECRET	  "a secret\n"

/* Of this user, with this file as its log. */
static const char *config_of(const char *user, const char *log)
{
	static char config[2048];

	snprintf(config, sizeof(config),
		 "%sworkers = 1;\ndrain_timeout = \"100ms\";\nlog = { target = \"%s\"; };\n"
		 "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4
		 "\"; allowed_subnets = [ \"127.0.0.1\" ]; " DAEMON_TARGETS " } );\n",
		 user, harness_path(log));
	return config;
}

static void in_directory(const char *script)
{
	harness_shell("cd %s && %s", harness_path("."), script);
}

static bool holds(const char *name, const char *text)
{
	char *content = harness_read(harness_path(name));
	bool found = strstr(content, text) != NULL;

	free(content);
	return found;
}

/* A connection has its line there. */
static void check_line(int backend, const char *name, const char *client)
{
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "client=%s", client);
	connection_try(backend, client);
	HARNESS_AWAIT(holds(name, wanted));
}

#ifdef HAVE_CAP_NG

static void check_owner(const char *name, unsigned owner)
{
	struct stat st;

	ck_assert_int_eq(stat(harness_path(name), &st), 0);
	ck_assert_uint_eq(st.st_uid, owner);
	ck_assert_uint_eq(st.st_gid, owner);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
}

/* Where the user may make files, and where only root may: logrotate makes the next one then. */
START_TEST(it_belongs_to_the_user_and_is_opened_again)
{
	static const char *const makes[] = {"install -d -o 65534 -g 65534 -m 0750 logs",
					    "install -d -m 0755 logs"};
	static const char *const rotates[] = {
	    "mv logs/target.log logs/old.log",
	    "mv logs/target.log logs/old.log && install -m 0640 -o 65534 -g 65534 /dev/null "
	    "logs/target.log"};
	int backend = peer_listen(BACKEND_V4);

	in_directory(makes[_i]);
	(void)umask(0);
	daemon_start_config(config_of(AS_NOBODY, "logs/target.log"));
	HARNESS_AWAIT(credentials_number("\nUid:", 10) == NOBODY);
	check_owner("logs/target.log", NOBODY);
	check_line(backend, "logs/target.log", "203.0.113.1:40000");
	in_directory(rotates[_i]);
	daemon_signal(SIGUSR1);
	HARNESS_AWAIT(access(harness_path("logs/target.log"), F_OK) == 0);
	connection_try_until_logged(backend, harness_path("logs/target.log"));
	check_owner("logs/target.log", NOBODY);
	ck_assert(!holds("logs/old.log", "cannot open it again"));
}
END_TEST

/* The process that the log says has taken over. */
static pid_t await_successor(const char *name)
{
	static const char said[] = "upgraded: process ";
	char *text;
	pid_t pid;

	HARNESS_AWAIT(holds(name, said) || holds(name, "not upgraded"));
	text = harness_read(harness_path(name));
	ck_assert_msg(strstr(text, "not upgraded") == NULL, "%s", text);
	pid = (pid_t)strtol(strstr(text, said) + strlen(said), NULL, 10);
	free(text);
	return pid;
}

START_TEST(a_successor_opens_it)
{
	int backend = peer_listen(BACKEND_V4);
	const char *program = upgrade_prepare();
	struct command command = {.argc = 0};
	pid_t former;

	in_directory("install -d -m 0755 logs");
	command_add(&command, program);
	command_add(&command, "-c");
	command_add(&command, daemon_write_config(config_of(AS_NOBODY, "logs/target.log")));
	daemon_start_command(&command);
	former = daemon_pid();
	daemon_signal(SIGUSR2);
	daemon_follow(await_successor("logs/target.log"));
	upgrade_await_end(former);
	check_line(backend, "logs/target.log", "203.0.113.3:40000");
	check_owner("logs/target.log", NOBODY);
}
END_TEST

/* As a daemon that stayed root has left it. */
START_TEST(a_file_of_roots_is_used_and_warned_of)
{
	int backend = peer_listen(BACKEND_V4);

	in_directory("install -d -m 0755 logs && install -m 0640 /dev/null logs/target.log");
	daemon_start_config(config_of(AS_NOBODY, "logs/target.log"));
	HARNESS_AWAIT(credentials_number("\nUid:", 10) == NOBODY);
	HARNESS_AWAIT(holds("logs/target.log", "cannot open it again"));
	check_line(backend, "logs/target.log", "203.0.113.1:40000");
	check_owner("logs/target.log", 0);
}
END_TEST

/* In a container whose root may not give files away. */
START_TEST(without_chown_it_is_warned_of)
{
	int backend = peer_listen(BACKEND_V4);
	struct command command;

	in_directory("install -d -m 0755 logs");
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, daemon_write_config(config_of(AS_NOBODY, "logs/target.log")));
	credentials_grant(&command, NET_RAW | SETUID | SETGID | (_i == 1 ? CHOWN : 0));
	daemon_start_command(&command);
	HARNESS_AWAIT(credentials_number("\nUid:", 10) == NOBODY);
	check_line(backend, "logs/target.log", "203.0.113.1:40000");
	ck_assert_int_eq(holds("logs/target.log", "cannot open it again"), _i == 0);
	check_owner("logs/target.log", _i == 0 ? 0 : NOBODY);
}
END_TEST

#endif

/* ---- where root is not led ---- */

/* What the user of the log's directory puts in the place of the log. */
static const char *const traps[] = {
    "ln -s ../secret logs/target.log",
    "ln secret logs/target.log",
    "ln -s none logs/target.log",
};

static void set_trap(int trap)
{
	in_directory("printf '" SECRET "' >secret && chmod 600 secret && "
		     "install -d -o 65534 -g 65534 -m 0755 logs");
	in_directory(traps[trap]);
	in_directory("! [ -h logs/target.log ] || chown -h 65534:65534 logs/target.log");
}

static void check_secret(void)
{
	char *text = harness_read(harness_path("secret"));
	struct stat st;

	ck_assert_str_eq(text, SECRET);
	free(text);
	ck_assert_int_eq(stat(harness_path("secret"), &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_ne(access(harness_path("logs/none"), F_OK), 0);
}

static void expect_refusal(const char *user, const char *why)
{
	static struct command_result result;
	struct command command;
	char expected[512];

	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_write("refused.conf", config_of(user, "logs/target.log")));
	command_run(&command, &result);
	ck_assert_int_eq(result.exit_code, 1);
	ck_assert_msg(strstr(result.err, why) != NULL, "%s", result.err);
	check_secret();
	command_add(&command, "-t");
	command_run(&command, &result);
	ck_assert_int_eq(result.exit_code, 2);
	snprintf(expected, sizeof(expected), "%s:4: log.target: cannot open %s: %s\n",
		 harness_path("refused.conf"), harness_path("logs/target.log"), why);
	ck_assert_str_eq(result.err, expected);
	check_secret();
}

static const char *const whys[] = {"Too many levels of symbolic links", "Too many links",
				   "Too many levels of symbolic links"};

START_TEST(root_that_stays_is_not_led)
{
	set_trap(_i);
	expect_refusal(AS_ROOT, whys[_i]);
}
END_TEST

#ifdef HAVE_CAP_NG
START_TEST(root_that_becomes_the_user_is_not_led)
{
	set_trap(_i);
	expect_refusal(AS_NOBODY, whys[_i]);
}
END_TEST
#endif

/* By then it is somebody else who has made the trap. */
START_TEST(opening_again_is_not_led)
{
	int backend = peer_listen(BACKEND_V4);

	in_directory("install -d -o 65534 -g 65534 -m 0755 logs");
	daemon_start_config(config_of(AS_ROOT, "logs/target.log"));
	in_directory("mv logs/target.log logs/old.log");
	set_trap(_i);
	daemon_signal(SIGUSR1);
	HARNESS_AWAIT(holds("logs/old.log", whys[_i]));
	check_line(backend, "logs/old.log", "203.0.113.1:40000");
	check_secret();
}
END_TEST

/* ---- what -t says of it ---- */

static void test_file(const char *user, const char *log, int exit_code, const char *said)
{
	static struct command_result result;
	struct command command;

	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_write("tested.conf", config_of(user, log)));
	command_add(&command, "-t");
	command_run(&command, &result);
	ck_assert_msg(result.exit_code == exit_code, "%d: %s", result.exit_code, result.err);
	if (said == NULL)
		ck_assert_str_eq(result.err, "");
	else
		ck_assert_msg(strstr(result.err, said) != NULL, "%s", result.err);
	ck_assert_int_ne(access(harness_path(log), F_OK), 0);
}

START_TEST(the_test_asks_for_the_user)
{
	in_directory("install -d -m 0755 roots && install -d -o 65534 -m 0750 users && "
		     "install -d -m 0700 private");
	test_file(AS_ROOT, "roots/new.log", 0, NULL);
	test_file(AS_ROOT, "users/new.log", 0, NULL);
	test_file(AS_NOBODY, "none/new.log", 2, "tested.conf:4: log.target: cannot open ");
	test_file(AS_ROOT, "none/new.log", 2, "tested.conf:4: log.target: cannot open ");
#ifdef HAVE_CAP_NG
	test_file(AS_NOBODY, "users/new.log", 0, NULL);
	test_file(AS_NOBODY, "roots/new.log", 0,
		  "tested.conf:4: warning: log.target: root can open ");
	test_file(AS_NOBODY, "private/new.log", 0, "the user \"nobody\" cannot, as SIGUSR1");
#endif
}
END_TEST

static Suite *log_file_suite(void)
{
	Suite *suite = suite_create("net_log_file");
#ifdef HAVE_CAP_NG
	TCase *owner = harness_case(suite, "owner", 60);
#endif
	TCase *traps_case = harness_case(suite, "traps", 60);
	TCase *test = harness_case(suite, "test", 60);

	/* A user namespace of an ordinary user has no second user, and a wrapper no business here.
	 */
	if (geteuid() != 0 || daemon_is_wrapped())
		return suite;
#ifdef HAVE_CAP_NG
	tcase_add_loop_test(owner, it_belongs_to_the_user_and_is_opened_again, 0, 2);
	tcase_add_test(owner, a_successor_opens_it);
	tcase_add_test(owner, a_file_of_roots_is_used_and_warned_of);
	tcase_add_loop_test(owner, without_chown_it_is_warned_of, 0, 2);
	tcase_add_loop_test(traps_case, root_that_becomes_the_user_is_not_led, 0, 2);
#endif
	tcase_add_loop_test(traps_case, root_that_stays_is_not_led, 0, 3);
	tcase_add_loop_test(traps_case, opening_again_is_not_led, 0, 3);
	tcase_add_test(test, the_test_asks_for_the_user);
	return suite;
}

int main(void)
{
	return harness_run(log_file_suite());
}
