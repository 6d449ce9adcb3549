/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proxyproto/proxy_fault: the byte that is wrong, and what could stand there. */
#include "proxyproto/proxy_fault.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#define HEADER_MAX 4096

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define ADDRESSES "\xcb\x00\x71\x07\xc6\x33\x64\x02\x9c\x40\x00\x16"

#define TEXT(text) text, sizeof(text) - 1

struct fault_case {
	const char *bytes;
	size_t len;
	const char *error;
	size_t at;
	const char
	    *accepted; /* some bytes that could stand there; NULL: not a matter of one byte */
	size_t accepted_len;
	const char *refused; /* and some that could not */
};

#define ONE_BYTE(bytes, error, at, accepted, refused)           \
	{                                                       \
		TEXT(bytes), error, at, TEXT(accepted), refused \
	}
#define NO_BYTE(bytes, error, at)                     \
	{                                             \
		TEXT(bytes), error, at, NULL, 0, NULL \
	}

static struct proxy_fault find(enum proxy_reader reader, const struct fault_case *one)
{
	/* A block of its own, so that AddressSanitizer sees an overread. */
	uint8_t *exact = malloc(one->len > 0 ? one->len : 1);
	struct proxy_fault fault;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, one->bytes, one->len);
	proxy_fault_find(reader, exact, one->len, HEADER_MAX, &fault);
	free(exact);
	return fault;
}

static void check_cases(enum proxy_reader reader, const struct fault_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct fault_case *one = &cases[i];
		struct proxy_fault fault = find(reader, one);

		ck_assert_msg(strcmp(proxy_error_name(fault.error), one->error) == 0,
			      "case %zu: %s, not %s", i, proxy_error_name(fault.error), one->error);
		ck_assert_msg(fault.at == one->at, "case %zu: at %zu, not %zu", i, fault.at,
			      one->at);
		ck_assert_msg(fault.has_accepted == (one->accepted != NULL), "case %zu", i);
		for (size_t j = 0; j < one->accepted_len; j++)
			ck_assert_msg(fault.accepted[(uint8_t)one->accepted[j]],
				      "case %zu: 0x%02x could stand there", i,
				      (uint8_t)one->accepted[j]);
		for (size_t j = 0; one->refused != NULL && one->refused[j] != '\0'; j++)
			ck_assert_msg(!fault.accepted[(uint8_t)one->refused[j]],
				      "case %zu: 0x%02x could not stand there", i,
				      (uint8_t)one->refused[j]);
	}
}

