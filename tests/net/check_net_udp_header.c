/* SPDX-License-Identifier: BSD-2-Clause */
/* udp_header = "each": a v2 header before every datagram; which are taken, which are dropped. */
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

static struct sender_header header;

static void send_with(int fd, const char *payload)
{
	balancer_send_header(fd, LISTEN_V4, &header, payload, strlen(payload));
}

/* ---- taken ---- */

START_TEST(the_header_names_the_source)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("udp_header = \"each\";");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	balancer_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

/* Some load balancers call it a stream whatever they carry. */
START_TEST(a_header_that_says_stream_is_tolerated)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("");
	sender_v2(&header, BALANCER_CLIENT, NULL);
	send_with(balancer, "x");
	udp_expect_text(backend, BALANCER_CLIENT, "x");
	balancer_check_answer(balancer, backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(tlvs_are_no_payload)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("");
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	sender_tlv(&header, 0x02, "example.org", 11);
	sender_tlv(&header, 0xE5, "x", 1);
	sender_crc(&header);
	send_with(balancer, "payload");
	udp_expect_text(backend, BALANCER_CLIENT, "payload");
}
END_TEST

START_TEST(a_header_may_be_as_long_as_header_max)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("header_max = 600;");
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	sender_pad(&header, 600);
	send_with(balancer, "fits");
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	sender_pad(&header, 601);
	send_with(balancer, "does not");
	udp_expect_text(backend, BALANCER_CLIENT, "fits");
	daemon_log_await("reason=header_invalid", "listener=t", NULL);
	balancer_check(balancer, backend, BALANCER_CLIENT);
}
END_TEST

START_TEST(a_mapped_source_is_ipv4)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	uint8_t block[36] = {0};

	daemon_start_udp("");
	block[10] = block[11] = block[26] = block[27] = 0xFF;
	memcpy(block + 12, "\xCB\x00\x71\x07", 4);
	memcpy(block + 28, "\xC6\x33\x64\x01", 4);
	memcpy(block + 32, "\x9C\x40\x01\xBB", 4);
	sender_v2_raw(&header, SENDER_PROXY, SENDER_UDP6, block, sizeof(block));
	send_with(balancer, "mapped");
	udp_expect_text(backend, BALANCER_CLIENT, "mapped");
}
END_TEST

/* ---- no client ---- */

/* What comes from the load balancer itself goes out from mmproxy's own address. */
static void check_own_address(uint8_t command, uint8_t protocol, const void *block, size_t len)
{
	int backend = udp_open(BACKEND_V4);
	int balancers[2] = {balancer_open(), balancer_open()};
	struct addr from[2];
	char ip[ADDR_STRLEN];

	daemon_start_udp("");
	sender_v2_raw(&header, command, protocol, block, len);
	for (int i = 0; i < 2; i++) {
		const struct udp_datagram *datagram;

		send_with(balancers[i], i == 0 ? "first" : "second");
		datagram = udp_receive(backend);
		ck_assert_str_eq(addr_format_ip(&datagram->from, ip), "127.0.0.1");
		from[i] = datagram->from;
	}
	/* Each has its own answers. */
	ck_assert_uint_ne(addr_port(&from[0]), addr_port(&from[1]));
	udp_send_addr(backend, &from[1], "to the second", 13);
	udp_send_addr(backend, &from[0], "to the first", 12);
	udp_expect_text(balancers[0], LISTEN_V4, "to the first");
	udp_expect_text(balancers[1], LISTEN_V4, "to the second");
}

START_TEST(local_is_the_load_balancer_itself)
{
	check_own_address(SENDER_LOCAL, SENDER_UNSPEC, NULL, 0);
}
END_TEST

/* Its address block says nothing, however it looks (section 2.2). */
START_TEST(local_with_an_address_block_is_the_load_balancer_itself)
{
	check_own_address(SENDER_LOCAL, SENDER_UDP4,
			  "\xCB\x00\x71\x07\xC6\x33\x64\x01\x9C\x40\x01\xBB", 12);
}
END_TEST

START_TEST(unspec_is_the_load_balancer_itself)
{
	check_own_address(SENDER_PROXY, SENDER_UNSPEC, NULL, 0);
}
END_TEST

/* ---- dropped ---- */

static const uint8_t block_v4[12] = {203, 0, 113, 7, 198, 51, 100, 1, 0x9C, 0x40, 0x01, 0xBB};

/* Wrong datagrams, each by what makes it. */
static void write_raw(void)
{
	sender_text(&header, "GET / HTTP/1.1\r\n\r\n");
}

static void write_empty(void)
{
	header.len = 0;
}

static void write_one_byte(void)
{
	sender_text(&header, "\r");
}

static void write_signature_alone(void)
{
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	header.len = 12;
}

static void write_fixed_part_cut(void)
{
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	header.len = 15;
}

static void write_block_cut(void)
{
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	header.len--;
}

