/* SPDX-License-Identifier: BSD-2-Clause */
/* The user that the daemon becomes, the capabilities that it keeps, and those that it can do
 * without. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"

/* As linux/capability.h numbers them. */
#define NET_BIND_SERVICE (1ull << 10)
#define NET_ADMIN	 (1ull << 12)
#define NET_RAW		 (1ull << 13)

/* The user "nobody" of every distribution. */
#define NOBODY 65534

#define LISTENER                                                \
	"listeners = ( { name = \"t\"; listen = [ \"" LISTEN_V4 \
	"\", \"127.0.0.1:70\" ]; " DAEMON_TARGETS " } );\n"

#ifdef HAVE_CAP_NG

/* A number behind a key of the daemon's /proc/PID/status. */
static unsigned long long status_of(const char *key, int base)
{
	unsigned long long number;
	const char *at;
	char path[64];
	char *text;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)daemon_pid());
	text = harness_read(path);
	at = strstr(text, key);
	ck_assert_msg(at != NULL, "no %s in %s", key, text);
	number = strtoull(at + strlen(key), NULL, base);
	free(text);
	return number;
}

START_TEST(it_becomes_its_user_and_keeps_what_it_needs)
{
	static struct sender_header header;
	int backend = peer_listen(BACKEND_V4);
	int client;

	if (daemon_is_wrapped())
		return;
	daemon_start_config("workers = 2;\nuser = \"nobody\";\n" LISTENER);
	HARNESS_AWAIT(status_of("\nUid:", 10) == NOBODY);
	ck_assert_uint_eq(status_of("\nGid:", 10), NOBODY);
	ck_assert_uint_eq(status_of("\nCapPrm:", 16), NET_BIND_SERVICE | NET_ADMIN | NET_RAW);
	connection_try(backend, CONNECTION_CLIENT);
	/* A port below 1024, bound before. */
	client = peer_connect("127.0.0.1:0", "127.0.0.1:70");
	sender_v1(&header, "203.0.113.8:40000", NULL);
	peer_send(client, header.bytes, header.len);
	peer_accept_from(backend, "203.0.113.8:40000");
}
END_TEST

START_TEST(a_log_file_is_reopened_as_that_user)
{
	char config[1024];
	int backend = peer_listen(BACKEND_V4);

	if (daemon_is_wrapped())
		return;
	harness_shell("mkdir %s && chown %d %s", harness_path("logs"), NOBODY,
		      harness_path("logs"));
	snprintf(config, sizeof(config),
		 "user = \"nobody\";\nlog = { target = \"%s\"; };\n" LISTENER,
		 harness_path("logs/target.log"));
	daemon_start_config(config);
	HARNESS_AWAIT(status_of("\nUid:", 10) == NOBODY);
	harness_shell("mv %s %s", harness_path("logs/target.log"), harness_path("logs/old.log"));
	daemon_signal(SIGUSR1);
	HARNESS_AWAIT(access(harness_path("logs/target.log"), F_OK) == 0);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

/* As in containers, whose root has not all of them. */
START_TEST(it_keeps_those_that_it_has)
{
	static const unsigned long long dropped[] = {NET_ADMIN, NET_RAW};
	int backend = peer_listen(BACKEND_V4);
	struct command command;

	if (daemon_is_wrapped())
		return;
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, daemon_write_config("user = \"nobody\";\n" LISTENER));
	command.dropped_caps = dropped[_i];
	daemon_start_command(&command);
	HARNESS_AWAIT(status_of("\nUid:", 10) == NOBODY);
	ck_assert_uint_eq(status_of("\nCapPrm:", 16),
			  (NET_BIND_SERVICE | NET_ADMIN | NET_RAW) & ~dropped[_i]);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

#else

START_TEST(staying_root_is_said)
{
	if (_i == 1) {
		static struct command_result result;
		struct command command;

		daemon_command(&command);
		command_add(&command, "-c");
		command_add(&command, harness_write("wrong.conf", "user = \"nobody\";\n" LISTENER));
		command_run(&command, &result);
		ck_assert_int_eq(result.exit_code, 1);
		ck_assert_ptr_nonnull(strstr(result.err, "libcap-ng"));
		return;
	}
	daemon_start_config(LISTENER);
	daemon_log_await("warn ", "running as root", "libcap-ng");
}
END_TEST

#endif

START_TEST(an_unknown_user_or_group_is_an_error)
{
	static const char *const keys[] = {"user = \"no-such-user\";\n",
					   "group = \"no-such-group\";\n"};
	static struct command_result result;
	struct command command;
	char config[512];

	/* "group" alone matters only where there is a user to become. */
	snprintf(config, sizeof(config), "%s%s%s", _i == 1 ? "user = \"nobody\";\n" : "", keys[_i],
		 LISTENER);
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_write("wrong.conf", config));
	command_run(&command, &result);
	ck_assert_int_ne(result.exit_code, 0);
	ck_assert_ptr_nonnull(strstr(result.err, _i == 0 ? "user" : "group"));
}
END_TEST

START_TEST(one_of_the_capabilities_is_enough)
{
	int backend = peer_listen(BACKEND_V4);
	struct command command;

	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, daemon_write_config(LISTENER));
	command.dropped_caps = _i == 0 ? NET_ADMIN : NET_RAW;
	daemon_start_command(&command);
	connection_try(backend, CONNECTION_CLIENT);
	/* A client that comes back at once, and one that resets, need no more. */
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

static Suite *privileges_suite(void)
{
	Suite *suite = suite_create("net_privileges");
	TCase *privileges = harness_case(suite, "privileges", 60);

#ifdef HAVE_CAP_NG
	/* A user namespace of an ordinary user has no second user to become. */
	if (geteuid() == 0) {
		tcase_add_test(privileges, it_becomes_its_user_and_keeps_what_it_needs);
		tcase_add_test(privileges, a_log_file_is_reopened_as_that_user);
		tcase_add_loop_test(privileges, it_keeps_those_that_it_has, 0, 2);
	}
#else
	tcase_add_loop_test(privileges, staying_root_is_said, 0, 2);
#endif
	tcase_add_loop_test(privileges, an_unknown_user_or_group_is_an_error, 0,
			    geteuid() == 0 ? 2 : 1);
	tcase_add_loop_test(privileges, one_of_the_capabilities_is_enough, 0, 2);
	return suite;
}

int main(void)
{
	return harness_run(privileges_suite());
}
