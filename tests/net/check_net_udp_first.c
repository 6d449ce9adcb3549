/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other two ways to name a client: udp_header = "first", a header that starts a flow of the
 * load balancer's addresses, and "spp", Cloudflare's Simple Proxy Protocol.
 */
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "sender.h"
#include "udp.h"
#include "udp_table.h"

#define FIRST "udp_header = \"first\"; allowed_subnets = [ \"127.0.0.0/8\" ];"
#define SPP   "udp_header = \"spp\";"

static struct sender_header header;

static void send_with(int fd, const char *payload)
{
	balancer_send_header(fd, LISTEN_V4, &header, payload, strlen(payload));
}

/* ---- first ---- */

static void begin_flow(int balancer, int backend, const char *client)
{
	sender_v2_udp(&header, client, NULL);
	send_with(balancer, "begin");
	udp_expect_text(backend, client, "begin");
}

/* Datagrams without a header, both ways. */
static void check_flow(int balancer, int backend, const char *client)
{
	udp_send_text(balancer, LISTEN_V4, "on");
	udp_expect_text(backend, client, "on");
	balancer_check_answer(balancer, backend, client);
}

START_TEST(the_first_header_may_come_before_payload)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp(FIRST);
	begin_flow(balancer, backend, BALANCER_CLIENT);
	for (int i = 0; i < 5; i++)
		check_flow(balancer, backend, BALANCER_CLIENT);
}
END_TEST

/* The header is no datagram of the client's, so the backend gets none for it. */
START_TEST(the_first_header_may_come_alone)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp(FIRST);
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	send_with(balancer, "");
	for (int i = 0; i < 5; i++)
		check_flow(balancer, backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(later_datagrams_may_be_empty)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp(FIRST);
	begin_flow(balancer, backend, BALANCER_CLIENT);
	udp_send(balancer, LISTEN_V4, NULL, 0);
	udp_expect(backend, BALANCER_CLIENT, "", 0);
	check_flow(balancer, backend, BALANCER_CLIENT);
}
END_TEST

/* Each socket of the load balancer's is one client's. */
START_TEST(flows_are_told_apart_by_the_port)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[3] = {balancer_open(), balancer_open(), balancer_open()};
	char client[64];

	daemon_start_udp(FIRST);
	for (int i = 0; i < 3; i++) {
		snprintf(client, sizeof(client), "203.0.113.%d:40000", 7 + i);
		begin_flow(balancers[i], backend, client);
	}
	for (int i = 2; i >= 0; i--) {
		snprintf(client, sizeof(client), "203.0.113.%d:40000", 7 + i);
		check_flow(balancers[i], backend, client);
	}
}
END_TEST

START_TEST(without_a_first_header_nothing_passes)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int other = balancer_open();

	daemon_start_udp(FIRST);
	begin_flow(balancer, backend, BALANCER_CLIENT);
	udp_send_text(other, LISTEN_V4, "who am I?");
	/* The backend's next datagram is another one. */
	check_flow(balancer, backend, BALANCER_CLIENT);
	daemon_log_await("warn ", "reason=header_invalid", "listener=t");
	/* The load balancer may still make good for it. */
	begin_flow(other, backend, BALANCER_OTHER_CLIENT);
	check_flow(other, backend, BALANCER_OTHER_CLIENT);
}
END_TEST

/* Load balancers use a port again for the next client. */
START_TEST(a_new_header_begins_another_flow)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp(FIRST);
	begin_flow(balancer, backend, BALANCER_CLIENT);
	check_flow(balancer, backend, BALANCER_CLIENT);
	begin_flow(balancer, backend, BALANCER_OTHER_CLIENT);
	check_flow(balancer, backend, BALANCER_OTHER_CLIENT);
}
END_TEST

START_TEST(a_wrong_later_header_harms_no_flow)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp(FIRST);
	begin_flow(balancer, backend, BALANCER_CLIENT);
	sender_v2_udp(&header, BALANCER_OTHER_CLIENT, NULL);
	sender_crc(&header);
	header.bytes[header.len - 1] ^= 1;
	send_with(balancer, "wrong");
	check_flow(balancer, backend, BALANCER_CLIENT);
	daemon_log_await("warn ", "reason=header_invalid", "listener=t");
}
END_TEST

START_TEST(the_first_header_may_name_ipv6)
{
	int backend;
	int balancer = balancer_open();

	if (!netns_has_ipv6())
		return;
	backend = udp_open(BACKEND_V6);
	daemon_start_udp(FIRST);
	begin_flow(balancer, backend, BALANCER_CLIENT_V6);
	check_flow(balancer, backend, BALANCER_CLIENT_V6);
}
END_TEST

START_TEST(local_may_come_first)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	const struct udp_datagram *datagram;
	char ip[ADDR_STRLEN];

	daemon_start_udp(FIRST);
	sender_v2_raw(&header, SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
	send_with(balancer, "health");
	datagram = udp_receive(backend);
	ck_assert_str_eq(addr_format_ip(&datagram->from, ip), "127.0.0.1");
	udp_answer(backend, datagram, "fine", 4);
	udp_expect_text(balancer, LISTEN_V4, "fine");
	udp_send_text(balancer, LISTEN_V4, "still?");
	ck_assert_uint_eq(udp_receive(backend)->len, 6);
}
END_TEST

/* ---- Simple Proxy Protocol ---- */

/* A datagram of payload behind the header in use. */
static void expect_spp(int balancer, const char *payload)
{
	static uint8_t bytes[SENDER_MAX];

	memcpy(bytes, header.bytes, header.len);
	memcpy(bytes + header.len, payload, strlen(payload));
	udp_expect(balancer, LISTEN_V4, bytes, header.len + strlen(payload));
}

