/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A restart that refuses nobody: the service manager keeps the listening sockets, and a child of
 * the former daemon keeps the open connections.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "balancer.h"
#include "busy_backend.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "manager.h"
#include "peer.h"
#include "sender.h"
#include "tcp_table.h"
#include "udp.h"

#define TCP_BLOCK "{ name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS "}"
#define UDP_BLOCK \
	"{ name = \"u\"; protocol = \"udp\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS "}"

static char config[2048];

/* With flows a drain is short: they go on for as long as it takes. */
static void configure(int workers, const char *listeners)
{
	bool udp = strstr(listeners, "\"udp\"") != NULL;

	snprintf(config, sizeof(config),
		 "workers = %d;\ndrain_timeout = \"%s\";\nlog = { level = \"debug\"; };\n"
		 "listeners = ( %s );\n",
		 workers, udp ? "200ms" : "1h", listeners);
	daemon_write_config(config);
}

static void make_command(struct command *command)
{
	daemon_command(command);
	command_add(command, "-c");
	command_add(command, harness_path(DAEMON_CONFIG_NAME));
}

/* Each daemon's was awaited before the next one is started, so none of them is on its way. */
static unsigned looks(void)
{
	return daemon_log_count_written("debug ", "looked at the way ");
}

/* Start it with all that the manager has, and let it look at its targets, for backends that accept
 * may get what is left of its probes otherwise. */
static void start_next(void)
{
	struct command command;
	unsigned before = looks();

	make_command(&command);
	manager_pass(&command);
	manager_forget();
	daemon_start_command(&command);
	manager_await("READY=1");
	HARNESS_AWAIT(looks() > before);
}

static void start(int workers, const char *listeners)
{
	manager_open();
	configure(workers, listeners);
	/* What a daemon leaves behind is a child of this process then. */
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	start_next();
}

/* End the daemon as the unit's KillSignal does. */
static void leave(void)
{
	daemon_signal(SIGQUIT);
	ck_assert_int_eq(daemon_wait(), 0);
}

