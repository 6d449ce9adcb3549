/* SPDX-License-Identifier: BSD-2-Clause */
/* Upgrades of a daemon that is no root any more, and what the service manager hears of them. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "balancer.h"
#include "connection.h"
#include "credentials.h"
#include "daemon.h"
#include "harness.h"
#include "manager.h"
#include "peer.h"
#include "tcp_table.h"
#include "udp.h"
#include "udp_table.h"
#include "upgrade.h"

#define BLOCKS                                                              \
	"{ name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS "}, " \
	"{ name = \"u\"; protocol = \"udp\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS "}"

static const char *write_config(const char *user, const char *more)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "workers = 2;\ndrain_timeout = \"100ms\";\n%slog = { level = \"debug\"; };\n"
		 "defaults = { " DAEMON_PATIENT_TCP DAEMON_PATIENT_UDP "};\n"
		 "listeners = ( " BLOCKS "%s );\n",
		 user, more);
	return harness_write(DAEMON_CONFIG_NAME, text);
}

/* What an ordinary user's daemon has, and no more; and nobody else may look into it. */
static void check_status(unsigned long long capabilities)
{
	ck_assert_uint_eq(credentials_number("\nUid:", 10), NOBODY);
	ck_assert_uint_eq(credentials_proc_owner(), 0);
	credentials_expect(capabilities);
}

static void use_it_through_upgrades(const char *user, unsigned long long capabilities)
{
	int backend = peer_listen(BACKEND_V4);
	int udp_backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int client;

	balancer_check(balancer, udp_backend, BALANCER_CLIENT);
	for (int i = 0; i < 3; i++) {
		/* A port below 1024 that is bound by the successor. */
		if (i == 1)
			write_config(
			    user,
			    ", { name = \"low\"; listen = \"127.0.0.1:70\"; " DAEMON_TARGETS "}");
		upgrade_daemon_idle();
		check_status(capabilities);
		connection_try(backend, CONNECTION_CLIENT);
		balancer_check(balancer, udp_backend, BALANCER_CLIENT);
		balancer_check(balancer, udp_backend, BALANCER_OTHER_CLIENT);
	}
	client = peer_connect(NULL, "127.0.0.1:70");
	peer_send_text(client, "PROXY TCP4 203.0.113.9 198.51.100.1 40000 443\r\n");
	peer_accept_from(backend, "203.0.113.9:40000");
}

#ifdef HAVE_CAP_NG
START_TEST(started_as_root_with_a_user)
{
	struct command command;

	(void)upgrade_prepare();
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, write_config("user = \"nobody\";\n", ""));
	daemon_start_command(&command);
	HARNESS_AWAIT(credentials_number("\nUid:", 10) == NOBODY);
	use_it_through_upgrades("user = \"nobody\";\n", NET_BIND_SERVICE | NET_ADMIN | NET_RAW);
}
END_TEST
#endif

/* As the unit does it: AmbientCapabilities and NoNewPrivileges. */
START_TEST(started_as_a_user_with_ambient_capabilities)
{
	static const char *const words[] = {
	    "setpriv",
	    "--reuid=65534",
	    "--regid=65534",
	    "--clear-groups",
	    "--inh-caps=-all,+net_raw,+net_bind_service",
	    "--ambient-caps=-all,+net_raw,+net_bind_service",
	    "--bounding-set=-all,+net_raw,+net_bind_service",
	    "--no-new-privs",
	};
	const char *program = upgrade_prepare();
	struct command command = {.argc = 0};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		command_add(&command, words[i]);
	command_add(&command, program);
	command_add(&command, "-c");
	command_add(&command, write_config("", ""));
	daemon_start_command(&command);
	use_it_through_upgrades("", NET_BIND_SERVICE | NET_RAW);
}
END_TEST

/* The file brings them along, in every process. */
START_TEST(started_as_a_user_from_a_file_with_capabilities)
{
	const char *program = upgrade_prepare();
	struct command command = {.argc = 0};

	harness_shell("setcap cap_net_raw,cap_net_bind_service+ep %s", program);
	command_add(&command, "setpriv");
	command_add(&command, "--reuid=65534");
	command_add(&command, "--regid=65534");
	command_add(&command, "--clear-groups");
	command_add(&command, program);
	command_add(&command, "-c");
	command_add(&command, write_config("", ""));
	daemon_start_command(&command);
	use_it_through_upgrades("", NET_BIND_SERVICE | NET_RAW);
}
END_TEST

