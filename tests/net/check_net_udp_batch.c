/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bursts: what the kernel joins on the way (UDP_GRO) and cuts again (UDP_SEGMENT) arrives as the
 * datagrams that were sent, each whole, in order, both ways.
 */
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "udp.h"

/* The longest that one call may send, as IP packet; the kernel cuts it afterwards. */
#define RUN_MAX 65507

static struct sender_header header;

/* Payload number i of a burst. */
static const uint8_t *payload_of(unsigned i, size_t len)
{
	static uint8_t bytes[65536];

	udp_fill(bytes, len, i);
	return bytes;
}

/* ---- runs of equal size ---- */

struct run {
	size_t size; /* of each payload but the last */
	size_t last;
	unsigned count;
};

/* A call of Linux 4.18 makes 64 at most. */
static const struct run runs[] = {
    {1, 1, 64},	   {2, 1, 63},	    {64, 64, 64},     {100, 7, 50},	{700, 700, 64},
    {1200, 1, 50}, {1200, 1200, 2}, {1400, 1399, 40}, {1444, 1444, 44},
};

#define RUNS ((int)(sizeof(runs) / sizeof(runs[0])))

static size_t size_of(const struct run *run, unsigned i)
{
	return i + 1 < run->count ? run->size : run->last;
}

/* Header and payload of all, one after the other, in one call. False where the kernel cannot. */
static bool send_run_up(int balancer, const struct run *run, const char *client)
{
	static uint8_t bytes[RUN_MAX];
	size_t len = 0;

	sender_v2_udp(&header, client, NULL);
	for (unsigned i = 0; i < run->count; i++) {
		size_t size = size_of(run, i);

		ck_assert_uint_le(len + header.len + size, sizeof(bytes));
		memcpy(bytes + len, header.bytes, header.len);
		memcpy(bytes + len + header.len, payload_of(i, size), size);
		len += header.len + size;
	}
	return udp_send_segments(balancer, LISTEN_V4, bytes, len,
				 (uint16_t)(header.len + run->size));
}

/* The same without headers. */
static bool send_run_down(int backend, const struct run *run, const char *client)
{
	static uint8_t bytes[RUN_MAX];
	size_t len = 0;

	for (unsigned i = 0; i < run->count; i++) {
		size_t size = size_of(run, i);

		memcpy(bytes + len, payload_of(i, size), size);
		len += size;
	}
	return udp_send_segments(backend, client, bytes, len, (uint16_t)run->size);
}

static void expect_run(int fd, const char *from, const struct run *run)
{
	for (unsigned i = 0; i < run->count; i++)
		udp_expect(fd, from, payload_of(i, size_of(run, i)), size_of(run, i));
}

START_TEST(runs_arrive_as_single_datagrams)
{
	const struct run *run = &runs[_i];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("");
	for (int turn = 0; turn < 3; turn++) {
		if (!send_run_up(balancer, run, BALANCER_CLIENT))
			return;
		expect_run(backend, BALANCER_CLIENT, run);
		(void)send_run_down(backend, run, BALANCER_CLIENT);
		expect_run(balancer, LISTEN_V4, run);
	}
}
END_TEST

START_TEST(runs_of_ipv6_arrive_as_single_datagrams)
{
	static const struct run run = {1200, 900, 40};
	int backend;
	int balancer;

	if (!netns_has_ipv6())
		return;
	backend = udp_open(BACKEND_V6);
	balancer = udp_open("[::1]:0");
	daemon_start_udp("listen = [ \"" LISTEN_V4 "\", \"[::1]:7000\" ];");
	balancer_check_at(balancer, "[::1]:7000", backend, BALANCER_CLIENT_V6);
	if (!send_run_down(backend, &run, BALANCER_CLIENT_V6))
		return;
	expect_run(balancer, "[::1]:7000", &run);
	(void)send_run_up(balancer_open(), &run, BALANCER_CLIENT_V6);
	expect_run(backend, BALANCER_CLIENT_V6, &run);
}
END_TEST

