/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of net/packet: what captured packets carry. */
#include "net/packet.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#define BYTES_MAX 2048

#define PAYLOAD "PROXY"

/* A packet being put together. */
static uint8_t bytes[BYTES_MAX];
static size_t len;

static void begin_packet(void)
{
	len = 0;
}

static void put(const void *part, size_t part_len)
{
	ck_assert_uint_le(len + part_len, BYTES_MAX);
	memcpy(&bytes[len], part, part_len);
	len += part_len;
}

#define PUT(...) put((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void put_ipv4(unsigned protocol, size_t rest_len)
{
	size_t total_len = 20 + rest_len;

	PUT(0x45, 0, (uint8_t)(total_len >> 8), (uint8_t)total_len, 0, 1, 0x40, 0, 64,
	    (uint8_t)protocol, 0, 0, 198, 51, 100, 1, 198, 51, 100, 2);
}

static void put_ipv6(unsigned next, size_t rest_len)
{
	PUT(0x60, 0, 0, 0, (uint8_t)(rest_len >> 8), (uint8_t)rest_len, (uint8_t)next, 64);
	PUT(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
	PUT(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
}

/* 40000 to 7000, with 12 bytes of options. */
static void put_tcp(void)
{
	PUT(0x9c, 0x40, 0x1b, 0x58, 0, 0, 0, 1, 0, 0, 0, 1, 0x80, 0x18, 2, 0, 0, 0, 0, 0);
	PUT(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);
}

#define TCP_LEN 32

static void put_udp(size_t payload_len)
{
	PUT(0x9c, 0x40, 0x1b, 0x58, 0, (uint8_t)(8 + payload_len), 0, 0);
}

#define UDP_LEN 8

static void put_payload(void)
{
	put(PAYLOAD, strlen(PAYLOAD));
}

/* Look in a block of the exact size, so that AddressSanitizer sees an overread. */
static bool find_in(size_t part_len, struct packet *packet, size_t *payload_at)
{
	uint8_t *exact = malloc(part_len > 0 ? part_len : 1);
	bool found;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, bytes, part_len);
	found = packet_find(exact, part_len, packet);
	if (found) {
		*payload_at = (size_t)(packet->payload - exact);
		ck_assert_uint_le(*payload_at + packet->payload_len, part_len);
		packet->payload = bytes + *payload_at;
	}
	free(exact);
	return found;
}

/* The packet as put together carries PAYLOAD, and no beginning of it is misread. */
static void expect_payload(const char *link, bool is_udp, const char *src, const char *dst)
{
	struct packet packet;
	char text[ADDR_STRLEN];
	size_t headers_len;
	size_t at;

	ck_assert(find_in(len, &packet, &headers_len));
	ck_assert_uint_eq(packet.payload_len, strlen(PAYLOAD));
	ck_assert_mem_eq(packet.payload, PAYLOAD, strlen(PAYLOAD));
	ck_assert_uint_eq(packet.missing_len, 0);
	ck_assert(packet.is_udp == is_udp);
	if (link == NULL)
		ck_assert_ptr_null(packet.link);
	else
		ck_assert_str_eq(packet.link, link);
	ck_assert_str_eq(addr_format(&packet.src, text), src);
	ck_assert_str_eq(addr_format(&packet.dst, text), dst);

	for (size_t part_len = 0; part_len < headers_len; part_len++)
		ck_assert_msg(!find_in(part_len, &packet, &at), "found in %zu bytes", part_len);
}

#define V4_SRC "198.51.100.1:40000"
#define V4_DST "198.51.100.2:7000"
#define V6_SRC "[2001:db8::1]:40000"
#define V6_DST "[2001:db8::2]:7000"

static void put_tcp4(void)
{
	put_ipv4(IPPROTO_TCP, TCP_LEN + strlen(PAYLOAD));
	put_tcp();
	put_payload();
}

START_TEST(ip_alone)
{
	put_tcp4();
	expect_payload(NULL, false, V4_SRC, V4_DST);
	len = 0;
	put_ipv4(IPPROTO_UDP, UDP_LEN + strlen(PAYLOAD));
	put_udp(strlen(PAYLOAD));
	put_payload();
	expect_payload(NULL, true, V4_SRC, V4_DST);
	len = 0;
	put_ipv6(IPPROTO_TCP, TCP_LEN + strlen(PAYLOAD));
	put_tcp();
	put_payload();
	expect_payload(NULL, false, V6_SRC, V6_DST);
	len = 0;
	/* Hop-by-hop options of 8 bytes, and destination options of 16. */
	put_ipv6(0, 24 + UDP_LEN + strlen(PAYLOAD));
	PUT(60, 0, 1, 4, 0, 0, 0, 0);
	PUT(IPPROTO_UDP, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	put_udp(strlen(PAYLOAD));
	put_payload();
	expect_payload(NULL, true, V6_SRC, V6_DST);
}
END_TEST

START_TEST(links_before_ip)
{
	PUT(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00);
	put_tcp4();
	expect_payload("Ethernet", false, V4_SRC, V4_DST);
	len = 0;
	/* Two tags, and an address that starts as a version 1 header does. */
	PUT('P', 'R', 'O', 'X', 'Y', ' ', 2, 2, 2, 2, 2, 2, 0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 7);
	PUT(0x86, 0xdd);
	put_ipv6(IPPROTO_UDP, UDP_LEN + strlen(PAYLOAD));
	put_udp(strlen(PAYLOAD));
	put_payload();
	expect_payload("Ethernet", true, V6_SRC, V6_DST);
	len = 0;
	/* LINKTYPE_LINUX_SLL: type, hardware, length and address, protocol. */
	PUT(0, 0, 0x03, 0x04, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00);
	put_tcp4();
	expect_payload("Linux cooked", false, V4_SRC, V4_DST);
	len = 0;
	/* LINKTYPE_LINUX_SLL2: protocol first, interface, hardware, address. */
	PUT(0x08, 0x00, 0, 0, 0, 0, 0, 1, 0x03, 0x04, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0);
	put_tcp4();
	expect_payload("Linux cooked", false, V4_SRC, V4_DST);
}
END_TEST

START_TEST(padding_is_no_payload)
{
	PUT(1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 0x08, 0x00);
	put_ipv4(IPPROTO_UDP, UDP_LEN + strlen(PAYLOAD));
	put_udp(strlen(PAYLOAD));
	put_payload();
	PUT(0, 0, 0, 0, 0, 0, 0, 0);
	expect_payload("Ethernet", true, V4_SRC, V4_DST);
}
END_TEST

START_TEST(what_a_capture_left_out_is_counted)
{
	struct packet packet;
	size_t at;

	put_ipv4(IPPROTO_UDP, UDP_LEN + 100);
	put_udp(100);
	put_payload();
	ck_assert(find_in(len, &packet, &at));
	ck_assert_uint_eq(packet.payload_len, strlen(PAYLOAD));
	ck_assert_uint_eq(packet.missing_len, 100 - strlen(PAYLOAD));
}
END_TEST

START_TEST(a_packet_may_carry_nothing)
{
	struct packet packet;
	size_t at;

	put_ipv4(IPPROTO_TCP, TCP_LEN);
	put_tcp();
	ck_assert(find_in(len, &packet, &at));
	ck_assert_uint_eq(packet.payload_len, 0);
}
END_TEST

START_TEST(other_bytes_are_no_packet)
{
	/* Which byte of put_tcp4() to change, and to what. */
	static const struct {
		size_t at;
		uint8_t value;
	} cases[] = {
	    {0, 0x55},	/* version 5 */
	    {0, 0x44},	/* header of 16 bytes */
	    {3, 0x10},	/* shorter than its header */
	    {7, 0x01},	/* not the first fragment */
	    {9, 1},	/* ICMP */
	    {32, 0x40}, /* TCP header of 16 bytes */
	    {32, 0xf0}, /* TCP header of 60 bytes, of which there are 37 */
	};
	static const char *const texts[] = {
	    "EHLO mail.example.com\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n",
	    "GET / HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: something\r\n\r\n",
	    "`````````````````````````````````````````````````````````````````````",
	};
	struct packet packet;
	size_t at;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = 0;
		put_tcp4();
		bytes[cases[i].at] = cases[i].value;
		ck_assert_msg(!find_in(len, &packet, &at), "case %zu", i);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		len = 0;
		put(texts[i], strlen(texts[i]));
		ck_assert_msg(!find_in(len, &packet, &at), "%s", texts[i]);
	}
	/* UDP whose own length is another than IP's. */
	len = 0;
	put_ipv4(IPPROTO_UDP, UDP_LEN + strlen(PAYLOAD));
	put_udp(strlen(PAYLOAD) + 1);
	put_payload();
	ck_assert(!find_in(len, &packet, &at));
	/* Extension headers without end. */
	len = 0;
	put_ipv6(60, 160);
	for (size_t i = 0; i < 20; i++)
		PUT(60, 0, 1, 4, 0, 0, 0, 0);
	ck_assert(!find_in(len, &packet, &at));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("packet");
	TCase *tcase = tcase_create("packet");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, begin_packet, NULL);
	tcase_add_test(tcase, ip_alone);
	tcase_add_test(tcase, links_before_ip);
	tcase_add_test(tcase, padding_is_no_payload);
	tcase_add_test(tcase, what_a_capture_left_out_is_counted);
	tcase_add_test(tcase, a_packet_may_carry_nothing);
	tcase_add_test(tcase, other_bytes_are_no_packet);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
