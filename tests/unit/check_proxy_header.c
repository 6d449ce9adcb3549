/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proxyproto/proxy_header: errors and their bytes, addresses, splits, mutations. */
#include "proxyproto/proxy_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "proxyproto/crc32c.h"
#include "proxyproto/proxy_datagram.h"
#include "proxyproto/proxy_spp.h"
#include "proxyproto/proxy_tlv.h"
#include "proxyproto/proxy_v1.h"
#include "proxyproto/proxy_v2.h"

#include "proxy_splits.h"

#define HEADER_MAX 4096
#define SIGNATURE  "\r\n\r\n\0\r\nQUIT\n"

/* Version, command, family, transport and length of a PROXY header over TCP. */
#define INET(len)    SIGNATURE "\x21\x11\x00" len
#define INET6(len)   SIGNATURE "\x21\x21\x00" len
#define INET_BLOCK   "\xC0\x00\x02\x01\xC6\x33\x64\x02\x9C\x40\x01\xBB"
#define IPV6_CLIENT  "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x07"
#define IPV6_SERVER  "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x08"
#define MAPPED(last) "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\xC0\x00\x02" last
#define IPV6_PORTS   "\x9C\x40\x01\xBB"

/* A string literal without its NUL, which may hold others. */
#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

/* "PROXY UNKNOWN " and this are the 107 bytes a line may have, but for its CRLF. */
#define FILLER_91                                                                                  \
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567" \
	"890"

struct failure {
	enum proxy_error error;
	size_t at; /* how many bytes make the error certain */
	const uint8_t *bytes;
	size_t len;
};