START_TEST(streams)
{
	static const char too_long[] = "PROXY UNKNOWN "
				       "----------------------------------------------------------"
				       "----------------------------------------------------------";
	static const struct fault_case cases[] = {
	    ONE_BYTE("SSH-2.0\r\n", "signature", 0, "P\r", "S\nQ"),
	    ONE_BYTE("PROXy TCP4", "signature", 4, "Y", "y "),
	    ONE_BYTE("\r\n\r\n\0\r\nQUIX\n", "signature", 10, "T", "X"),
	    ONE_BYTE("PROXY TCP5 1", "v1_family", 9, "46", "5 "),
	    ONE_BYTE("PROXY UNKNOWNS\r\n", "v1_family", 13, " \r", "S\n"),
	    ONE_BYTE("PROXY TCP4 192.0.2.256 1.1.1.1 1 1\r\n", "v1_source", 21, "012345 ", "."),
	    ONE_BYTE("PROXY TCP4 ::1 ::1 1 1\r\n", "v1_source", 11, "0129", ":a"),
	    ONE_BYTE("PROXY TCP6 ::1 192.0.2.1 1 1\r\n", "v1_destination", 18, ":9f", ". "),
	    ONE_BYTE("PROXY TCP4 1.1.1.1 2.2.2.2 08 1\r\n", "v1_source_port", 28, " ", "801\r"),
	    ONE_BYTE("PROXY TCP4 1.1.1.1 2.2.2.2 80 65536\r\n", "v1_destination_port", 34,
		     "012345\r", "6 "),
	    ONE_BYTE("PROXY TCP4 1.1.1.1 2.2.2.2 80 81\n", "v1_line_end", 32, "\r0", "\n "),
	    ONE_BYTE(SIGNATURE "\x11\x11\x00\x0c", "v2_version", 12, "\x20\x21", "\x11\x31\x22"),
	    ONE_BYTE(SIGNATURE "\x22\x11\x00\x0c", "v2_command", 12, "\x20\x21", "\x22"),
	    ONE_BYTE(SIGNATURE "\x21\x41\x00\x0c", "v2_family", 13, "\x01\x11\x21\x31", "\x41\x12"),
	    ONE_BYTE(SIGNATURE "\x21\x13\x00\x0c", "v2_transport", 13, "\x10\x11", "\x12\x13"),
	    ONE_BYTE(SIGNATURE "\x21\x12\x00\x0c", "transport_mismatch", 13, "\x11\x21", "\x12"),
	    ONE_BYTE(SIGNATURE "\x21\x11\x00\x0b", "v2_length", 15, "\x0c\xff", "\x0b\x01"),
	    ONE_BYTE(SIGNATURE "\x21\x11\x10\x00", "v2_too_long", 14, "\x0f\x01", "\x10\xff"),
	    NO_BYTE(SIGNATURE "\x21\x11\x00\x13" ADDRESSES "\x04\x00\x01"
			      "a\x05\x00\x01",
		    "v2_tlv", 32),
	    NO_BYTE(SIGNATURE "\x21\x11\x00\x13" ADDRESSES "\x03\x00\x04"
			      "abcd",
		    "v2_crc32c", 31),
	    /* The first one is right, but two there may not be. */
	    NO_BYTE(SIGNATURE "\x21\x11\x00\x1a" ADDRESSES "\x03\x00\x04"
			      "abcd\x03\x00\x04"
			      "abcd",
		    "v2_crc32c", 38),
	    NO_BYTE(SIGNATURE "\x21\x11\x00\x19" ADDRESSES "\x03\x00\x03"
			      "abc\x03\x00\x04"
			      "abcd",
		    "v2_crc32c", 31),
	    /* The end is what is wrong with these. */
	    ONE_BYTE("PROXY TCP4 1.1.", "none", 15, "0129", ". \r"),
	    ONE_BYTE("PROXY TCP4 1.1.1.1 2.2.2.2 80 81", "none", 32, "\r09", "\n "),
	    ONE_BYTE(SIGNATURE "\x21\x11", "none", 14, "\x00\x0f", "\x10\xff"),
	    ONE_BYTE("", "none", 0, "P\r", "S\n"),
	    /* Any byte is part of an address. */
	    NO_BYTE(SIGNATURE "\x21\x11\x00\x0c\xcb", "none", 17),
	};
	const struct fault_case long_line = {TEXT(too_long), "v1_too_long", 106, "", 0, "-\r\n"};

	check_cases(PROXY_READER_TCP, cases, sizeof(cases) / sizeof(cases[0]));
	check_cases(PROXY_READER_TCP, &long_line, 1);
}
END_TEST

START_TEST(datagrams)
{
	static const struct fault_case cases[] = {
	    ONE_BYTE("PROXY TCP4 1.1.1.1 2.2.2.2 1 1\r\n", "v1_datagram", 0, "\r", "P"),
	    ONE_BYTE("quake", "signature", 0, "\r", "Pq"),
	    ONE_BYTE(SIGNATURE "\x21\x13\x00\x0c", "v2_transport", 13, "\x11\x12", "\x13"),
	    NO_BYTE(SIGNATURE "\x21\x12\x00\x0c\xcb", "truncated", 17),
	    ONE_BYTE("", "truncated", 0, "\r", "P"),
	    NO_BYTE(SIGNATURE "\x21\x12\x00\x0d" ADDRESSES "x", "v2_tlv", 28),
	};

	check_cases(PROXY_READER_UDP, cases, sizeof(cases) / sizeof(cases[0]));
}
END_TEST

START_TEST(spp)
{
	static const struct fault_case cases[] = {
	    ONE_BYTE("\x56\xed", "spp_magic", 1, "\xec", "\x56"),
	    ONE_BYTE("\x57", "spp_magic", 0, "\x56", "\x57"),
	    NO_BYTE("\x56\xec\x00", "truncated", 3),
	};

	check_cases(PROXY_READER_SPP, cases, sizeof(cases) / sizeof(cases[0]));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_fault");
	TCase *tcase = tcase_create("proxy_fault");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, streams);
	tcase_add_test(tcase, datagrams);
	tcase_add_test(tcase, spp);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
