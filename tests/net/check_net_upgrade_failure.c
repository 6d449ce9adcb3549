/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Upgrades to programs that cannot take over: the daemon goes on as if nothing had happened, and
 * says why once.
 *
 * This program is one of them: started as a successor it speaks with the daemon as far as the file
 * "stub" beside it says.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/conf.h"
#include "daemon/handover.h"

#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "udp.h"
#include "udp_table.h"
#include "upgrade.h"

#define BLOCKS                                                              \
	"{ name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS "}, " \
	"{ name = \"u\"; protocol = \"udp\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS "}"

enum { FLOWS = 40 };

static int backend;
static int udp_backend;
static int balancers[FLOWS];
static struct connection connection;
static const char *program;
static char stub_dir[256]; /* in the stub: the test's directory */

static void write_config(const char *listeners)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 DAEMON_AS_ROOT "workers = 2;\ndrain_timeout = \"100ms\";\n"
				"log = { level = \"debug\"; };\nlisteners = ( %s );\n",
		 listeners);
	daemon_write_config(text);
}

static const char *client_of(unsigned flow)
{
	static char client[64];

	snprintf(client, sizeof(client), "203.0.113.7:%u", 20000 + flow);
	return client;
}

/* A daemon with a connection and flows. */
static void start(void)
{
	struct command command;

	backend = peer_listen(BACKEND_V4);
	udp_backend = udp_open(BACKEND_V4);
	program = upgrade_prepare();
	write_config(BLOCKS);
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, harness_path(DAEMON_CONFIG_NAME));
	daemon_start_command(&command);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	for (unsigned i = 0; i < FLOWS; i++) {
		balancers[i] = balancer_open();
		balancer_check(balancers[i], udp_backend, client_of(i));
	}
}

/* Everything works that did, with the same sockets, and new things work as well. */
static void check_as_before(void)
{
	connection_check(&connection);
	connection_try(backend, "203.0.113.9:40000");
	ck_assert_uint_eq(udp_table_connected_to(8000), FLOWS);
	for (unsigned i = 0; i < FLOWS; i++)
		balancer_check(balancers[i], udp_backend, client_of(i));
	ck_assert_uint_eq(udp_table_connected_to(8000), FLOWS);
	ck_assert_uint_eq(daemon_log_count("error", "not upgraded"), 1);
	ck_assert_uint_eq(daemon_log_count("reason=", client_of(0)), 0);
}

static bool has_no_other_process(void)
{
	return waitpid(-1, NULL, WNOHANG) <= 0;
}

/* And the next attempt is a good one. */
static void check_upgrade(const char *good)
{
	pid_t former;

	harness_shell("cp %s %s.new && mv %s.new %s", good, program, program, program);
	former = upgrade_daemon();
	for (unsigned i = 0; i < FLOWS; i++)
		balancer_check(balancers[i], udp_backend, client_of(i));
	ck_assert_uint_eq(udp_table_connected_to(8000), FLOWS);
	connection_check(&connection);
	connection_finish(&connection);
	upgrade_await_end(former);
}

/* ---- programs that are none ---- */

struct program {
	const char *command; /* that makes it, of %s */
	const char *reason;
};

static const struct program programs[] = {
    {"rm %s", "No such file"},
    {"chmod -x %s", "Permission denied"},
    {"printf '#!/bin/sh\\nexit 1\\n' > %s", "ended with exit code 1"},
    {"printf 'This is no program.\\n' > %s", "Exec format error"},
    {"printf '#!/bin/sh\\nkill -SEGV $$\\n' > %s", "signal 11"},
    {"printf '#!/no/such/shell\\n' > %s", "No such file"},
};

START_TEST(a_program_that_cannot_be_run)
{
	char good[300];

	start();
	snprintf(good, sizeof(good), "%s", harness_path("good"));
	/* Another file: the one that runs cannot be written to. */
	harness_shell("cp %s %s && rm %s && cp %s %s", program, good, program, good, program);
	harness_shell(programs[_i].command, program);
	upgrade_fails(programs[_i].reason);
	check_as_before();
	check_upgrade(good);
}
END_TEST

/* ---- configurations ---- */

static const struct program configurations[] = {
    {"{ name = \"t\"; listen = \"" LISTEN_V4 "\"; nonsense = 1; " DAEMON_TARGETS "}",
     "mmproxy.conf:4: "},
    {"{ name = \"t\"; listen = \"192.0.2.1:7000\"; " DAEMON_TARGETS "}", "exit code 1"},
};

START_TEST(a_configuration_that_cannot_be_used)
{
	start();
	write_config(configurations[_i].command);
	upgrade_fails(configurations[_i].reason);
	check_as_before();
	write_config(BLOCKS);
	check_upgrade(harness_path("mmproxy"));
}
END_TEST