/* Without headers nothing but the lengths tells datagrams apart. */
START_TEST(runs_behind_one_header_arrive_as_single_datagrams)
{
	static const struct run run = {1300, 20, 50};
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("udp_header = \"first\"; allowed_subnets = [ \"127.0.0.1\" ];");
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	balancer_send_header(balancer, LISTEN_V4, &header, NULL, 0);
	for (int turn = 0; turn < 3; turn++) {
		if (!send_run_down(balancer, &run, LISTEN_V4))
			return;
		expect_run(backend, BALANCER_CLIENT, &run);
	}
}
END_TEST

/* Each answer of a run gets its header. */
START_TEST(runs_of_answers_have_spp_headers)
{
	static const struct run run = {1200, 33, 50};
	static uint8_t expected[2048];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("udp_header = \"spp\";");
	sender_spp(&header, BALANCER_CLIENT, NULL);
	balancer_send_header(balancer, LISTEN_V4, &header, "x", 1);
	udp_expect_text(backend, BALANCER_CLIENT, "x");
	for (int turn = 0; turn < 3; turn++) {
		if (!send_run_down(backend, &run, BALANCER_CLIENT))
			return;
		for (unsigned i = 0; i < run.count; i++) {
			size_t size = size_of(&run, i);

			memcpy(expected, header.bytes, header.len);
			memcpy(expected + header.len, payload_of(i, size), size);
			udp_expect(balancer, LISTEN_V4, expected, header.len + size);
		}
	}
}
END_TEST

/* One header of several in a run is wrong: its neighbours are not. */
START_TEST(a_wrong_header_in_a_run_costs_one_datagram)
{
	static uint8_t bytes[10 * 128];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("");
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	for (unsigned i = 0; i < 10; i++) {
		memcpy(bytes + 128 * i, header.bytes, header.len);
		memcpy(bytes + 128 * i + header.len, payload_of(i, 100), 100);
	}
	bytes[128 * 4 + 12] = 0x31;
	if (!udp_send_segments(balancer, LISTEN_V4, bytes, sizeof(bytes), 128))
		return;
	for (unsigned i = 0; i < 10; i++)
		if (i != 4)
			udp_expect(backend, BALANCER_CLIENT, payload_of(i, 100), 100);
	balancer_check(balancer, backend, BALANCER_CLIENT);
	ck_assert_uint_eq(daemon_log_count("warn ", "reason=header_invalid"), 1);
}
END_TEST

/* Several clients in one run, in turn: equal in length, and yet not one run towards the backend. */
START_TEST(a_run_of_several_clients_is_taken_apart)
{
	static uint8_t bytes[60 * 228];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	unsigned next[3] = {0, 1, 2};
	char client[64];

	daemon_start_udp("");
	for (unsigned i = 0; i < 60; i++) {
		snprintf(client, sizeof(client), "203.0.113.7:%u", 40000 + i % 3);
		sender_v2_udp(&header, client, NULL);
		memcpy(bytes + 228 * i, header.bytes, header.len);
		memcpy(bytes + 228 * i + header.len, payload_of(i, 200), 200);
	}
	if (!udp_send_segments(balancer, LISTEN_V4, bytes, sizeof(bytes), 228))
		return;
	for (unsigned i = 0; i < 60; i++) {
		const struct udp_datagram *datagram = udp_receive(backend);
		unsigned from = addr_port(&datagram->from) - 40000U;

		/* In order for each of them. */
		ck_assert_uint_lt(from, 3);
		ck_assert_uint_eq(datagram->len, 200);
		ck_assert_int_eq(memcmp(datagram->bytes, payload_of(next[from], 200), 200), 0);
		next[from] += 3;
	}
}
END_TEST

/* ---- any sizes ---- */

#define MIXED 400

/* Equal and different lengths, empty ones among them, one call each, faster than they are read. */
static size_t mixed_size(unsigned i)
{
	static const size_t sizes[] = {0,    1200, 1200, 1200, 1,    700, 1200, 1200,
				       1200, 40,   0,	 0,    3000, 64,  64,	64};

	return sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];
}

START_TEST(mixed_bursts_keep_lengths_and_order)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("");
	for (unsigned i = 0; i < MIXED; i++)
		balancer_send(balancer, BALANCER_CLIENT, payload_of(i, mixed_size(i)),
			      mixed_size(i));
	for (unsigned i = 0; i < MIXED; i++)
		udp_expect(backend, BALANCER_CLIENT, payload_of(i, mixed_size(i)), mixed_size(i));
	for (unsigned i = 0; i < MIXED; i++)
		udp_send(backend, BALANCER_CLIENT, payload_of(i, mixed_size(i)), mixed_size(i));
	for (unsigned i = 0; i < MIXED; i++)
		udp_expect(balancer, LISTEN_V4, payload_of(i, mixed_size(i)), mixed_size(i));
}
END_TEST