static void write_v1(void)
{
	sender_v1(&header, BALANCER_CLIENT, NULL);
}

static void write_version_3(void)
{
	sender_v2_raw(&header, 0x31, SENDER_UDP4, block_v4, sizeof(block_v4));
}

static void write_unknown_command(void)
{
	sender_v2_raw(&header, 0x22, SENDER_UDP4, block_v4, sizeof(block_v4));
}

static void write_unknown_family(void)
{
	sender_v2_raw(&header, SENDER_PROXY, 0x42, block_v4, sizeof(block_v4));
}

static void write_short_block(void)
{
	sender_v2_raw(&header, SENDER_PROXY, SENDER_UDP4, block_v4, 11);
}

static void write_length_beyond_the_end(void)
{
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	header.bytes[14] = 0xFF;
}

static void write_wrong_crc(void)
{
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	sender_crc(&header);
	header.bytes[header.len - 1] ^= 1;
}

static void write_broken_tlv(void)
{
	sender_v2_udp(&header, BALANCER_CLIENT, NULL);
	sender_tlv(&header, 0x02, "example.org", 11);
	header.bytes[header.len - 12] = 200;
}

static void write_spp(void)
{
	sender_spp(&header, BALANCER_CLIENT, NULL);
}

static void (*const wrong[])(void) = {
    write_raw,
    write_empty,
    write_one_byte,
    write_signature_alone,
    write_fixed_part_cut,
    write_block_cut,
    write_v1,
    write_version_3,
    write_unknown_command,
    write_unknown_family,
    write_short_block,
    write_length_beyond_the_end,
    write_wrong_crc,
    write_broken_tlv,
    write_spp,
};

START_TEST(a_wrong_header_is_dropped_and_harms_no_flow)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	char peer[64];

	daemon_start_udp("");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	wrong[_i]();
	balancer_send_header(balancer, LISTEN_V4, &header, NULL, 0);
	/* Nothing of it arrives: the next that the backend sees is what follows. */
	balancer_check(balancer, backend, BALANCER_CLIENT);
	snprintf(peer, sizeof(peer), "peer=127.0.0.1:%u ", peer_local_port(balancer));
	daemon_log_await("warn ", peer, "reason=header_invalid");
	ck_assert_uint_eq(udp_table_connected_to(8000), 1);
}
END_TEST

/* ---- sources that nobody may have ---- */

static const char *const no_sources[] = {"0.0.0.0:40000",   "224.0.0.9:40000",
					 "239.1.2.3:40000", "255.255.255.255:40000",
					 "[::]:40000",	    "[ff02::1]:40000"};

START_TEST(an_impossible_source_is_dropped)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	daemon_start_udp("");
	sender_v2_udp(&header, no_sources[_i], NULL);
	send_with(balancer, "from nobody");
	balancer_check(balancer, backend, BALANCER_CLIENT);
	daemon_log_await("warn ", "listener=t", "reason=source_invalid");
}
END_TEST

START_TEST(a_loopback_source_needs_a_loopback_peer)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	int remote;

	harness_shell("ip address add 192.0.2.1/32 dev lo");
	remote = udp_open("192.0.2.1:0");
	daemon_start_udp("");
	sender_v2_udp(&header, "127.0.0.9:40000", NULL);
	send_with(remote, "from afar");
	daemon_log_await("warn ", "peer=192.0.2.1:", "reason=source_invalid");
	send_with(balancer, "from here");
	udp_expect_text(backend, "127.0.0.9:40000", "from here");
	balancer_check_answer(balancer, backend, "127.0.0.9:40000");
}
END_TEST

static Suite *udp_header_suite(void)
{
	Suite *suite = suite_create("net_udp_header");
	TCase *taken = harness_case(suite, "taken", 60);
	TCase *local = harness_case(suite, "local", 60);
	TCase *dropped = harness_case(suite, "dropped", 60);

	tcase_add_test(taken, the_header_names_the_source);
	tcase_add_test(taken, a_header_that_says_stream_is_tolerated);
	tcase_add_test(taken, tlvs_are_no_payload);
	tcase_add_test(taken, a_header_may_be_as_long_as_header_max);
	tcase_add_test(taken, a_mapped_source_is_ipv4);
	tcase_add_test(local, local_is_the_load_balancer_itself);
	tcase_add_test(local, local_with_an_address_block_is_the_load_balancer_itself);
	tcase_add_test(local, unspec_is_the_load_balancer_itself);
	tcase_add_loop_test(dropped, a_wrong_header_is_dropped_and_harms_no_flow, 0,
			    (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_loop_test(dropped, an_impossible_source_is_dropped, 0, netns_has_ipv6() ? 6 : 4);
	tcase_add_test(dropped, a_loopback_source_needs_a_loopback_peer);
	return suite;
}

int main(void)
{
	return harness_run(udp_header_suite());
}