/* Wait for the child that a daemon has left behind; returns its exit code. */
static int await_child(void)
{
	pid_t pid = 0;
	int status = 0;

	HARNESS_AWAIT((pid = waitpid(-1, &status, WNOHANG)) > 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static bool has_child(void)
{
	return waitpid(-1, NULL, WNOHANG) == 0;
}

/* ---- the store ---- */

START_TEST(every_socket_is_kept_under_a_name_of_its_own)
{
	start(2, TCP_BLOCK ", " UDP_BLOCK);
	ck_assert_uint_eq(manager_kept(), 4);
	ck_assert(manager_keeps("tcp-0-127.0.0.1_7000"));
	ck_assert(manager_keeps("tcp-1-127.0.0.1_7000"));
	ck_assert(manager_keeps("udp-0-127.0.0.1_7000"));
	ck_assert(manager_keeps("udp-1-127.0.0.1_7000"));
}
END_TEST

START_TEST(connections_wait_between_two_daemons)
{
	int backend = peer_listen(BACKEND_V4);
	int waiting[8];

	start(2, TCP_BLOCK);
	if (_i == 0) {
		daemon_stop();
	} else {
		daemon_signal(SIGKILL);
		ck_assert_int_eq(daemon_wait(), -SIGKILL);
	}
	for (int i = 0; i < 8; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.7:%d", 30000 + i);
		waiting[i] = sender_open_v1(who);
	}
	start_next();
	for (int i = 0; i < 8; i++) {
		peer_send_text(peer_accept(backend, NULL), "hello");
	}
	for (int i = 0; i < 8; i++)
		peer_expect_text(waiting[i], "hello");
	/* And again the same sockets are kept, none of them twice under another name. */
	ck_assert(manager_keeps("tcp-0-127.0.0.1_7000"));
	ck_assert(manager_keeps("tcp-1-127.0.0.1_7000"));
}
END_TEST

START_TEST(what_a_reload_opens_and_closes_is_kept_and_forgotten)
{
	start(1, TCP_BLOCK);
	configure(1,
		  TCP_BLOCK ", { name = \"v\"; listen = \"127.0.0.1:7001\"; " DAEMON_TARGETS "}");
	manager_forget();
	daemon_signal(SIGHUP);
	manager_await("READY=1");
	ck_assert(manager_keeps("tcp-0-127.0.0.1_7001"));
	configure(1, TCP_BLOCK);
	manager_forget();
	daemon_signal(SIGHUP);
	manager_await("READY=1");
	ck_assert(!manager_keeps("tcp-0-127.0.0.1_7001"));
	ck_assert(manager_keeps("tcp-0-127.0.0.1_7000"));
}
END_TEST

START_TEST(what_no_listener_wants_is_closed_and_forgotten)
{
	start(1, TCP_BLOCK ", { name = \"v\"; listen = \"127.0.0.1:7001\"; " DAEMON_TARGETS "}");
	daemon_stop();
	configure(1, TCP_BLOCK);
	start_next();
	daemon_log_await("LISTEN_FDS: the socket on 127.0.0.1:7001, tcp", "no listener", NULL);
	ck_assert(!manager_keeps("tcp-0-127.0.0.1_7001"));
	HARNESS_AWAIT(tcp_table_count(7001, TCP_TABLE_LISTEN) == 0);
}
END_TEST

static const int worker_counts[][2] = {{1, 3}, {3, 1}, {2, 2}};

START_TEST(the_number_of_workers_may_change)
{
	int backend = peer_listen(BACKEND_V4);

	start(worker_counts[_i][0], TCP_BLOCK ", " UDP_BLOCK);
	daemon_stop();
	configure(worker_counts[_i][1], TCP_BLOCK ", " UDP_BLOCK);
	start_next();
	ck_assert_int_eq(tcp_table_count(7000, TCP_TABLE_LISTEN), worker_counts[_i][1]);
	for (unsigned i = 0; i < 20; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.7:%u", 20000 + i);
		connection_try(backend, who);
	}
}
END_TEST

/* ---- sockets of others ---- */

START_TEST(descriptors_of_no_use_are_closed)
{
	int backend = peer_listen(BACKEND_V4);
	struct command command;
	int pipes[2];

	manager_open();
	configure(1, TCP_BLOCK);
	make_command(&command);
	ck_assert_int_eq(pipe(pipes), 0);
	command_pass(&command, peer_adopt(pipes[0]), "pipe");
	command_pass(&command, peer_adopt(pipes[1]), "");
	command_pass(&command, peer_adopt(socket(AF_UNIX, SOCK_STREAM, 0)), "unix");
	command_pass(&command, peer_adopt(socket(AF_INET, SOCK_STREAM, 0)), "unbound");
	command_pass(&command, peer_listen("127.0.0.1:9"), "unknown");
	daemon_start_command(&command);
	daemon_log_await("(pipe)", "no socket", NULL);
	daemon_log_await("(unix)", "neither TCP nor UDP", NULL);
	daemon_log_await("(unbound)", "not bound", NULL);
	daemon_log_await("the socket on 127.0.0.1:9, tcp (unknown)", "no listener", NULL);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

/* What a .socket unit gives: one socket for all workers, made by another user. */
static void start_activated(int fd, int workers, const char *listeners)
{
	struct command command;

	manager_open();
	configure(workers, listeners);
	make_command(&command);
	command_pass(&command, fd, "mmproxy.socket");
	ck_assert_int_eq(fchown(fd, 65534, 65534), 0);
	daemon_start_command(&command);
	manager_await("READY=1");
}

START_TEST(several_workers_share_one_activated_socket_of_tcp)
{
	int backend = peer_listen(BACKEND_V4);

	start_activated(peer_listen(LISTEN_V4), 3, TCP_BLOCK);
	ck_assert_int_eq(tcp_table_count(7000, TCP_TABLE_LISTEN), 1);
	for (unsigned i = 0; i < 50; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.7:%u", 20000 + i);
		connection_try(backend, who);
	}
	/* The unit has it: kept here as well, it would come twice next time. */
	ck_assert_uint_eq(manager_kept(), 0);
}
END_TEST

START_TEST(several_workers_share_one_activated_socket_of_udp)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start_activated(udp_open(LISTEN_V4), 3, UDP_BLOCK);
	for (unsigned i = 0; i < 50; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.7:%u", 20000 + i);
		balancer_check(balancer, backend, who);
	}
	ck_assert_uint_eq(manager_kept(), 0);
}
END_TEST

/* A .socket unit knows nothing of options that mmproxy needs. */
START_TEST(an_activated_socket_answers_from_where_it_was_sent_to)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start_activated(
	    udp_open("0.0.0.0:7000"), 1,
	    "{ name = \"u\"; protocol = \"udp\"; listen = \"0.0.0.0:7000\"; " DAEMON_TARGETS "}");
	balancer_check_at(balancer, "127.0.0.5:7000", backend, BALANCER_CLIENT);
}
END_TEST

/* ---- leaving ---- */

START_TEST(open_connections_go_on_beside_the_next_daemon)
{
	struct connection connection[4];
	int backend = peer_listen(BACKEND_V4);
	int half;

	start(2, TCP_BLOCK);
	for (int i = 0; i < 4; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.9:%d", 20000 + i);
		connection_open(&connection[i], backend, who);
	}
	half = peer_connect("127.0.0.1:0", LISTEN_V4);
	peer_send_text(half, "PROXY TCP4 203.0.113.10 ");
	peer_await_read(half);
	leave();
	ck_assert(has_child());
	for (int i = 0; i < 4; i++)
		connection_check(&connection[i]);
	start_next();
	connection_try(backend, CONNECTION_CLIENT);
	for (int i = 0; i < 4; i++)
		connection_check(&connection[i]);
	/* A header that was half there when the daemon left is read to its end. */
	peer_send_text(half, "198.51.100.1 40000 443\r\n");
	peer_close(peer_accept_from(backend, "203.0.113.10:40000"));
	peer_expect_end(half);
	peer_close(half);
	for (int i = 0; i < 4; i++)
		connection_finish(&connection[i]);
	ck_assert_int_eq(await_child(), 0);
	ck_assert_uint_eq(daemon_log_count("draining beside the next process", NULL), 1);
	connection_try(backend, CONNECTION_CLIENT);
}
END_TEST

/* What the next daemon binds itself is not held by the child. */
START_TEST(the_port_for_health_moves_to_the_next_daemon)
{
	int client;

	busy_backend_start(peer_listen(BACKEND_V4), BUSY_ECHO);
	start(2, "{ name = \"t\"; listen = \"" LISTEN_V4 "\"; targets = { ipv4 = \"" BACKEND_V4
		 "\"; }; health = { listen = \"127.0.0.1:7002\"; }; }");
	HARNESS_AWAIT(tcp_table_count(7002, TCP_TABLE_LISTEN) == 1);
	client = sender_open_v1(CONNECTION_CLIENT);
	peer_send_text(client, "x");
	peer_expect_text(client, "x");
	leave();
	start_next();
	HARNESS_AWAIT(tcp_table_count(7002, TCP_TABLE_LISTEN) == 1);
	peer_close(peer_connect(NULL, "127.0.0.1:7002"));
	peer_send_text(client, "y");
	peer_expect_text(client, "y");
	peer_close(client);
}
END_TEST

START_TEST(bytes_on_their_way_are_not_lost)
{
	enum { CHUNK = 1 << 20 };
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	char *got = malloc(CHUNK);
	size_t len = 0;

	ck_assert_ptr_nonnull(got);
	start(1, TCP_BLOCK);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	/* Full buffers all the way, and mmproxy's own among them. */
	len = peer_fill(connection.client, 200);
	ck_assert_uint_gt(len, 0);
	leave();
	peer_finish(connection.client);
	for (size_t at = 0; at < len;) {
		ssize_t part = peer_receive(connection.backend, got, CHUNK);

		ck_assert_int_gt(part, 0);
		at += (size_t)part;
		ck_assert_uint_le(at, len);
	}
	peer_expect_end(connection.backend);
	peer_close(connection.backend);
	peer_expect_end(connection.client);
	ck_assert_int_eq(await_child(), 0);
	free(got);
}
END_TEST

START_TEST(without_open_connections_nobody_is_left)
{
	start(3, TCP_BLOCK ", " UDP_BLOCK);
	leave();
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

/* The only child that there is. */
static pid_t only_child(void)
{
	char path[64];
	char *text;
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
	text = harness_read(path);
	pid = (pid_t)atoi(text);
	free(text);
	ck_assert_int_gt(pid, 0);
	return pid;
}

START_TEST(a_signal_ends_what_is_left_behind_at_once)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	start(2, TCP_BLOCK);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	leave();
	HARNESS_AWAIT(daemon_log_count("draining beside the next process", NULL) > 0);
	ck_assert_int_eq(kill(only_child(), SIGTERM), 0);
	peer_expect_closed(connection.client);
	peer_expect_closed(connection.backend);
	ck_assert_int_eq(await_child(), 0);
}
END_TEST

START_TEST(a_signal_that_comes_with_it_ends_all_at_once)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);

	start(2, TCP_BLOCK);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	daemon_pause();
	daemon_signal(SIGQUIT);
	daemon_signal(SIGTERM);
	daemon_resume();
	peer_expect_closed(connection.client);
	peer_expect_closed(connection.backend);
	ck_assert_int_eq(daemon_wait(), 0);
	ck_assert_uint_eq(daemon_log_count("reason=shutdown", CONNECTION_CLIENT), 1);
	ck_assert_uint_eq(daemon_log_count("draining beside", NULL), 0);
}
END_TEST