static void check_spp(const char *client, const char *backend_address)
{
	int backend = udp_open(backend_address);
	int balancer = balancer_open();

	daemon_start_udp(SPP);
	sender_spp(&header, client, NULL);
	ck_assert_uint_eq(header.len, 38);
	send_with(balancer, "question");
	udp_expect_text(backend, client, "question");
	udp_send_text(backend, client, "answer");
	expect_spp(balancer, "answer");
	/* Empty ones too are a header alone. */
	send_with(balancer, "");
	udp_expect(backend, client, "", 0);
	udp_send(backend, client, NULL, 0);
	expect_spp(balancer, "");
}

START_TEST(spp_answers_have_the_same_header)
{
	check_spp(BALANCER_CLIENT, BACKEND_V4);
}
END_TEST

START_TEST(spp_carries_ipv6)
{
	if (netns_has_ipv6())
		check_spp(BALANCER_CLIENT_V6, BACKEND_V6);
}
END_TEST

START_TEST(spp_answers_go_to_whom_they_are_for)
{
	static const char *const clients[] = {BALANCER_CLIENT, BALANCER_OTHER_CLIENT};
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp(SPP);
	for (int i = 0; i < 2; i++) {
		sender_spp(&header, clients[i], NULL);
		send_with(balancer, "hello");
		udp_expect_text(backend, clients[i], "hello");
	}
	for (int i = 0; i < 2; i++) {
		udp_send_text(backend, clients[i], clients[i]);
		sender_spp(&header, clients[i], NULL);
		expect_spp(balancer, clients[i]);
	}
}
END_TEST

/* 65,507 bytes with the header is the longest there is; an answer that leaves it no room is lost,
 * and the flow goes on. */
START_TEST(spp_answers_leave_room_for_the_header)
{
	static uint8_t bytes[UDP_PAYLOAD_MAX];
	static uint8_t expected[UDP_PAYLOAD_MAX];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp(SPP);
	udp_fill(bytes, sizeof(bytes), 1);
	sender_spp(&header, BALANCER_CLIENT, NULL);
	balancer_send_header(balancer, LISTEN_V4, &header, bytes, sizeof(bytes) - 38);
	udp_expect(backend, BALANCER_CLIENT, bytes, sizeof(bytes) - 38);
	udp_send(backend, BALANCER_CLIENT, bytes, sizeof(bytes) - 37);
	udp_send(backend, BALANCER_CLIENT, bytes, sizeof(bytes) - 38);
	memcpy(expected, header.bytes, 38);
	memcpy(expected + 38, bytes, sizeof(bytes) - 38);
	udp_expect(balancer, LISTEN_V4, expected, sizeof(expected));
	daemon_stop();
	daemon_log_await("client=" BALANCER_CLIENT, " dropped=1 ", NULL);
}
END_TEST

static void write_wrong_magic(void)
{
	sender_spp(&header, BALANCER_CLIENT, NULL);
	header.bytes[1] ^= 1;
}

static void write_cut(void)
{
	sender_spp(&header, BALANCER_CLIENT, NULL);
	header.len = 37;
}

static void write_one_byte(void)
{
	sender_spp(&header, BALANCER_CLIENT, NULL);
	header.len = 1;
}

static void write_empty(void)
{
	header.len = 0;
}

static void write_v2(void)
{
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	sender_pad(&header, 100);
}

static void (*const wrong[])(void) = {write_wrong_magic, write_cut, write_one_byte, write_empty,
				      write_v2};

START_TEST(a_wrong_spp_header_is_dropped_and_harms_no_flow)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp(SPP);
	sender_spp(&header, BALANCER_CLIENT, NULL);
	send_with(balancer, "before");
	udp_expect_text(backend, BALANCER_CLIENT, "before");
	wrong[_i]();
	balancer_send_header(balancer, LISTEN_V4, &header, NULL, 0);
	sender_spp(&header, BALANCER_CLIENT, NULL);
	send_with(balancer, "after");
	udp_expect_text(backend, BALANCER_CLIENT, "after");
	daemon_log_await("warn ", "listener=t", "reason=header_invalid");
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

static Suite *udp_first_suite(void)
{
	Suite *suite = suite_create("net_udp_first");
	TCase *first = harness_case(suite, "first", 60);
	TCase *spp = harness_case(suite, "spp", 60);

	tcase_add_test(first, the_first_header_may_come_before_payload);
	tcase_add_test(first, the_first_header_may_come_alone);
	tcase_add_test(first, later_datagrams_may_be_empty);
	tcase_add_test(first, flows_are_told_apart_by_the_port);
	tcase_add_test(first, without_a_first_header_nothing_passes);
	tcase_add_test(first, a_new_header_begins_another_flow);
	tcase_add_test(first, a_wrong_later_header_harms_no_flow);
	tcase_add_test(first, the_first_header_may_name_ipv6);
	tcase_add_test(first, local_may_come_first);
	tcase_add_test(spp, spp_answers_have_the_same_header);
	tcase_add_test(spp, spp_carries_ipv6);
	tcase_add_test(spp, spp_answers_go_to_whom_they_are_for);
	tcase_add_test(spp, spp_answers_leave_room_for_the_header);
	tcase_add_loop_test(spp, a_wrong_spp_header_is_dropped_and_harms_no_flow, 0,
			    (int)(sizeof(wrong) / sizeof(wrong[0])));
	return suite;
}

int main(void)
{
	return harness_run(udp_first_suite());
}
