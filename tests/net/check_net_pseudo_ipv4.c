/* SPDX-License-Identifier: BSD-2-Clause */
/* ipv6_clients: IPv6 clients of a server that has no IPv6, over TCP and UDP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/pseudo_ipv4.h"

#include "balancer.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "sender.h"

/* Two clients of one network, and one of another. */
#define CLIENT	  "[2001:db8:1:2::7]:40000"
#define NEIGHBOUR "[2001:db8:1:2:aaaa:bbbb:cccc:dddd]:40001"
#define STRANGER  "[2001:db8:1:3::7]:40000"

/* A listener with an IPv4 target only. */
static void start(const char *protocol, const char *ipv6_clients, const char *keys)
{
	char config[1024];

	snprintf(config, sizeof(config),
		 "log = { level = \"debug\"; }; workers = 2; drain_timeout = 0.1;\n"
		 "listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; protocol = \"%s\";\n"
		 "targets = { ipv4 = \"" BACKEND_V4 "\"; }; ipv6_clients = \"%s\"; %s } );\n",
		 protocol, ipv6_clients, keys);
	daemon_start_config(config);
}

/* Whether addresses are the same after a restart. */
static bool has_machine_id(uint64_t key[2])
{
	if (pseudo_ipv4_read_key(pseudo_ipv4_id_paths, key) == 0)
		return true;
	printf("skipped: this machine has no id, so what needs it is not tested\n");
	return false;
}

/* ---- the address that a server sees ---- */

/* Open a connection that is carried both ways; returns the address that the backend sees. */
static struct addr carry_tcp(struct connection *connection, int listener, const char *client)
{
	struct addr from;

	connection->client = sender_open_v2(client);
	connection->backend = peer_accept(listener, &from);
	connection_check(connection);
	return from;
}

static struct addr carry_udp(int balancer, int backend, const char *client)
{
	const struct udp_datagram *datagram;
	struct addr from;

	balancer_send_text(balancer, client, "question");
	datagram = udp_receive(backend);
	ck_assert_uint_eq(datagram->len, strlen("question"));
	from = datagram->from;
	udp_answer(backend, datagram, "answer", 6);
	udp_expect_text(balancer, LISTEN_V4, "answer");
	return from;
}

/* The first two are of one network, the third is not. */
static void check_three(const struct addr seen[3])
{
	for (size_t i = 0; i < 3; i++)
		ck_assert(pseudo_ipv4_is_in_range(&seen[i]));
	ck_assert(addr_equal_ip(&seen[0], &seen[1]));
	ck_assert(!addr_equal_ip(&seen[0], &seen[2]));
	ck_assert_uint_eq(addr_port(&seen[0]), 40000);
	ck_assert_uint_eq(addr_port(&seen[1]), 40001);
	ck_assert_uint_eq(addr_port(&seen[2]), 40000);
}

/* The line at the end names both addresses. */
static void await_line(const char *client, const struct addr *seen)
{
	char pseudo[ADDR_STRLEN + 16];
	char text[ADDR_STRLEN];
	char named[ADDR_STRLEN + 16];

	snprintf(named, sizeof(named), "client=%s ", client);
	snprintf(pseudo, sizeof(pseudo), " pseudo_ipv4=%s ", addr_format_ip(seen, text));
	daemon_log_await(named, pseudo, "reason=");
}

START_TEST(a_tcp_server_sees_an_address_for_each_network)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection connections[3];
	struct addr seen[3];

	start("tcp", "pseudo_ipv4", "");
	seen[0] = carry_tcp(&connections[0], backend, CLIENT);
	seen[1] = carry_tcp(&connections[1], backend, NEIGHBOUR);
	seen[2] = carry_tcp(&connections[2], backend, STRANGER);
	check_three(seen);
	for (size_t i = 0; i < 3; i++)
		connection_finish(&connections[i]);
	await_line(CLIENT, &seen[0]);
	await_line(NEIGHBOUR, &seen[1]);
	await_line(STRANGER, &seen[2]);
	/* Others come as they are. */
	connection_try(backend, CONNECTION_CLIENT);
	daemon_log_await("client=" CONNECTION_CLIENT, "reason=done", NULL);
	ck_assert_uint_eq(daemon_log_count("client=" CONNECTION_CLIENT, "pseudo_ipv4="), 0);
}
END_TEST

