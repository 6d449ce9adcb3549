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
#include "credentials.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "routes.h"
#include "sender.h"

#define LISTENER                                                \
	"listeners = ( { name = \"t\"; listen = [ \"" LISTEN_V4 \
	"\", \"127.0.0.1:70\" ]; " DAEMON_TARGETS " } );\n"

#define LISTENER_7000 \
	"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " } );\n"

/* Of what needs the fewest capabilities. */
#define ON_7000                                               \
	"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 \
	"\"; source_port = \"ephemeral\"; " DAEMON_TARGETS " } );\n"

/* A connection of a client whose port the kernel chooses anew. */
static void try_ephemeral(int backend)
{
	int client = sender_open_v1(CONNECTION_CLIENT);
	unsigned port;
	int server = peer_accept_from_ip(backend, "203.0.113.7", &port);

	peer_send_text(client, "a question");
	peer_expect_text(server, "a question");
	peer_close(server);
	peer_close(client);
}

#ifdef HAVE_CAP_NG

/* Have this shell script start it. */
static void start_in_shell(const char *script, const char *config)
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
	command_add(&command, daemon_write_config(config));
	daemon_start_command(&command);
}

/* Make the command of a daemon that has these capabilities of root's, as in a container. */
static void make_contained(struct command *command, unsigned long long capabilities,
			   const char *config)
{
	daemon_command(command);
	command_add(command, "-c");
	command_add(command, daemon_write_config(config));
	credentials_grant(command, capabilities);
}

START_TEST(it_becomes_its_user_and_keeps_what_it_needs)
{
	static struct sender_header header;
	int backend = peer_listen(BACKEND_V4);
	int client;

	if (daemon_is_wrapped())
		return;
	start_in_shell("umask 0; exec setpriv --groups=4,20 \"$@\"",
		       "workers = 2;\nuser = \"nobody\";\n" LISTENER);
	HARNESS_AWAIT(credentials_number("\nUid:", 10) == NOBODY);
	ck_assert_uint_eq(credentials_number("\nGid:", 10), NOBODY);
	ck_assert_uint_eq(credentials_number("\nGroups:", 10), 0);
	credentials_expect(NET_BIND_SERVICE | NET_ADMIN | NET_RAW);
	ck_assert_uint_eq(credentials_number("\nCapBnd:", 16),
			  NET_BIND_SERVICE | NET_ADMIN | NET_RAW);
	ck_assert_uint_eq(credentials_number("\nUmask:", 8), 0027);
	ck_assert_uint_eq(credentials_proc_owner(), 0);
	connection_try(backend, CONNECTION_CLIENT);
	/* A port below 1024, bound before. */
	client = peer_connect("127.0.0.1:0", "127.0.0.1:70");
	sender_v1(&header, "203.0.113.8:40000", NULL);
	peer_send(client, header.bytes, header.len);
	peer_accept_from(backend, "203.0.113.8:40000");
}
END_TEST

