/* SPDX-License-Identifier: BSD-2-Clause */
/* Upgrading to the program on disk: connections stay, listening sockets and flows change hands. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"
#include "tcp_table.h"
#include "udp.h"
#include "udp_table.h"
#include "upgrade.h"

#define TCP_BLOCK "{ name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS "}"
#define UDP_BLOCK(keys) \
	"{ name = \"u\"; protocol = \"udp\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS keys "}"

static void write_config(char *text, size_t size, int workers, const char *listeners)
{
	snprintf(text, size,
		 DAEMON_AS_ROOT "workers = %d;\ndrain_timeout = \"100ms\";\n"
				"log = { level = \"debug\"; };\nlisteners = ( %s );\n",
		 workers, listeners);
}

static void start(int workers, const char *listeners)
{
	char text[4096];

	(void)upgrade_prepare();
	write_config(text, sizeof(text), workers, listeners);
	daemon_start_config(text);
}

/* What the next process reads. */
static void configure(int workers, const char *listeners)
{
	char text[4096];

	write_config(text, sizeof(text), workers, listeners);
	daemon_write_config(text);
}

/* ---- connections ---- */

START_TEST(open_connections_stay_with_the_former_process)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	pid_t former;

	start(2, TCP_BLOCK);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	former = upgrade_daemon();
	connection_check(&connection);
	connection_try(backend, "203.0.113.8:40000");
	/* Beyond drain_timeout. */
	harness_sleep_ms(500);
	connection_check(&connection);
	connection_finish(&connection);
	upgrade_await_end(former);
	connection_try(backend, "203.0.113.9:40000");
}
END_TEST

/* The sockets are the same: whoever waits in them is served by the next one. */
START_TEST(listening_sockets_are_handed_over)
{
	int backend = peer_listen(BACKEND_V4);

	start(3, TCP_BLOCK);
	for (int i = 0; i < 5; i++) {
		char who[64];

		upgrade_daemon_idle();
		ck_assert_uint_eq(tcp_table_count(7000, TCP_TABLE_LISTEN), 3);
		for (unsigned j = 0; j < 10; j++) {
			snprintf(who, sizeof(who), "203.0.113.%d:%u", i + 1, 40000 + j);
			connection_try(backend, who);
		}
	}
}
END_TEST

START_TEST(several_former_processes_drain_side_by_side)
{
	enum { COUNT = 4 };
	struct connection connections[COUNT];
	pid_t former[COUNT];
	int backend = peer_listen(BACKEND_V4);

	start(2, TCP_BLOCK);
	for (unsigned i = 0; i < COUNT; i++) {
		char who[64];

		snprintf(who, sizeof(who), "203.0.113.7:%u", 40000 + i);
		connection_open(&connections[i], backend, who);
		former[i] = upgrade_daemon();
	}
	/* A former one ends what it has when it is told to, and it alone. */
	daemon_signal_process(former[0], SIGTERM);
	peer_expect_closed(connections[0].client);
	upgrade_await_end(former[0]);
	for (unsigned i = 1; i < COUNT; i++) {
		connection_check(&connections[i]);
		connection_finish(&connections[i]);
		upgrade_await_end(former[i]);
	}
}
END_TEST

START_TEST(a_former_process_is_upgraded_no_more)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V4);
	pid_t former;

	start(1, TCP_BLOCK);
	connection_open(&connection, backend, CONNECTION_CLIENT);
	former = upgrade_daemon();
	daemon_signal_process(former, SIGUSR2);
	daemon_log_await("warn", "not upgraded", "succeeded already");
	daemon_signal_process(former, SIGHUP);
	daemon_log_await("warn", "not reloaded", NULL);
	connection_check(&connection);
	connection_finish(&connection);
	upgrade_await_end(former);
}
END_TEST

/* ---- what is configured ---- */