START_TEST(a_udp_server_sees_an_address_for_each_network)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	struct addr seen[3];

	start("udp", "pseudo_ipv4", "");
	seen[0] = carry_udp(balancer, backend, CLIENT);
	seen[1] = carry_udp(balancer, backend, NEIGHBOUR);
	seen[2] = carry_udp(balancer, backend, STRANGER);
	check_three(seen);
	balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_stop();
	await_line(CLIENT, &seen[0]);
	await_line(NEIGHBOUR, &seen[1]);
	await_line(STRANGER, &seen[2]);
	ck_assert_uint_eq(daemon_log_count("client=" BALANCER_CLIENT, "pseudo_ipv4="), 0);
}
END_TEST

/* Of both protocols, and after a restart. */
START_TEST(a_network_keeps_its_address)
{
	int listener = peer_listen(BACKEND_V4);
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	struct connection connection;
	struct addr first;
	struct addr again;
	uint64_t key[2];

	if (!has_machine_id(key))
		return;
	start("tcp", "pseudo_ipv4", "");
	first = carry_tcp(&connection, listener, CLIENT);
	connection_finish(&connection);
	daemon_stop();
	start("udp", "pseudo_ipv4", "");
	again = carry_udp(balancer, backend, CLIENT);
	ck_assert(addr_equal(&first, &again));
	ck_assert_uint_eq(daemon_log_count("warn ", "machine"), 0);
}
END_TEST

START_TEST(without_an_id_an_address_lasts_as_long_as_the_process)
{
	int listener = peer_listen(BACKEND_V4);
	const char *empty = harness_write("empty", "");
	struct connection connection;
	struct addr first;
	struct addr again;

	if (!netns_enter_mounts())
		return;
	for (size_t i = 0; pseudo_ipv4_id_paths[i] != NULL; i++)
		harness_shell("test ! -e %s || mount --bind %s %s", pseudo_ipv4_id_paths[i], empty,
			      pseudo_ipv4_id_paths[i]);
	start("tcp", "pseudo_ipv4", "");
	first = carry_tcp(&connection, listener, CLIENT);
	connection_finish(&connection);
	again = carry_tcp(&connection, listener, NEIGHBOUR);
	connection_finish(&connection);
	ck_assert(addr_equal_ip(&first, &again));
	ck_assert_uint_eq(daemon_log_count("warn ", "holds this machine's id"), 1);
	daemon_stop();
	start("tcp", "pseudo_ipv4", "");
	again = carry_tcp(&connection, listener, CLIENT);
	/* But for one time in 268 million. */
	ck_assert(!addr_equal_ip(&first, &again));
}
END_TEST

/* ---- from mmproxy's own address ---- */

START_TEST(plain_is_from_mmproxys_own_address)
{
	int listener = peer_listen(BACKEND_V4);
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	struct connection connection;
	char text[ADDR_STRLEN];
	struct addr seen;

	start(_i == 0 ? "tcp" : "udp", "plain", "");
	if (_i == 0) {
		seen = carry_tcp(&connection, listener, CLIENT);
		connection_finish(&connection);
	} else {
		seen = carry_udp(balancer, backend, CLIENT);
		daemon_stop();
	}
	ck_assert_str_eq(addr_format_ip(&seen, text), "127.0.0.1");
	daemon_log_await("client=" CLIENT " backend=" BACKEND_V4, "reason=", NULL);
	ck_assert_uint_eq(daemon_log_count("pseudo_ipv4=", NULL), 0);
}
END_TEST

START_TEST(refuse_is_the_default)
{
	int backend = peer_listen(BACKEND_V4);

	start("tcp", "refuse", "");
	peer_expect_closed(sender_open_v2(CLIENT));
	daemon_log_await("client=" CLIENT, "reason=no_target", NULL);
	peer_assert_no_connection(backend);
}
END_TEST

/* ---- two networks with one address ---- */

static void write_client(size_t number, char text[static ADDR_STRLEN])
{
	snprintf(text, ADDR_STRLEN, "[2001:db8:%zx:%zx::7]:40000", number >> 16, number & 0xffff);
}

static uint32_t pseudo_of(const struct pseudo_ipv4_table *table, size_t number)
{
	char text[ADDR_STRLEN];
	struct addr addr;

	write_client(number, text);
	addr = peer_addr(text);
	addr = pseudo_ipv4_of(table, &addr);
	return ntohl(addr.in.sin_addr.s_addr);
}