START_TEST(a_worker_that_is_stuck_keeps_the_others_where_they_are)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	pid_t worker;

	if (daemon_is_wrapped())
		return;
	start(2, TCP_BLOCK);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	ck_assert_uint_eq(daemon_worker_threads(&worker, 1), 1);
	ck_assert_int_eq(ptrace(PTRACE_ATTACH, worker, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(worker, NULL, __WALL), worker);
	daemon_signal(SIGQUIT);
	daemon_log_await("a worker does not answer", NULL, NULL);
	daemon_assert_alive();
	ck_assert_int_eq(ptrace(PTRACE_DETACH, worker, NULL, NULL), 0);
	connection_check(&connection);
	connection_finish(&connection);
	ck_assert_int_eq(daemon_wait(), 0);
	ck_assert_uint_eq(daemon_log_count("draining beside", NULL), 0);
}
END_TEST

START_TEST(where_nobody_keeps_the_sockets_it_is_an_ordinary_drain)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	struct command command;

	configure(2, TCP_BLOCK);
	make_command(&command);
	daemon_start_command(&command);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	daemon_signal(SIGQUIT);
	HARNESS_AWAIT(tcp_table_count(7000, TCP_TABLE_LISTEN) == 0);
	connection_check(&connection);
	daemon_assert_alive();
	connection_finish(&connection);
	ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

