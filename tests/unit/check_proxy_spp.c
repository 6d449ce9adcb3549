/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of proxyproto/proxy_spp and proxyproto/proxy_datagram. */
#include "proxyproto/proxy_spp.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "proxyproto/proxy_datagram.h"

#define HEADER_MAX 4096

/* A v2 header that calls itself datagrams from 203.0.113.10:41000 to 127.0.0.1:443. */
#define V2_DGRAM "\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xcb\0\x71\x0a\x7f\0\0\1\xa0\x28\1\xbb"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

static struct proxy_header header;
static enum proxy_error error;

static struct addr parsed(const char *text)
{
	struct addr addr;

	ck_assert_msg(addr_parse(&addr, text) == 0, "%s", text);
	return addr;
}

static void assert_round_trip(const char *client_text, const char *proxy_text)
{
	struct addr client = parsed(client_text);
	struct addr proxy = parsed(proxy_text);
	uint8_t bytes[PROXY_SPP_LEN];

	proxy_spp_write(bytes, &client, &proxy);
	ck_assert_int_eq(proxy_spp_parse(bytes, sizeof(bytes), &header, &error), PROXY_OK);
	ck_assert_int_eq(header.version, PROXY_VERSION_SPP);
	ck_assert_int_eq(header.command, PROXY_COMMAND_PROXY);
	ck_assert_int_eq(header.family,
			 addr_family(&client) == AF_INET ? PROXY_FAMILY_INET : PROXY_FAMILY_INET6);
	ck_assert(addr_equal(&header.src, &client));
	ck_assert(addr_equal(&header.dst, &proxy));
	ck_assert_uint_eq(header.header_len, PROXY_SPP_LEN);
	ck_assert_uint_eq(header.tlvs_len, 0);
}

START_TEST(test_what_is_written_is_read)
{
	assert_round_trip("203.0.113.7:40000", "198.51.100.1:53");
	assert_round_trip("[2001:db8::7]:65535", "[2001:db8::1]:0");
	assert_round_trip("203.0.113.7:0", "[2001:db8::1]:53");
}
END_TEST

START_TEST(test_layout)
{
	static const uint8_t whole[PROXY_SPP_LEN] = {
	    [0] = 0x56, [1] = 0xEC, [12] = 0xFF, [13] = 0xFF, [14] = 203, [15] = 0,
	    [16] = 113, [17] = 7,   [28] = 0xFF, [29] = 0xFF, [30] = 198, [31] = 51,
	    [32] = 100, [33] = 1,   [34] = 0x9C, [35] = 0x40, [36] = 0,	  [37] = 53,
	};
	struct addr client = parsed("203.0.113.7:40000");
	struct addr proxy = parsed("198.51.100.1:53");

	ck_assert_int_eq(proxy_spp_parse(whole, sizeof(whole), &header, &error), PROXY_OK);
	ck_assert(addr_equal(&header.src, &client));
	ck_assert(addr_equal(&header.dst, &proxy));
}
END_TEST

START_TEST(test_short_and_foreign_datagrams)
{
	uint8_t bytes[PROXY_SPP_LEN] = {0x56, 0xEC};

	for (size_t len = 0; len < sizeof(bytes); len++) {
		ck_assert_int_eq(proxy_spp_parse(bytes, len, &header, &error), PROXY_ERROR);
		ck_assert_int_eq(error, PROXY_ERROR_TRUNCATED);
	}
	bytes[1] = 0xED;
	ck_assert_int_eq(proxy_spp_parse(bytes, sizeof(bytes), &header, &error), PROXY_ERROR);
	ck_assert_int_eq(error, PROXY_ERROR_SPP_MAGIC);
	ck_assert_str_eq(proxy_error_name(error), "spp_magic");
	ck_assert_int_eq(proxy_spp_parse(BYTES("h"), &header, &error), PROXY_ERROR);
	ck_assert_int_eq(error, PROXY_ERROR_SPP_MAGIC);
}
END_TEST

START_TEST(test_v2_in_a_datagram)
{
	static const uint8_t bytes[] = V2_DGRAM "payload";
	size_t len = sizeof(V2_DGRAM) - 1;

	ck_assert_int_eq(
	    proxy_datagram_parse(bytes, sizeof(bytes) - 1, HEADER_MAX, &header, &error), PROXY_OK);
	ck_assert_uint_eq(header.header_len, len);
	ck_assert_uint_eq(addr_port(&header.src), 41000);
	for (size_t cut = 0; cut < len; cut++) {
		ck_assert_int_eq(proxy_datagram_parse(bytes, cut, HEADER_MAX, &header, &error),
				 PROXY_ERROR);
		ck_assert_int_eq(error, PROXY_ERROR_TRUNCATED);
	}
	/* The same header on a stream is a mistake. */
	ck_assert_int_eq(proxy_header_parse(bytes, len, HEADER_MAX, &header, &error), PROXY_ERROR);
	ck_assert_int_eq(error, PROXY_ERROR_TRANSPORT_MISMATCH);
}
END_TEST

START_TEST(test_v1_has_no_datagrams)
{
	ck_assert_int_eq(proxy_datagram_parse(BYTES("PROXY TCP4 1.1.1.5 2.2.2.6 2 3\r\nhello"),
					      HEADER_MAX, &header, &error),
			 PROXY_ERROR);
	ck_assert_int_eq(error, PROXY_ERROR_V1_DATAGRAM);
	ck_assert_int_eq(proxy_datagram_parse(BYTES("PROX"), HEADER_MAX, &header, &error),
			 PROXY_ERROR);
	ck_assert_int_eq(error, PROXY_ERROR_SIGNATURE);
}
END_TEST

START_TEST(test_signature)
{
	static const uint8_t bytes[] = V2_DGRAM;

	ck_assert(proxy_datagram_is_signed(bytes, 12));
	ck_assert(!proxy_datagram_is_signed(bytes, 11));
	ck_assert(!proxy_datagram_is_signed(BYTES("\r\n\r\n\0\r\nQUIT.")));
	ck_assert(!proxy_datagram_is_signed(BYTES("")));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_spp");
	TCase *tcase = tcase_create("proxy_spp");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_what_is_written_is_read);
	tcase_add_test(tcase, test_layout);
	tcase_add_test(tcase, test_short_and_foreign_datagrams);
	tcase_add_test(tcase, test_v2_in_a_datagram);
	tcase_add_test(tcase, test_v1_has_no_datagrams);
	tcase_add_test(tcase, test_signature);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