static const struct failure failures[] = {
    {PROXY_ERROR_SIGNATURE, 1, BYTES("GET / HTTP/1.1\r\n\r\n")},
    {PROXY_ERROR_SIGNATURE, 1, BYTES("\0")},
    {PROXY_ERROR_SIGNATURE, 2, BYTES("POST / HTTP/1.1\r\n\r\n")},
    {PROXY_ERROR_SIGNATURE, 6, BYTES("PROXY\tTCP4 192.0.2.1 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_SIGNATURE, 5, BYTES("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n")},
    {PROXY_ERROR_SIGNATURE, 12, BYTES("\r\n\r\n\0\r\nQUIT\r\x21\x11\0\0")},

    {PROXY_ERROR_V1_FAMILY, 7, BYTES("PROXY \r\n")},
    {PROXY_ERROR_V1_FAMILY, 7, BYTES("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_FAMILY, 7, BYTES("PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_FAMILY, 10, BYTES("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_FAMILY, 11, BYTES("PROXY TCP46 192.0.2.1 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_FAMILY, 8, BYTES("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_FAMILY, 14, BYTES("PROXY UNKNOWNX\r\n")},
    {PROXY_ERROR_V1_FAMILY, 14, BYTES("PROXY UNKNOWN\n")},

    {PROXY_ERROR_V1_SOURCE, 12, BYTES("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 14, BYTES("PROXY TCP4 256.0.2.1 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 13, BYTES("PROXY TCP4 01.0.2.1 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 16, BYTES("PROXY TCP4 192..2.1 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 19, BYTES("PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 21, BYTES("PROXY TCP4 192.0.2.1.1 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 21, BYTES("PROXY TCP4 192.0.2.1\r\n")},
    {PROXY_ERROR_V1_SOURCE, 12, BYTES("PROXY TCP4 ::1 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 15, BYTES("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 13, BYTES("PROXY TCP6 :1 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 14, BYTES("PROXY TCP6 ::: ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 17, BYTES("PROXY TCP6 1::2::3 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 17, BYTES("PROXY TCP6 1::2: ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 16, BYTES("PROXY TCP6 12345::1 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 14, BYTES("PROXY TCP6 1:g::1 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 25, BYTES("PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 27, BYTES("PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 27, BYTES("PROXY TCP6 1:2:3:4:5:6:7:8::1 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 27, BYTES("PROXY TCP6 1:2:3:4:5:6:7::8 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 26, BYTES("PROXY TCP6 1::3:4:5:6:7:8: ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 25, BYTES("PROXY TCP6 1:2:3:4:5:192.0.2.1 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 32, BYTES("PROXY TCP6 1:2:3:4:5::192.0.2.1:1 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 28, BYTES("PROXY TCP6 1:2:3:4:5:6::192.0.2.1 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 29, BYTES("PROXY TCP6 1:2:3:4:5:6:7:192.0.2.1 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 23, BYTES("PROXY TCP6 ::ffff:1234.0.2.1 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 21, BYTES("PROXY TCP6 ::ffff:1a.0.2.1 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 28, BYTES("PROXY TCP6 ::ffff:192.0.2.1:1 ::1 1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE, 19, BYTES("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n")},

    {PROXY_ERROR_V1_DESTINATION, 22, BYTES("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n")},
    {PROXY_ERROR_V1_DESTINATION, 22, BYTES("PROXY TCP4 192.0.2.1 localhost 1 2\r\n")},
    {PROXY_ERROR_V1_DESTINATION, 19, BYTES("PROXY TCP6 ::1 192.0.2.2 1 2\r\n")},

    {PROXY_ERROR_V1_SOURCE_PORT, 32, BYTES("PROXY TCP4 192.0.2.1 192.0.2.2  1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE_PORT, 32, BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n")},
    {PROXY_ERROR_V1_SOURCE_PORT, 33, BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n")},
    {PROXY_ERROR_V1_SOURCE_PORT, 36, BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n")},
    {PROXY_ERROR_V1_SOURCE_PORT, 33, BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1a 2\r\n")},
    {PROXY_ERROR_V1_SOURCE_PORT, 33, BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n")},

    {PROXY_ERROR_V1_DESTINATION_PORT, 34, BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n")},
    {PROXY_ERROR_V1_DESTINATION_PORT, 35, BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 00\r\n")},
    {PROXY_ERROR_V1_DESTINATION_PORT, 38, BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n")},

    {PROXY_ERROR_V1_LINE_END, 35, BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n")},
    {PROXY_ERROR_V1_LINE_END, 35, BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n")},
    {PROXY_ERROR_V1_LINE_END, 36, BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n")},
    {PROXY_ERROR_V1_LINE_END, 15, BYTES("PROXY UNKNOWN\rGET")},

    {PROXY_ERROR_V1_TOO_LONG, 107, BYTES("PROXY UNKNOWN " FILLER_91 "x\r\n")},
    {PROXY_ERROR_V1_TOO_LONG, 107, BYTES("PROXY UNKNOWN " FILLER_91 "\r\r\n")},
    {PROXY_ERROR_V1_TOO_LONG, 107, BYTES("PROXY UNKNOWN " FILLER_91 "\n\n\n\n\n")},
    /* Dotted decimal lets a line of valid addresses grow beyond the limit. */
    {PROXY_ERROR_V1_TOO_LONG, 107,
     BYTES("PROXY TCP6 1111:2222:3333:4444:5555:6666:111.111.111.111 "
	   "1111:2222:3333:4444:5555:6666:111.111.111.111 65535 65535\r\n")},

    {PROXY_ERROR_V2_VERSION, 13, BYTES(SIGNATURE "\x11\x11\x00\x0C" INET_BLOCK)},
    {PROXY_ERROR_V2_VERSION, 13, BYTES(SIGNATURE "\x3F\xFF\xFF\xFF")},
    {PROXY_ERROR_V2_COMMAND, 13, BYTES(SIGNATURE "\x22\x11\x00\x0C" INET_BLOCK)},
    {PROXY_ERROR_V2_FAMILY, 14, BYTES(SIGNATURE "\x21\x41\x00\x0C" INET_BLOCK)},
    {PROXY_ERROR_V2_FAMILY, 14, BYTES(SIGNATURE "\x21\xFF\x00\x0C" INET_BLOCK)},
    {PROXY_ERROR_V2_TRANSPORT, 14, BYTES(SIGNATURE "\x21\x13\x00\x0C" INET_BLOCK)},
    {PROXY_ERROR_TRANSPORT_MISMATCH, 14, BYTES(SIGNATURE "\x21\x12\x00\x0C" INET_BLOCK)},
    {PROXY_ERROR_TRANSPORT_MISMATCH, 14, BYTES(SIGNATURE "\x21\x32\x00\xD8")},
    {PROXY_ERROR_V2_LENGTH, 16, BYTES(INET("\x0B") INET_BLOCK)},
    {PROXY_ERROR_V2_LENGTH, 16, BYTES(INET6("\x23") IPV6_CLIENT IPV6_SERVER IPV6_PORTS)},
    {PROXY_ERROR_V2_LENGTH, 16, BYTES(SIGNATURE "\x21\x31\x00\xD7")},
    {PROXY_ERROR_V2_TOO_LONG, 15, BYTES(SIGNATURE "\x21\x11\x10\x00" INET_BLOCK)},
    {PROXY_ERROR_V2_TOO_LONG, 16, BYTES(SIGNATURE "\x21\x11\x0F\xF1" INET_BLOCK)},
    {PROXY_ERROR_V2_TOO_LONG, 15, BYTES(SIGNATURE "\x20\x00\xFF\xFF")},
    {PROXY_ERROR_V2_TLV, 29, BYTES(INET("\x0D") INET_BLOCK "\x04 payload")},
    {PROXY_ERROR_V2_TLV, 31, BYTES(INET("\x0F") INET_BLOCK "\x04\x00\x01 payload")},
    {PROXY_ERROR_V2_TLV, 34, BYTES(INET("\x12") INET_BLOCK "\x04\x00\x00\x04\xFF\xFF payload")},
    {PROXY_ERROR_V2_CRC32C, 35, BYTES(INET("\x13") INET_BLOCK "\x03\x00\x04\0\0\0\0 payload")},
    {PROXY_ERROR_V2_CRC32C, 31, BYTES(INET("\x0F") INET_BLOCK "\x03\x00\x00 payload")},
    {PROXY_ERROR_V2_CRC32C, 42,
     BYTES(INET("\x1A") INET_BLOCK "\x03\x00\x04\0\0\0\0\x03\x00\x04\0\0\0\0")},
};

/* Valid headers of every kind, some with payload behind, to be split and mutated. */
static const struct {
	const uint8_t *bytes;
	size_t len;
} valid[] = {
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.255 65535 443\r\nGET")},
    {BYTES("PROXY TCP6 2001:db8::44 1:2:3:4:5:6:192.0.2.1 0 9\r\n")},
    {BYTES("PROXY UNKNOWN\r\n")},
    {BYTES("PROXY UNKNOWN \r\n\r what\never\r\n")},
    {BYTES(INET("\x0C") INET_BLOCK "GET")},
    {BYTES(INET("\x1C") INET_BLOCK "\x04\0\0\x03\0\x04\xF6\x4F\x73\x04\x05\0\x03uid")},
    {BYTES(INET6("\x29") IPV6_CLIENT IPV6_SERVER IPV6_PORTS "\x01\x00\x02h2")},
    {BYTES(SIGNATURE "\x20\xFF\x00\x02xx")},
    {BYTES(SIGNATURE "\x21\x00\x00\x00")},
};

static uint32_t random_state;

static uint32_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static void put_be32(uint8_t *bytes, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void check_splits(const uint8_t *bytes, size_t len, size_t header_max)
{
	const char *differs = proxy_splits_differ(bytes, len, header_max);

	ck_assert_msg(differs == NULL, "%s", differs);
}

static struct proxy_header parse_valid(const uint8_t *bytes, size_t len)
{
	struct proxy_header header;
	enum proxy_error error = PROXY_ERROR_NONE;
	enum proxy_status status = proxy_header_parse(bytes, len, HEADER_MAX, &header, &error);

	ck_assert_msg(status == PROXY_OK, "status %d, %s", (int)status, proxy_error_name(error));
	check_splits(bytes, len, HEADER_MAX);
	return header;
}

/* The source address and port that a v1 line with this source address and port 7 comes out with. */
static void check_v1_source(const char *family, const char *address, const char *expected)
{
	char line[PROXY_V1_MAX + 1];
	char src[ADDR_STRLEN];
	struct proxy_header header;
	int len = snprintf(line, sizeof(line), "PROXY %s %s %s 7 8\r\n", family, address,
			   strcmp(family, "TCP4") == 0 ? "192.0.2.2" : "2001:db8::2");

	ck_assert_int_lt(len, (int)sizeof(line));
	header = parse_valid((const uint8_t *)line, (size_t)len);
	ck_assert_str_eq(addr_format(&header.src, src), expected);
	ck_assert_int_eq(header.family, addr_family(&header.src) == AF_INET ? PROXY_FAMILY_INET
									    : PROXY_FAMILY_INET6);
}

START_TEST(errors_come_at_the_first_certain_byte)
{
	/* Those of datagrams are check_proxy_spp's. */
	bool seen[PROXY_ERROR_COUNT] = {[PROXY_ERROR_NONE] = true,
					[PROXY_ERROR_V1_DATAGRAM] = true,
					[PROXY_ERROR_SPP_MAGIC] = true,
					[PROXY_ERROR_TRUNCATED] = true};

	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		const struct failure *failure = &failures[i];
		struct proxy_answer answer;

		answer = proxy_parse_exact(failure->bytes, failure->at - 1, HEADER_MAX);
		ck_assert_msg(answer.status == PROXY_NEED_MORE, "case %zu: too early, %s", i,
			      proxy_error_name(answer.error));
		answer = proxy_parse_exact(failure->bytes, failure->at, HEADER_MAX);
		ck_assert_msg(answer.status == PROXY_ERROR, "case %zu: too late", i);
		ck_assert_msg(answer.error == failure->error, "case %zu: %s", i,
			      proxy_error_name(answer.error));
		check_splits(failure->bytes, failure->len, HEADER_MAX);
		seen[failure->error] = true;
	}
	for (int error = 0; error < PROXY_ERROR_COUNT; error++)
		ck_assert_msg(seen[error], "no case gives %s",
			      proxy_error_name((enum proxy_error)error));
}
END_TEST

START_TEST(error_names_are_distinct)
{
	for (int a = 0; a < PROXY_ERROR_COUNT; a++) {
		const char *name = proxy_error_name((enum proxy_error)a);

		ck_assert_str_ne(name, "");
		ck_assert_str_ne(proxy_error_sentence((enum proxy_error)a), "");
		for (int b = 0; b < a; b++)
			ck_assert_str_ne(name, proxy_error_name((enum proxy_error)b));
	}
	ck_assert_str_eq(proxy_error_name(PROXY_ERROR_V1_SOURCE_PORT), "v1_source_port");
}
END_TEST

START_TEST(nothing_yet)
{
	struct proxy_answer answer = proxy_parse_exact(NULL, 0, HEADER_MAX);

	ck_assert_int_eq(answer.status, PROXY_NEED_MORE);
}
END_TEST

/*
 * Nor is a pointer formed past the bytes before their number is known. UndefinedBehaviorSanitizer
 * sees that where the sum wraps around: at the last address of all.
 */
START_TEST(no_pointer_past_nothing)
{
	const uint8_t *last = (const uint8_t *)UINTPTR_MAX;
	struct proxy_header header;
	enum proxy_error error;

	ck_assert_int_eq(proxy_header_parse(last, 0, 4096, &header, &error), PROXY_NEED_MORE);
	ck_assert_int_eq(proxy_v1_parse(last, 0, &header, &error), PROXY_NEED_MORE);
	ck_assert_int_eq(proxy_v2_parse(last, 0, 4096, PROXY_CARRIER_STREAM, &header, &error),
			 PROXY_NEED_MORE);
	ck_assert_int_eq(proxy_datagram_parse(last, 0, 4096, &header, &error), PROXY_ERROR);
	ck_assert_int_eq(error, PROXY_ERROR_TRUNCATED);
	ck_assert_int_eq(proxy_spp_parse(last, 0, &header, &error), PROXY_ERROR);
	ck_assert_int_eq(error, PROXY_ERROR_TRUNCATED);
}
END_TEST

START_TEST(v1_addresses)
{
	check_v1_source("TCP4", "0.0.0.0", "0.0.0.0:7");
	check_v1_source("TCP4", "255.255.255.255", "255.255.255.255:7");
	check_v1_source("TCP4", "1.20.100.9", "1.20.100.9:7");

	check_v1_source("TCP6", "::", "[::]:7");
	check_v1_source("TCP6", "::1", "[::1]:7");
	check_v1_source("TCP6", "1::", "[1::]:7");
	check_v1_source("TCP6", "2001:DB8::aB", "[2001:db8::ab]:7");
	check_v1_source("TCP6", "0001:0020:0300:4000:5:6:7:8", "[1:20:300:4000:5:6:7:8]:7");
	check_v1_source("TCP6", "1:2:3:4:5:6:7::", "[1:2:3:4:5:6:7:0]:7");
	check_v1_source("TCP6", "::2:3:4:5:6:7:8", "[0:2:3:4:5:6:7:8]:7");
	check_v1_source("TCP6", "1:2::5:6:7:8", "[1:2::5:6:7:8]:7");
	check_v1_source("TCP6", "64:ff9b::192.0.2.33", "[64:ff9b::c000:221]:7");
	check_v1_source("TCP6", "1:2:3:4:5:6:192.0.2.33", "[1:2:3:4:5:6:c000:221]:7");
	check_v1_source("TCP6", "1:2:3:4:5::192.0.2.33", "[1:2:3:4:5:0:c000:221]:7");

	check_v1_source("TCP6", "::ffff:192.0.2.33", "192.0.2.33:7");
	check_v1_source("TCP6", "::FFFF:c000:221", "192.0.2.33:7");
	check_v1_source("TCP6", "0:0:0:0:0:ffff:192.0.2.33", "192.0.2.33:7");
	check_v1_source("TCP6", "::fffe:c000:221", "[::fffe:c000:221]:7");
}
END_TEST

START_TEST(mapped_addresses_count_each_by_itself)
{
	char text[ADDR_STRLEN];
	struct proxy_header header;

	header = parse_valid(BYTES(INET6("\x24") MAPPED("\x01") MAPPED("\x02") IPV6_PORTS));
	ck_assert_int_eq(header.family, PROXY_FAMILY_INET);
	ck_assert_str_eq(addr_format(&header.src, text), "192.0.2.1:40000");
	ck_assert_str_eq(addr_format(&header.dst, text), "192.0.2.2:443");

	header = parse_valid(BYTES(INET6("\x24") MAPPED("\x01") IPV6_SERVER IPV6_PORTS));
	ck_assert_int_eq(header.family, PROXY_FAMILY_INET);
	ck_assert_str_eq(addr_format(&header.src, text), "192.0.2.1:40000");
	ck_assert_str_eq(addr_format(&header.dst, text), "[2001:db8::8]:443");

	header = parse_valid(BYTES(INET6("\x24") IPV6_CLIENT MAPPED("\x02") IPV6_PORTS));
	ck_assert_int_eq(header.family, PROXY_FAMILY_INET6);
	ck_assert_str_eq(addr_format(&header.src, text), "[2001:db8::7]:40000");
	ck_assert_str_eq(addr_format(&header.dst, text), "192.0.2.2:443");
}
END_TEST

START_TEST(v1_line_of_107_bytes)
{
	struct proxy_header header = parse_valid(BYTES("PROXY UNKNOWN " FILLER_91 "\r\npayload"));

	ck_assert_uint_eq(header.header_len, PROXY_V1_MAX);
	ck_assert_int_eq(header.family, PROXY_FAMILY_UNKNOWN);
	ck_assert(!addr_is_set(&header.src));
	ck_assert(!addr_is_set(&header.dst));
}
END_TEST

START_TEST(v2_local_is_skipped_unread)
{
	/* A family, a transport and bytes that PROXY could not have. */
	struct proxy_header header =
	    parse_valid(BYTES(SIGNATURE "\x20\xFE\x00\x02\x03\xFFpayload"));

	ck_assert_int_eq(header.version, 2);
	ck_assert_int_eq(header.command, PROXY_COMMAND_LOCAL);
	ck_assert_int_eq(header.family, PROXY_FAMILY_UNKNOWN);
	ck_assert_uint_eq(header.header_len, 18);
	ck_assert_uint_eq(header.tlvs_len, 0);
	ck_assert(!addr_is_set(&header.src));
}
END_TEST

START_TEST(v2_unspec_is_skipped_unread)
{
	static const struct {
		const uint8_t *bytes;
		size_t len;
	} cases[] = {
	    {BYTES(SIGNATURE "\x21\x00\x00\x02\x03\xFFpayload")}, /* both */
	    {BYTES(SIGNATURE "\x21\x01\x00\x02\x03\xFFpayload")}, /* the family */
	    {BYTES(SIGNATURE "\x21\x10\x00\x02\x03\xFFpayload")}, /* the transport */
	    {BYTES(SIGNATURE "\x21\x30\x00\x02\x03\xFFpayload")},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proxy_header header = parse_valid(cases[i].bytes, cases[i].len);

		ck_assert_int_eq(header.command, PROXY_COMMAND_PROXY);
		ck_assert_int_eq(header.family, PROXY_FAMILY_UNKNOWN);
		ck_assert_uint_eq(header.header_len, 18);
		ck_assert_uint_eq(header.tlvs_len, 0);
		ck_assert(!addr_is_set(&header.src));
	}
}
END_TEST

START_TEST(v2_unix_has_tlvs_and_no_addresses)
{
	static const uint8_t fixed[] = SIGNATURE "\x21\x31\x00\xDC";
	uint8_t bytes[PROXY_V2_FIXED_LEN + 2 * 108 + 4] = {0};
	struct proxy_header header;

	memcpy(bytes, fixed, PROXY_V2_FIXED_LEN);
	memcpy(bytes + PROXY_V2_FIXED_LEN, "/run/client.sock", 16);
	memcpy(bytes + sizeof(bytes) - 4, "\x05\0\x01x", 4);
	header = parse_valid(bytes, sizeof(bytes));
	ck_assert_int_eq(header.family, PROXY_FAMILY_UNIX);
	ck_assert(!addr_is_set(&header.src));
	ck_assert_uint_eq(header.tlvs_len, 4);
	ck_assert_ptr_eq(header.tlvs, bytes + sizeof(bytes) - 4);
}
END_TEST

START_TEST(header_max_counts_the_fixed_bytes)
{
	static const uint8_t bytes[] = INET("\x0F") INET_BLOCK "\x04\0\0";
	const size_t len = sizeof(bytes) - 1;
	struct proxy_answer answer;

	for (size_t header_max = 0; header_max <= len + 1; header_max++) {
		answer = proxy_parse_exact(bytes, len, header_max);
		ck_assert_int_eq(answer.status, header_max < len ? PROXY_ERROR : PROXY_OK);
		ck_assert_int_eq(answer.error,
				 header_max < len ? PROXY_ERROR_V2_TOO_LONG : PROXY_ERROR_NONE);
		check_splits(bytes, len, header_max);
	}
}
END_TEST

START_TEST(each_mutation_of_a_byte)
{
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		uint8_t bytes[128];

		ck_assert_uint_le(valid[i].len, sizeof(bytes));
		memcpy(bytes, valid[i].bytes, valid[i].len);
		(void)parse_valid(bytes, valid[i].len);
		for (size_t at = 0; at < valid[i].len; at++) {
			for (unsigned value = 0; value <= UINT8_MAX; value++) {
				bytes[at] = (uint8_t)value;
				check_splits(bytes, valid[i].len, HEADER_MAX);
			}
			bytes[at] = valid[i].bytes[at];
		}
	}
}
END_TEST

START_TEST(any_flipped_bit_breaks_the_checksum)
{
	/* Of the valid headers, the one with a CRC32c. */
	const uint8_t *header = valid[5].bytes;
	const size_t len = valid[5].len;
	uint8_t bytes[128];

	memcpy(bytes, header, len);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		size_t at = bit / 8;
		struct proxy_answer answer;

		bytes[at] = (uint8_t)(header[at] ^ 1u << bit % 8);
		answer = proxy_parse_exact(bytes, len, HEADER_MAX);
		/* But for a command, family or transport without TLVs, and the TLV's type. */
		if (answer.status == PROXY_OK)
			ck_assert(answer.header.tlvs_len == 0 || at == 31);
		bytes[at] = header[at];
	}
}
END_TEST

START_TEST(a_second_checksum_is_refused)
{
	/* The first sum is zero: the second is right whether it took that as zero or not. */
	uint8_t bytes[] = INET("\x1A") INET_BLOCK "\x03\0\x04\0\0\0\0\x03\0\x04\0\0\0\0";
	const size_t len = sizeof(bytes) - 1;
	struct proxy_answer answer;

	put_be32(&bytes[len - 4], crc32c(0, bytes, len));
	answer = proxy_parse_exact(bytes, len, HEADER_MAX);
	ck_assert_int_eq(answer.status, PROXY_ERROR);
	ck_assert_int_eq(answer.error, PROXY_ERROR_V2_CRC32C);

	/* With a NOOP in the place of the first, it is accepted. */
	bytes[28] = PROXY_TLV_NOOP;
	put_be32(&bytes[len - 4], crc32c_zeroed(0, bytes, len, len - 4));
	(void)parse_valid(bytes, len);
}
END_TEST

START_TEST(many_mutations_at_once)
{
	random_state = 20260427;
	for (int round = 0; round < 4000; round++) {
		size_t i = random_number() % (sizeof(valid) / sizeof(valid[0]));
		uint32_t mutations = 1 + random_number() % 4;
		uint8_t bytes[128];

		memcpy(bytes, valid[i].bytes, valid[i].len);
		while (mutations-- > 0)
			bytes[random_number() % valid[i].len] = (uint8_t)random_number();
		check_splits(bytes, valid[i].len, random_number() % 64);
		check_splits(bytes, valid[i].len, HEADER_MAX);
	}
}
END_TEST

START_TEST(garbage)
{
	static const char alphabet[] = "PROXY TCP46UNKNOWN 0123456789abcdef.:::  \r\n";
	static const uint8_t fixed[] = SIGNATURE "\x21\x11\x00";

	random_state = 19730101;
	for (int round = 0; round < 4000; round++) {
		uint8_t bytes[160];
		size_t len = random_number() % (sizeof(bytes) + 1);

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)random_number();
		check_splits(bytes, len, HEADER_MAX);

		/* Behind what makes the parser look further. */
		if (len >= sizeof(fixed) - 1) {
			memcpy(bytes, fixed, sizeof(fixed) - 1);
			check_splits(bytes, len, HEADER_MAX);
		}
		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)alphabet[random_number() % (sizeof(alphabet) - 1)];
		if (len >= 11)
			memcpy(bytes, round % 2 != 0 ? "PROXY TCP4 " : "PROXY TCP6 ", 11);
		check_splits(bytes, len, HEADER_MAX);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_header");
	TCase *tcase = tcase_create("proxy_header");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, errors_come_at_the_first_certain_byte);
	tcase_add_test(tcase, error_names_are_distinct);
	tcase_add_test(tcase, nothing_yet);
	tcase_add_test(tcase, no_pointer_past_nothing);
	tcase_add_test(tcase, v1_addresses);
	tcase_add_test(tcase, mapped_addresses_count_each_by_itself);
	tcase_add_test(tcase, v1_line_of_107_bytes);
	tcase_add_test(tcase, v2_local_is_skipped_unread);
	tcase_add_test(tcase, v2_unspec_is_skipped_unread);
	tcase_add_test(tcase, v2_unix_has_tlvs_and_no_addresses);
	tcase_add_test(tcase, header_max_counts_the_fixed_bytes);
	tcase_add_test(tcase, each_mutation_of_a_byte);
	tcase_add_test(tcase, any_flipped_bit_breaks_the_checksum);
	tcase_add_test(tcase, a_second_checksum_is_refused);
	tcase_add_test(tcase, many_mutations_at_once);
	tcase_add_test(tcase, garbage);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