START_TEST(flows_move_to_the_next_daemon)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	start(2, UDP_BLOCK ", " TCP_BLOCK);
	balancer_check(balancer, backend, BALANCER_CLIENT);
	leave();
	/* It waits for the next daemon, which answers from where it was sent to. */
	balancer_send_text(balancer, BALANCER_CLIENT, "between");
	start_next();
	udp_expect_text(backend, BALANCER_CLIENT, "between");
	balancer_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

/* ---- clients all the time ---- */

/* What a process that connects all the time tells of it. */
struct tally {
	atomic_uint done;
	atomic_uint failed;
	atomic_uint longest_ms;
};

/* Connect, send a header and have a byte echoed. Returns whether all of that worked. */
static bool try_once(const char *header)
{
	const struct addr to = peer_addr(LISTEN_V4);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte = 0;
	bool worked;

	worked = connect(fd, &to.sa, addr_len(&to)) == 0 &&
		 send(fd, header, strlen(header), MSG_NOSIGNAL) > 0 && recv(fd, &byte, 1, 0) == 1 &&
		 byte == 'x';
	close(fd);
	return worked;
}

static pid_t start_client(struct tally *tally, unsigned number)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; getppid() == parent; i++) {
		int64_t began = harness_now_ms();
		char header[128];
		unsigned took;

		snprintf(header, sizeof(header), "PROXY TCP4 203.0.113.%u 198.51.100.1 %u 443\r\nx",
			 number + 1, 20000 + i % 30000);
		if (!try_once(header))
			atomic_fetch_add(&tally->failed, 1);
		took = (unsigned)(harness_now_ms() - began);
		if (took > atomic_load(&tally->longest_ms))
			atomic_store(&tally->longest_ms, took);
		atomic_fetch_add(&tally->done, 1);
	}
	_exit(0);
}