/* ---- time ---- */

START_TEST(a_program_that_hangs)
{
	char good[300];
	int64_t began;

	start();
	snprintf(good, sizeof(good), "%s", harness_path("good"));
	harness_shell("mv %s %s && printf '#!/bin/sh\\nexec sleep 1000\\n' > %s && chmod +x %s",
		      program, good, program, program);
	daemon_signal(SIGUSR2);
	daemon_log_await("SIGUSR2: upgrading to", NULL, NULL);
	began = harness_now_ms();
	daemon_signal(SIGUSR2);
	daemon_log_await("warn", "not upgraded", "under way");
	/* A reload waits for the end of it. */
	daemon_signal(SIGHUP);
	connection_check(&connection);
	balancer_check(balancers[0], udp_backend, client_of(0));
	ck_assert_uint_eq(daemon_log_count("reloaded", NULL), 0);
	while (daemon_log_count("error", "not ready within 30 s") == 0) {
		ck_assert_int_lt(harness_now_ms() - began, 30000 + harness_patience_ms());
		balancer_check(balancers[1], udp_backend, client_of(1));
		harness_sleep_ms(100);
	}
	daemon_log_await("reloaded", NULL, NULL);
	check_as_before();
	check_upgrade(good);
}
END_TEST

START_TEST(a_daemon_that_stops_takes_it_back)
{
	start();
	harness_shell("rm %s && printf '#!/bin/sh\\nexec sleep 1000\\n' > %s && chmod +x %s",
		      program, program, program);
	daemon_signal(SIGUSR2);
	daemon_log_await("SIGUSR2: upgrading to", NULL, NULL);
	daemon_signal(SIGTERM);
	daemon_log_await("not upgraded", "stopping", NULL);
	ck_assert_int_eq(daemon_wait(), 0);
	HARNESS_AWAIT(has_no_other_process());
}
END_TEST

/* ---- successors that fail half way ---- */

struct stub {
	const char *name;
	const char *reason;
};

static const struct stub stubs[] = {
    {"version", "in another way"}, {"hello-exit", "exit code 9"}, {"hello-hang", "not answer"},
    {"taken-exit", "exit code 9"}, {"end-exit", "exit code 9"},	  {"end-hang", "not answer"},
    {"garbage", "understand"},	   {"refuse", "no wish to"},	  {"early", "understand"},
};