/* Clients of two networks that have one address under this machine's key. */
static void find_colliding(const uint64_t key[2], char first[static ADDR_STRLEN],
			   char second[static ADDR_STRLEN])
{
	const size_t mask = ((size_t)1 << 22) - 1;
	struct pseudo_ipv4_table *table = pseudo_ipv4_table_new(key);
	uint32_t *slots = calloc(mask + 1, sizeof(*slots));

	ck_assert_ptr_nonnull(slots);
	for (uint32_t i = 1; i <= mask / 2; i++) {
		uint32_t *slot = &slots[pseudo_of(table, i) & mask];

		if (*slot != 0 && pseudo_of(table, *slot) == pseudo_of(table, i)) {
			write_client(*slot, first);
			write_client(i, second);
			free(slots);
			pseudo_ipv4_table_free(table);
			return;
		}
		*slot = i;
	}
	ck_abort_msg("no two networks have one address");
}

START_TEST(a_network_is_refused_while_another_has_its_address)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection connection;
	char first[ADDR_STRLEN];
	char second[ADDR_STRLEN];
	char client[ADDR_STRLEN + 16];
	uint64_t key[2];

	if (!has_machine_id(key))
		return;
	find_colliding(key, first, second);
	start("tcp", "pseudo_ipv4", "");
	carry_tcp(&connection, backend, first);
	peer_expect_closed(sender_open_v2(second));
	snprintf(client, sizeof(client), "client=%s ", second);
	daemon_log_await("warn ", client, "reason=source_conflict");
	connection_finish(&connection);
	daemon_log_await("reason=done", first, NULL);
	/* Its turn, whose port the kernel may hold for a moment. */
	carry_tcp(&connection, backend, second);
	peer_expect_closed(sender_open_v2(first));
}
END_TEST

START_TEST(a_flow_is_refused_while_another_network_has_its_address)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char first[ADDR_STRLEN];
	char second[ADDR_STRLEN];
	char client[ADDR_STRLEN + 16];
	uint64_t key[2];

	if (!has_machine_id(key))
		return;
	find_colliding(key, first, second);
	start("udp", "pseudo_ipv4", "max_flows = 1;");
	carry_udp(balancer, backend, first);
	balancer_send_text(balancer, second, "mixed");
	snprintf(client, sizeof(client), "client=%s ", second);
	daemon_log_await("warn ", client, "reason=source_conflict");
	ck_assert_ptr_null(udp_receive_within(backend, 50));
	/* Its flow makes way for another client's. */
	balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_log_await("reason=connection_limit", first, NULL);
	/* A refusal holds for a moment. */
	harness_sleep_ms(200);
	carry_udp(balancer, backend, second);
}
END_TEST

/* ---- who they are ---- */

START_TEST(lists_look_at_the_real_client)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection connection;

	start("tcp", "pseudo_ipv4", "denied_clients = [ \"2001:db8:1:2::/64\" ];");
	peer_expect_closed(sender_open_v2(CLIENT));
	daemon_log_await("client=" CLIENT, "reason=client_denied", NULL);
	carry_tcp(&connection, backend, STRANGER);
}
END_TEST

static Suite *pseudo_ipv4_suite(void)
{
	Suite *suite = suite_create("net_pseudo_ipv4");
	TCase *tcase = harness_case(suite, "pseudo_ipv4", 60);

	tcase_add_test(tcase, a_tcp_server_sees_an_address_for_each_network);
	tcase_add_test(tcase, a_udp_server_sees_an_address_for_each_network);
	tcase_add_test(tcase, a_network_keeps_its_address);
	tcase_add_test(tcase, without_an_id_an_address_lasts_as_long_as_the_process);
	tcase_add_loop_test(tcase, plain_is_from_mmproxys_own_address, 0, 2);
	tcase_add_test(tcase, refuse_is_the_default);
	tcase_add_test(tcase, a_network_is_refused_while_another_has_its_address);
	tcase_add_test(tcase, a_flow_is_refused_while_another_network_has_its_address);
	tcase_add_test(tcase, lists_look_at_the_real_client);
	return suite;
}

int main(void)
{
	return harness_run(pseudo_ipv4_suite());
}