START_TEST(nobody_who_connects_all_the_time_is_refused)
{
	enum { CLIENTS = 3, RESTARTS = 5 };
	int idle[RESTARTS];
	pid_t clients[CLIENTS];
	struct tally *tallies = mmap(NULL, sizeof(struct tally) * CLIENTS, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned longest_ms = 0;
	unsigned done = 0;

	ck_assert(tallies != MAP_FAILED);
	busy_backend_start(peer_listen_backlog(BACKEND_V4, 1024), BUSY_ECHO);
	start(2, TCP_BLOCK);
	for (unsigned i = 0; i < CLIENTS; i++)
		clients[i] = start_client(&tallies[i], i);
	for (int i = 0; i < RESTARTS; i++) {
		char who[64];
		unsigned before;

		snprintf(who, sizeof(who), "203.0.113.99:%d", 20000 + i);
		idle[i] = sender_open_v1(who);
		peer_send_text(idle[i], "x");
		peer_expect_text(idle[i], "x");
		before = atomic_load(&tallies[0].done);
		HARNESS_AWAIT(atomic_load(&tallies[0].done) > before + 20);
		leave();
		start_next();
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		unsigned before = atomic_load(&tallies[i].done);

		HARNESS_AWAIT(atomic_load(&tallies[i].done) > before + 20);
		ck_assert_uint_eq(atomic_load(&tallies[i].failed), 0);
		kill(clients[i], SIGKILL);
		waitpid(clients[i], NULL, 0);
		done += atomic_load(&tallies[i].done);
		if (atomic_load(&tallies[i].longest_ms) > longest_ms)
			longest_ms = atomic_load(&tallies[i].longest_ms);
	}
	printf("%u connections through %d restarts, none refused, the longest wait %u ms\n", done,
	       RESTARTS, longest_ms);
	/* Each of the former daemons still has its connection. */
	for (int i = 0; i < RESTARTS; i++) {
		peer_send_text(idle[i], "y");
		peer_expect_text(idle[i], "y");
		peer_close(idle[i]);
	}
}
END_TEST

static Suite *restart_suite(void)
{
	Suite *suite = suite_create("net_restart");
	TCase *store = harness_case(suite, "store", 60);
	TCase *others = harness_case(suite, "others", 60);
	TCase *leaving = harness_case(suite, "leaving", 60);

	tcase_add_test(store, every_socket_is_kept_under_a_name_of_its_own);
	tcase_add_loop_test(store, connections_wait_between_two_daemons, 0, 2);
	tcase_add_test(store, what_a_reload_opens_and_closes_is_kept_and_forgotten);
	tcase_add_test(store, what_no_listener_wants_is_closed_and_forgotten);
	tcase_add_loop_test(store, the_number_of_workers_may_change, 0, 3);
	tcase_add_test(others, descriptors_of_no_use_are_closed);
	if (geteuid() == 0) {
		tcase_add_test(others, an_activated_socket_answers_from_where_it_was_sent_to);
		tcase_add_test(others, several_workers_share_one_activated_socket_of_tcp);
		tcase_add_test(others, several_workers_share_one_activated_socket_of_udp);
	}
	tcase_add_test(leaving, open_connections_go_on_beside_the_next_daemon);
	tcase_add_test(leaving, the_port_for_health_moves_to_the_next_daemon);
	tcase_add_test(leaving, bytes_on_their_way_are_not_lost);
	tcase_add_test(leaving, without_open_connections_nobody_is_left);
	tcase_add_test(leaving, a_signal_ends_what_is_left_behind_at_once);
	tcase_add_test(leaving, a_signal_that_comes_with_it_ends_all_at_once);
	tcase_add_test(leaving, a_worker_that_is_stuck_keeps_the_others_where_they_are);
	tcase_add_test(leaving, where_nobody_keeps_the_sockets_it_is_an_ordinary_drain);
	tcase_add_test(leaving, flows_move_to_the_next_daemon);
	tcase_add_test(leaving, nobody_who_connects_all_the_time_is_refused);
	return suite;
}

int main(void)
{
	return harness_run(restart_suite());
}