START_TEST(a_changed_configuration_is_taken)
{
	int backend = peer_listen(BACKEND_V4);
	int balancer = balancer_open();
	int udp_backend = udp_open(BACKEND_V4);
	struct connection connection;
	pid_t former;
	int client;

	start(2,
	      TCP_BLOCK ", { name = \"gone\"; listen = \"127.0.0.1:7001\"; " DAEMON_TARGETS "}, "
			"{ name = \"udp_gone\"; protocol = \"udp\"; listen = \"127.0.0.1:7002\"; "
			"close_after = \"1h\"; " DAEMON_TARGETS "}");
	connection_open(&connection, backend, CONNECTION_CLIENT);
	balancer_check_at(balancer, "127.0.0.1:7002", udp_backend, BALANCER_CLIENT);
	configure(5,
		  TCP_BLOCK ", { name = \"new\"; listen = \"127.0.0.1:7003\"; " DAEMON_TARGETS "}");
	former = upgrade_daemon();
	daemon_log_await("workers: going on with 2", NULL, NULL);
	ck_assert_uint_eq(tcp_table_count(7000, TCP_TABLE_LISTEN), 2);
	HARNESS_AWAIT(tcp_table_count(7001, TCP_TABLE_LISTEN) == 0);
	ck_assert_uint_eq(tcp_table_count(7003, TCP_TABLE_LISTEN), 2);
	client = peer_connect(NULL, "127.0.0.1:7003");
	peer_send_text(client, "PROXY TCP4 203.0.113.9 198.51.100.1 40000 443\r\n");
	peer_close(peer_accept_from(backend, "203.0.113.9:40000"));
	/* Its flow goes on in the process that still knows the listener. */
	balancer_check_at(balancer, "127.0.0.1:7002", udp_backend, BALANCER_CLIENT);
	connection_check(&connection);
	connection_finish(&connection);
	daemon_signal_process(former, SIGTERM);
	upgrade_await_end(former);
}
END_TEST

START_TEST(health_ports_are_the_next_processs)
{
	(void)peer_listen(BACKEND_V4);
	start(1, "{ name = \"t\"; listen = \"" LISTEN_V4 "\"; health = { listen = "
		 "\"127.0.0.1:7081\"; }; targets = { ipv4 = \"" BACKEND_V4 "\"; }; }");
	for (int i = 0; i < 3; i++) {
		HARNESS_AWAIT(tcp_table_count(7081, TCP_TABLE_LISTEN) == 1);
		upgrade_daemon_idle();
	}
	HARNESS_AWAIT(tcp_table_count(7081, TCP_TABLE_LISTEN) == 1);
}
END_TEST

/* ---- flows ---- */

static const char *const header_kinds[] = {
    "", "udp_header = \"first\"; allowed_subnets = [ \"127.0.0.0/8\" ];", "udp_header = \"spp\";"};

/* A question of the client, with the header that each datagram has, or the first one. */
static void ask(int balancer, int kind, const char *client, const char *text, bool first)
{
	static struct sender_header header;

	if (kind == 2)
		sender_spp(&header, client, NULL);
	else
		sender_v2_udp(&header, client, NULL);
	if (kind == 1 && !first)
		udp_send_text(balancer, LISTEN_V4, text);
	else
		balancer_send_header(balancer, LISTEN_V4, &header, text, strlen(text));
}

static void check_answer(int balancer, int kind, int backend, const char *client, const char *text)
{
	static struct sender_header header;
	uint8_t expected[256];
	size_t len = 0;

	if (kind == 2) {
		sender_spp(&header, client, NULL);
		memcpy(expected, header.bytes, header.len);
		len = header.len;
	}
	memcpy(expected + len, text, strlen(text));
	udp_send_text(backend, client, text);
	udp_expect(balancer, LISTEN_V4, expected, len + strlen(text));
}