/* More than any batch holds, of several flows and sizes in turn, both ways. */
START_TEST(long_bursts_of_several_flows_are_whole)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[8];
	char clients[8][32];

	daemon_start_udp("");
	for (unsigned i = 0; i < 8; i++) {
		balancers[i] = balancer_open();
		snprintf(clients[i], sizeof(clients[i]), "203.0.113.7:%u", 40000 + i);
		balancer_check(balancers[i], backend, clients[i]);
	}
	for (unsigned i = 0; i < 1600; i++)
		udp_send(backend, clients[i / 3 % 8], payload_of(i, 600 + i / 100), 600 + i / 100);
	for (unsigned i = 0; i < 1600; i++)
		udp_expect(balancers[i / 3 % 8], LISTEN_V4, payload_of(i, 600 + i / 100),
			   600 + i / 100);
}
END_TEST

/* Datagrams longer than a packet can be cut into by IP, but not by UDP_SEGMENT. */
START_TEST(runs_beyond_the_mtu_pass)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	harness_shell("ip link set lo mtu 1500");
	daemon_start_udp("");
	for (int turn = 0; turn < 3; turn++) {
		for (unsigned i = 0; i < 60; i++)
			balancer_send(balancer, BALANCER_CLIENT, payload_of(i, 4000), 4000);
		for (unsigned i = 0; i < 60; i++)
			udp_expect(backend, BALANCER_CLIENT, payload_of(i, 4000), 4000);
		for (unsigned i = 0; i < 60; i++)
			udp_send(backend, BALANCER_CLIENT, payload_of(i, 4000), 4000);
		for (unsigned i = 0; i < 60; i++)
			udp_expect(balancer, LISTEN_V4, payload_of(i, 4000), 4000);
	}
}
END_TEST

/* With its header an answer may be longer than what the backend's run was cut into. */
START_TEST(runs_that_a_header_brings_beyond_the_mtu_pass)
{
	static const struct run run = {1472, 1472, 40};
	static uint8_t expected[2048];
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	harness_shell("ip link set lo mtu 1500");
	daemon_start_udp("udp_header = \"spp\";");
	sender_spp(&header, BALANCER_CLIENT, NULL);
	balancer_send_header(balancer, LISTEN_V4, &header, "x", 1);
	udp_expect_text(backend, BALANCER_CLIENT, "x");
	for (int turn = 0; turn < 3; turn++) {
		if (!send_run_down(backend, &run, BALANCER_CLIENT))
			return;
		for (unsigned i = 0; i < run.count; i++) {
			memcpy(expected, header.bytes, header.len);
			memcpy(expected + header.len, payload_of(i, 1472), 1472);
			udp_expect(balancer, LISTEN_V4, expected, header.len + 1472);
		}
	}
}
END_TEST

static Suite *udp_batch_suite(void)
{
	Suite *suite = suite_create("net_udp_batch");
	TCase *equal = harness_case(suite, "equal", 60);
	TCase *mixed = harness_case(suite, "mixed", 60);

	tcase_add_loop_test(equal, runs_arrive_as_single_datagrams, 0, RUNS);
	tcase_add_test(equal, runs_of_ipv6_arrive_as_single_datagrams);
	tcase_add_test(equal, runs_behind_one_header_arrive_as_single_datagrams);
	tcase_add_test(equal, runs_of_answers_have_spp_headers);
	tcase_add_test(equal, a_wrong_header_in_a_run_costs_one_datagram);
	tcase_add_test(equal, a_run_of_several_clients_is_taken_apart);
	tcase_add_test(mixed, mixed_bursts_keep_lengths_and_order);
	tcase_add_test(mixed, long_bursts_of_several_flows_are_whole);
	tcase_add_test(mixed, runs_beyond_the_mtu_pass);
	tcase_add_test(mixed, runs_that_a_header_brings_beyond_the_mtu_pass);
	return suite;
}

int main(void)
{
	return harness_run(udp_batch_suite());
}