static bool is_stub(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static _Noreturn void stop_as(const char *name)
{
	while (strstr(name, "-hang") != NULL)
		pause();
	_exit(9);
}

/* The listening addresses of the test's configuration. */
static void stub_say_hello(int fd, uint32_t version)
{
	static const uint32_t protocols[] = {CONF_PROTOCOL_TCP, CONF_PROTOCOL_UDP};
	const struct handover_head head = {.kind = HANDOVER_ADDRESSES, .number = 2};
	struct handover_address addresses[2];

	memset(addresses, 0, sizeof(addresses));
	for (int i = 0; i < 2; i++) {
		addresses[i].protocol = protocols[i];
		if (addr_parse(&addresses[i].addr, LISTEN_V4) < 0)
			_exit(8);
	}
	if (handover_send(fd, &head, addresses, sizeof(addresses), NULL, 0) < 0 ||
	    handover_say(fd, HANDOVER_HELLO, version) < 0)
		_exit(8);
}

/* One that takes over, and notes whether it is to reload. It serves nobody. */
static _Noreturn void take_over(int fd, struct handover_message *message)
{
	char path[sizeof(stub_dir) + 16];

	while (message->head.kind != HANDOVER_END)
		if (handover_receive(fd, message) <= 0)
			_exit(8);
	snprintf(path, sizeof(path), "%s/go", stub_dir);
	while (access(path, F_OK) < 0)
		harness_sleep_ms(2);
	if (handover_say(fd, HANDOVER_READY, 0) < 0 || handover_receive(fd, message) <= 0)
		_exit(8);
	snprintf(path, sizeof(path), "%s/reload", stub_dir);
	_exit(message->head.kind == HANDOVER_GO && message->head.number == 1 &&
		      mkdir(path, 0700) == 0
		  ? 0
		  : 8);
}

static _Noreturn void be_stub(int fd, const char *name)
{
	static struct handover_message message;
	static const char why[] = "no wish to";
	const struct handover_head refused = {.kind = HANDOVER_REFUSED};

	if (is_stub(name, "refuse")) {
		(void)!handover_send(fd, &refused, why, sizeof(why) - 1, NULL, 0);
		_exit(9);
	}
	if (is_stub(name, "garbage")) {
		(void)!handover_say(fd, HANDOVER_GO, 77);
		pause();
	}
	stub_say_hello(fd, is_stub(name, "version") ? HANDOVER_VERSION + 1 : HANDOVER_VERSION);
	if (is_stub(name, "version"))
		pause();
	if (is_stub(name, "hello"))
		stop_as(name);
	/* Thanks for flows that nobody has sent yet, while the workers still pause. */
	for (int i = 0; i < 1000 && is_stub(name, "early"); i++)
		if (handover_say(fd, HANDOVER_TAKEN, 0) < 0)
			_exit(8);
	if (is_stub(name, "early"))
		pause();
	while (handover_receive(fd, &message) > 0 && message.head.kind == HANDOVER_FLOWS) {
		if (is_stub(name, "taken"))
			stop_as(name);
		if (handover_say(fd, HANDOVER_TAKEN, 0) < 0)
			_exit(8);
	}
	if (is_stub(name, "good"))
		take_over(fd, &message);
	stop_as(name);
}

/* What came while the flows were on their way is not lost when they come back. */
START_TEST(a_successor_that_fails_half_way)
{
	char good[300];
	bool hangs = strstr(stubs[_i].name, "-hang") != NULL;

	start();
	snprintf(good, sizeof(good), "%s", harness_path("good"));
	harness_write("stub", stubs[_i].name);
	harness_shell("mv %s %s && cp /proc/%d/exe %s", program, good, (int)getpid(), program);
	daemon_signal(SIGUSR2);
	daemon_log_await("SIGUSR2: upgrading to", NULL, NULL);
	if (hangs) {
		/* Flows wait, connections do not. */
		harness_sleep_ms(500);
		connection_check(&connection);
		connection_try(backend, "203.0.113.10:40000");
		for (unsigned i = 0; i < FLOWS; i++) {
			balancer_send_text(balancers[i], client_of(i), "meanwhile");
			udp_send_text(udp_backend, client_of(i), "meanwhile");
		}
	}
	daemon_log_await("error", "not upgraded", stubs[_i].reason);
	for (unsigned i = 0; i < FLOWS && hangs; i++) {
		udp_expect_text(balancers[i], LISTEN_V4, "meanwhile");
		ck_assert_uint_eq(udp_receive(udp_backend)->len, 9);
	}
	check_as_before();
	check_upgrade(good);
}
END_TEST

/* The successor may have read the file before it was changed. */
START_TEST(a_reload_during_an_upgrade_is_the_successors)
{
	char good[300];

	start();
	snprintf(good, sizeof(good), "%s", harness_path("good"));
	harness_write("stub", "good");
	harness_shell("mv %s %s && cp /proc/%d/exe %s", program, good, (int)getpid(), program);
	daemon_signal(SIGUSR2);
	daemon_log_await("SIGUSR2: upgrading to", NULL, NULL);
	/* Once the second signal has been dealt with, so has the first. */
	daemon_signal(SIGHUP);
	daemon_signal(SIGUSR2);
	daemon_log_await("warn", "not upgraded", "under way");
	harness_write("go", "");
	HARNESS_AWAIT(access(harness_path("reload"), F_OK) == 0);
	ck_assert_uint_eq(daemon_log_count("reloaded", NULL), 0);
	connection_finish(&connection);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

static Suite *upgrade_failure_suite(void)
{
	Suite *suite = suite_create("net_upgrade_failure");
	TCase *failure = harness_case(suite, "failure", 90);

	tcase_add_loop_test(failure, a_program_that_cannot_be_run, 0,
			    sizeof(programs) / sizeof(programs[0]));
	tcase_add_loop_test(failure, a_configuration_that_cannot_be_used, 0,
			    sizeof(configurations) / sizeof(configurations[0]));
	tcase_add_loop_test(failure, a_successor_that_fails_half_way, 0,
			    sizeof(stubs) / sizeof(stubs[0]));
	tcase_add_test(failure, a_reload_during_an_upgrade_is_the_successors);
	tcase_add_test(failure, a_daemon_that_stops_takes_it_back);
	tcase_add_test(failure, a_program_that_hangs);
	return suite;
}

static void be_stub_if_asked(const char *path)
{
	const char *number = getenv(HANDOVER_ENV);
	char file[sizeof(stub_dir) + 16];

	if (number == NULL)
		return;
	/* Beside the configuration, which is the last argument. */
	snprintf(stub_dir, sizeof(stub_dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	snprintf(file, sizeof(file), "%s/stub", stub_dir);
	be_stub(atoi(number), harness_read(file));
}

int main(int argc, char **argv)
{
	be_stub_if_asked(argv[argc - 1]);
	return harness_run(upgrade_failure_suite());
}