/* Of every kind of header, and one worker or several. */
START_TEST(flows_go_on)
{
	enum { FLOWS = 20 };
	int kind = _i % 3;
	int workers = _i < 3 ? 1 : 3;
	int backend = udp_open(BACKEND_V4);
	char clients[FLOWS][64];
	int balancers[FLOWS];
	char listener[512];

	snprintf(listener, sizeof(listener), UDP_BLOCK("%s"), header_kinds[kind]);
	start(workers, listener);
	for (unsigned i = 0; i < FLOWS; i++) {
		snprintf(clients[i], sizeof(clients[i]), "203.0.113.7:%u", 40000 + i);
		balancers[i] = balancer_open();
		ask(balancers[i], kind, clients[i], "begin", true);
		udp_expect_text(backend, clients[i], "begin");
	}
	for (unsigned round = 0; round < 3; round++) {
		upgrade_daemon_idle();
		/* No new flow: the same sockets. */
		ck_assert_uint_eq(udp_table_connected_to(8000), FLOWS);
		/* The backend speaks first, and so do the clients. */
		for (unsigned i = 0; i < FLOWS; i++)
			check_answer(balancers[i], kind, backend, clients[i], "answer");
		for (unsigned i = 0; i < FLOWS; i++) {
			ask(balancers[i], kind, clients[i], "on", false);
			udp_expect_text(backend, clients[i], "on");
			check_answer(balancers[i], kind, backend, clients[i], "answer 2");
		}
	}
	ck_assert_uint_eq(udp_table_connected_to(8000), FLOWS);
	ck_assert_uint_eq(daemon_log_count("reason=", NULL), 0);
}
END_TEST

/* The line of a flow is the last process's, and tells of all of it. */
START_TEST(a_flow_has_one_line_with_all_its_counts)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	static struct sender_header header;
	const char *line;

	start(1, UDP_BLOCK(""));
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	sender_tlv(&header, 0x02, "game.example", 12);
	balancer_send_header(balancer, LISTEN_V4, &header, "12345", 5);
	udp_expect_text(backend, BALANCER_CLIENT, "12345");
	for (int i = 0; i < 3; i++) {
		upgrade_daemon_idle();
		balancer_send_text(balancer, BALANCER_CLIENT, "123");
		udp_expect_text(backend, BALANCER_CLIENT, "123");
		udp_send_text(backend, BALANCER_CLIENT, "1234567");
		udp_expect_text(balancer, LISTEN_V4, "1234567");
	}
	daemon_stop();
	line = daemon_log_await("listener=u", BALANCER_CLIENT, "reason=");
	ck_assert_ptr_nonnull(strstr(line, " up=14 "));
	ck_assert_ptr_nonnull(strstr(line, " down=21 "));
	ck_assert_ptr_nonnull(strstr(line, " up_datagrams=4 "));
	ck_assert_ptr_nonnull(strstr(line, " down_datagrams=3 "));
	ck_assert_ptr_nonnull(strstr(line, "tlv_authority=game.example"));
	ck_assert_ptr_nonnull(strstr(line, "header=v2"));
	ck_assert_uint_eq(daemon_log_count(BALANCER_CLIENT, "reason="), 1);
}
END_TEST

/* close_after counts from the last datagram, in whichever process that was. */
START_TEST(an_idle_flow_ends_when_it_would_have)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int64_t begun;

	start(1, UDP_BLOCK("close_after = \"2s\";"));
	begun = harness_now_ms();
	balancer_send_text(balancer, BALANCER_CLIENT, "begin");
	udp_expect_text(backend, BALANCER_CLIENT, "begin");
	upgrade_daemon_idle();
	daemon_log_await("reason=idle_timeout", BALANCER_CLIENT, NULL);
	ck_assert_int_ge(harness_now_ms() - begun, 1800);
	HARNESS_AWAIT(udp_table_connected_to(8000) == 0);
}
END_TEST

static Suite *upgrade_suite(void)
{
	Suite *suite = suite_create("net_upgrade");
	TCase *connections = harness_case(suite, "connections", 60);
	TCase *configuration = harness_case(suite, "configuration", 60);
	TCase *flows = harness_case(suite, "flows", 60);

	tcase_add_test(connections, open_connections_stay_with_the_former_process);
	tcase_add_test(connections, listening_sockets_are_handed_over);
	tcase_add_test(connections, several_former_processes_drain_side_by_side);
	tcase_add_test(connections, a_former_process_is_upgraded_no_more);
	tcase_add_test(configuration, a_changed_configuration_is_taken);
	tcase_add_test(configuration, health_ports_are_the_next_processs);
	tcase_add_loop_test(flows, flows_go_on, 0, 6);
	tcase_add_test(flows, a_flow_has_one_line_with_all_its_counts);
	tcase_add_test(flows, an_idle_flow_ends_when_it_would_have);
	return suite;
}

int main(void)
{
	return harness_run(upgrade_suite());
}
