/* SPDX-License-Identifier: BSD-2-Clause */
/* Upgrades to programs that leave others behind, which have the listening sockets as well. */
#include <signal.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "tcp_table.h"
#include "upgrade.h"

static int backend;
static const char *program;

static void start_with(const char *script)
{
	struct command command;

	backend = peer_listen(BACKEND_V4);
	program = upgrade_prepare();
	daemon_write_config(DAEMON_AS_ROOT
			    "workers = 2;\ndrain_timeout = \"100ms\";\n"
			    "log = { level = \"debug\"; };\nlisteners = ( { name = \"t\"; listen = "
			    "\"" LISTEN_V4 "\"; " DAEMON_TARGETS "} );\n");
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_path(DAEMON_CONFIG_NAME));
	daemon_start_command(&command);
	harness_shell("rm %s && printf '#!/bin/sh\\n%s\\n' > %s && chmod +x %s", program, script,
		      program, program);
}

/* Or the next daemon could not have the address, and its clients would wait for nobody. */
static void check_nobody_listens(void)
{
	HARNESS_AWAIT(tcp_table_count(7000, TCP_TABLE_LISTEN) == 0);
}

START_TEST(a_script_that_ends_before_its_child)
{
	start_with("sleep 1000 &\\nexit 1");
	upgrade_fails("ended with exit code 1");
	connection_try(backend, "203.0.113.9:40000");
	daemon_stop();
	check_nobody_listens();
}
END_TEST

START_TEST(a_script_that_waits_for_its_child)
{
	start_with("sleep 1000\\nexit 1");
	daemon_signal(SIGUSR2);
	daemon_log_await("SIGUSR2: upgrading to", NULL, NULL);
	connection_try(backend, "203.0.113.9:40000");
	daemon_stop();
	check_nobody_listens();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("net_attack_upgrade");
	TCase *tcase = harness_case(suite, "leftovers", 30);

	daemon_find();
	tcase_add_test(tcase, a_script_that_ends_before_its_child);
	tcase_add_test(tcase, a_script_that_waits_for_its_child);
	return harness_run(suite);
}