/* As in containers, whose root has not all of them: "docker run --cap-drop ALL --cap-add ...". */
START_TEST(it_keeps_those_that_it_has)
{
	static const unsigned long long kept[] = {NET_BIND_SERVICE | NET_RAW,
						  NET_BIND_SERVICE | NET_ADMIN,
						  NET_BIND_SERVICE | NET_ADMIN | NET_RAW};
	int backend = peer_listen(BACKEND_V4);
	struct command command;

	if (daemon_is_wrapped())
		return;
	make_contained(&command, kept[_i] | SETUID | SETGID, "user = \"nobody\";\n" LISTENER);
	daemon_start_command(&command);
	HARNESS_AWAIT(credentials_number("\nUid:", 10) == NOBODY);
	ck_assert_uint_eq(credentials_number("\nGroups:", 10), 0);
	credentials_expect(kept[_i]);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

/* One capability, with which it can do what it is for, and nothing else. */
START_TEST(a_container_with_one_capability_is_enough)
{
	int backend = peer_listen(BACKEND_V4);
	struct command command;

	if (daemon_is_wrapped())
		return;
	make_contained(&command, NET_RAW | (_i == 0 ? SETUID | SETGID : 0),
		       _i == 0 ? "user = \"nobody\";\n" ON_7000 : DAEMON_AS_ROOT ON_7000);
	daemon_start_command(&command);
	HARNESS_AWAIT(credentials_number("\nUid:", 10) == (_i == 0 ? NOBODY : 0));
	credentials_expect(NET_RAW);
	try_ephemeral(backend);
}
END_TEST

/* Who asks for a user gets that one, or a sentence that names what is missing. */
START_TEST(a_user_that_it_cannot_become_is_an_error)
{
	static const unsigned long long granted[] = {0, SETUID, SETGID};
	static const char *const missing[] = {"CAP_SETGID and CAP_SETUID", "CAP_SETGID",
					      "CAP_SETUID"};
	static struct command_result result;
	struct command command;

	if (daemon_is_wrapped())
		return;
	make_contained(&command, granted[_i] | NET_RAW, "\nuser = \"nobody\";\n" ON_7000);
	command_run(&command, &result);
	ck_assert_int_eq(result.exit_code, 1);
	ck_assert_msg(strstr(result.err, missing[_i]) != NULL, "%s", result.err);
	ck_assert_ptr_nonnull(strstr(result.err, "user: cannot become \\\"nobody\\\""));
	command_add(&command, "-t");
	command_run(&command, &result);
	ck_assert_int_eq(result.exit_code, 2);
	ck_assert_msg(strstr(result.err, "mmproxy.conf:2: user: cannot become") != NULL, "%s",
		      result.err);
}
END_TEST

/* The default user, where there is one: a container without these stays root, and says so. */
START_TEST(a_default_user_is_not_insisted_on)
{
	int backend = peer_listen(BACKEND_V4);
	struct command command;

	if (daemon_is_wrapped() || !netns_enter_mounts())
		return;
	harness_shell(
	    "grep -v ^mmproxy: /etc/passwd >%s && "
	    "echo mmproxy:x:65533:65533::/:/bin/false >>%s && mount --bind %s /etc/passwd",
	    harness_path("passwd"), harness_path("passwd"), harness_path("passwd"));
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_write(DAEMON_CONFIG_NAME, ON_7000));
	credentials_grant(&command, NET_RAW | (_i == 0 ? 0 : SETUID | SETGID));
	daemon_start_command(&command);
	HARNESS_AWAIT(credentials_number("\nUid:", 10) == (_i == 0 ? 0 : 65533));
	if (_i == 0)
		(void)daemon_log_await("warn ", "running as root: cannot become",
				       "without CAP_SETGID and CAP_SETUID");
	credentials_expect(NET_RAW);
	try_ephemeral(backend);
}
END_TEST

/* What a shell had open for root is not the user's. */
START_TEST(what_root_had_open_is_closed)
{
	char path[64];

	if (daemon_is_wrapped())
		return;
	start_in_shell("exec 8</etc/shadow 9>/dev/null; exec \"$@\"",
		       "user = \"nobody\";\n" ON_7000);
	HARNESS_AWAIT(credentials_number("\nUid:", 10) == NOBODY);
	for (int fd = 8; fd < 10; fd++) {
		char target[256];
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)daemon_pid(), fd);
		len = readlink(path, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
		ck_assert_msg(strcmp(target, "/etc/shadow") != 0 &&
				  strcmp(target, "/dev/null") != 0,
			      "%s is %s", path, target);
	}
}
END_TEST