/* ---- the service manager ---- */

static void start_managed(void)
{
	struct command command = {.argc = 0};

	manager_open();
	setenv("WATCHDOG_USEC", "400000", 1);
	command_add(&command, "/bin/sh");
	command_add(&command, "-c");
	command_add(&command, "WATCHDOG_PID=$$ exec \"$@\"");
	command_add(&command, "sh");
	command_add(&command, upgrade_prepare());
	command_add(&command, "-c");
	command_add(&command,
		    write_config(DAEMON_AS_ROOT, ", { name = \"gone\"; listen = "
						 "\"127.0.0.1:7001\"; " DAEMON_TARGETS "}"));
	daemon_start_command(&command);
	manager_await("READY=1");
}

START_TEST(the_manager_follows)
{
	start_managed();
	ck_assert(manager_keeps("tcp-0-127.0.0.1_7001"));
	write_config(DAEMON_AS_ROOT, "");
	for (int i = 0; i < 3; i++) {
		char pid[32];

		manager_forget();
		upgrade_daemon_idle();
		snprintf(pid, sizeof(pid), "%d", (int)daemon_pid());
		/* What the successor says before it is the main process is not listened to. */
		manager_await("READY=1");
		ck_assert_str_eq(manager_await("MAINPID="), pid);
		ck_assert(manager_heard_before("MAINPID=", "READY=1"));
		ck_assert_uint_eq(manager_count("STOPPING=1"), 0);
		/* And it is watched. */
		manager_forget();
		manager_await("WATCHDOG=1");
	}
	ck_assert(!manager_keeps("tcp-0-127.0.0.1_7001"));
	ck_assert(manager_keeps("tcp-1-127.0.0.1_7000"));
	ck_assert_uint_eq(tcp_table_count(7000, TCP_TABLE_LISTEN), 2);
}
END_TEST

START_TEST(the_manager_hears_nothing_of_one_that_fails)
{
	start_managed();
	manager_forget();
	harness_shell("echo nonsense >> %s", harness_path(DAEMON_CONFIG_NAME));
	upgrade_fails("mmproxy.conf:");
	manager_forget();
	manager_await("WATCHDOG=1");
	ck_assert_uint_eq(manager_count("MAINPID="), 0);
	ck_assert_uint_eq(manager_count("ERRNO="), 0);
	ck_assert(manager_keeps("tcp-0-127.0.0.1_7001"));
}
END_TEST

/* The successor is a child of who takes orphans, so that its end is heard while others drain. */
START_TEST(the_successor_is_nobody_elses_child)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	pid_t former;

	start_managed();
	connection_open(&connection, backend, CONNECTION_CLIENT);
	former = upgrade_daemon();
	ck_assert_uint_eq(credentials_number("\nPPid:", 10), (unsigned)getpid());
	connection_check(&connection);
	connection_finish(&connection);
	upgrade_await_end(former);
}
END_TEST

static bool can_set_capabilities(void)
{
	return system("f=$(mktemp) && cp /bin/true $f && setcap cap_net_raw+ep $f 2>/dev/null; "
		      "r=$?; rm "
		      "-f $f; exit $r") == 0;
}

static Suite *upgrade_privileges_suite(void)
{
	Suite *suite = suite_create("net_upgrade_privileges");
	TCase *users = harness_case(suite, "users", 60);
	TCase *manager = harness_case(suite, "manager", 60);

	/* A user namespace of an ordinary user has no second user to become. */
	if (geteuid() == 0) {
#ifdef HAVE_CAP_NG
		tcase_add_test(users, started_as_root_with_a_user);
#endif
		if (harness_has_tool("setpriv"))
			tcase_add_test(users, started_as_a_user_with_ambient_capabilities);
		if (harness_has_tool("setpriv") && harness_has_tool("setcap") &&
		    can_set_capabilities())
			tcase_add_test(users, started_as_a_user_from_a_file_with_capabilities);
	}
	tcase_add_test(manager, the_manager_follows);
	tcase_add_test(manager, the_manager_hears_nothing_of_one_that_fails);
	tcase_add_test(manager, the_successor_is_nobody_elses_child);
	return suite;
}

int main(void)
{
	return harness_run(upgrade_privileges_suite());
}