/* For a core dump, or a debugger of that user. */
START_TEST(the_environment_leaves_it_dumpable)
{
	static const char *const values[] = {"1", "0", ""};

	if (daemon_is_wrapped())
		return;
	setenv("MMPROXY_DUMPABLE", values[_i], 1);
	daemon_start_config("user = \"nobody\";\n" ON_7000);
	HARNESS_AWAIT(credentials_number("\nNoNewPrivs:", 10) == 1);
	HARNESS_AWAIT(credentials_proc_owner() == (_i == 0 ? NOBODY : 0));
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

/* Staying root is no reason to be able to load modules. */
START_TEST(root_keeps_no_more_than_it_needs)
{
	int backend = peer_listen(BACKEND_V4);

	if (daemon_is_wrapped())
		return;
	daemon_start_config(_i == 0 ? LISTENER : ON_7000);
	credentials_expect((_i == 0 ? NET_BIND_SERVICE : 0) | NET_ADMIN | NET_RAW | DAC_OVERRIDE);
	if (_i == 0)
		connection_try(backend, CONNECTION_CLIENT);
	else
		try_ephemeral(backend);
}
END_TEST

static void write_and_reload(const char *config)
{
	harness_write(DAEMON_CONFIG_NAME, config);
	daemon_signal(SIGHUP);
}

/* A reload cannot have what was given up: it says which, and that a restart has it. */
START_TEST(a_reload_that_needs_more_is_refused)
{
	static const char *const more[] = {
	    DAEMON_AS_ROOT "listeners = ( { name = \"t\"; listen = [ \"" LISTEN_V4
			   "\", \"127.0.0.1:70\" ]; source_port = \"ephemeral\"; " DAEMON_TARGETS
			   " } );\n",
	    DAEMON_AS_ROOT "routing = { manage = true; };\n" ON_7000,
	};
	static const char *const missing[] = {"CAP_NET_BIND_SERVICE", "CAP_NET_ADMIN"};
	int backend = peer_listen(BACKEND_V4);
	struct command command;

	if (daemon_is_wrapped() || (_i == 1 && !routes_are_built()))
		return;
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, daemon_write_config(DAEMON_AS_ROOT ON_7000));
	if (_i == 1)
		command.dropped_caps = NET_ADMIN;
	daemon_start_command(&command);
	write_and_reload(more[_i]);
	(void)daemon_log_await("error ", missing[_i], "restart");
	(void)daemon_log_await("error ", "not reloaded", NULL);
	try_ephemeral(backend);
	/* And what it has enough for is still read. */
	write_and_reload(DAEMON_AS_ROOT "drain_timeout = \"1s\";\n" ON_7000);
	(void)daemon_log_await("reloaded: drain_timeout", NULL, NULL);
}
END_TEST

/* What works, but not for everybody, is said of the new configuration. */
START_TEST(a_reload_says_what_it_cannot_have)
{
	if (daemon_is_wrapped())
		return;
	daemon_start_config(ON_7000);
	ck_assert_uint_eq(daemon_log_count("without CAP_", NULL), 0);
	for (int i = 0; i < 2; i++) {
		write_and_reload(i == 0 ? DAEMON_AS_ROOT LISTENER_7000
					: DAEMON_AS_ROOT "drain_timeout = \"1s\";\n" LISTENER_7000);
		(void)daemon_log_await("reloaded: ", i == 0 ? "source_port" : "drain_timeout",
				       NULL);
	}
	(void)daemon_log_await("info ", "without CAP_NET_BIND_SERVICE", "below 1024");
	ck_assert_uint_eq(daemon_log_count("without CAP_", NULL), 1);
}
END_TEST

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
		tcase_add_loop_test(privileges, it_keeps_those_that_it_has, 0, 3);
		tcase_add_loop_test(privileges, a_container_with_one_capability_is_enough, 0, 2);
		tcase_add_loop_test(privileges, a_user_that_it_cannot_become_is_an_error, 0, 3);
		tcase_add_loop_test(privileges, a_default_user_is_not_insisted_on, 0, 2);
		tcase_add_test(privileges, what_root_had_open_is_closed);
		tcase_add_loop_test(privileges, the_environment_leaves_it_dumpable, 0, 3);
	}
#else
	tcase_add_loop_test(privileges, staying_root_is_said, 0, 2);
#endif
	tcase_add_loop_test(privileges, root_keeps_no_more_than_it_needs, 0, 2);
	tcase_add_loop_test(privileges, a_reload_that_needs_more_is_refused, 0, 2);
	tcase_add_test(privileges, a_reload_says_what_it_cannot_have);
	tcase_add_loop_test(privileges, an_unknown_user_or_group_is_an_error, 0,
			    geteuid() == 0 ? 2 : 1);
	tcase_add_loop_test(privileges, one_of_the_capabilities_is_enough, 0, 2);
	return suite;
}

int main(void)
{
	return harness_run(privileges_suite());
}
