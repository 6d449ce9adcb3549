/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of base/hex_text: bytes out of what people and programs write. */
#include "base/hex_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#define ROOM 4096

/* A v2 header with 4 bytes of TLV, 32 bytes: two lines of a dump. */
static const uint8_t header[] = {
    0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0x00, 0x10,
    0xcb, 0x00, 0x71, 0x07, 0xc6, 0x33, 0x64, 0x02, 0x9c, 0x40, 0x00, 0x16, 0x01, 0x00, 0x01, 0x7c,
};

#define TCPDUMP                                                                  \
	"\t0x0000:  0d0a 0d0a 000d 0a51 5549 540a 2111 0010  .......QUIT.!...\n" \
	"\t0x0010:  cb00 7107 c633 6402 9c40 0016 0100 017c  ..q..3d..@.....|\n"

static uint8_t bytes[ROOM];
static struct hex_text text;

/* Open a copy of the text in a block of its own, so that AddressSanitizer sees an overread. */
static enum hex_text_form open_text(const char *chars, size_t len)
{
	static char *copy;

	free(copy);
	copy = malloc(len > 0 ? len : 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, chars, len);
	return hex_text_open(&text, copy, len, bytes, ROOM);
}

static void expect_run(const uint8_t *expected, size_t expected_len, const char *what)
{
	size_t len = 0;

	ck_assert_msg(hex_text_next(&text, bytes, ROOM, &len) == 1, "no run in: %s", what);
	ck_assert_msg(len == expected_len, "%zu bytes, not %zu, in: %s", len, expected_len, what);
	ck_assert_mem_eq(bytes, expected, len);
}

static void expect_end(void)
{
	size_t len;

	ck_assert_int_eq(hex_text_next(&text, bytes, ROOM, &len), 0);
}

START_TEST(every_form_gives_the_same_bytes)
{
	static const struct {
		enum hex_text_form form;
		const char *chars;
	} cases[] = {
	    {HEX_TEXT_PLAIN, "0d0a0d0a000d0a515549540a21110010cb007107c63364029c4000160100017c"},
	    {HEX_TEXT_PLAIN, "0D0A0D0A000D0A51 5549540A21110010\r\n"
			     "CB007107C6336402 9C4000160100017C\r\n"},
	    {HEX_TEXT_PLAIN, "0d:0a:0d:0a:00:0d:0a:51:55:49:54:0a:21:11:00:10:"
			     "cb:00:71:07:c6:33:64:02:9c:40:00:16:01:00:01:7c\n"},
	    {HEX_TEXT_PLAIN, "0x0d0a0d0a000d0a515549540a21110010cb007107c63364029c4000160100017c"},
	    {HEX_TEXT_PLAIN,
	     "{ 0xd, 0xA, 0x0d, 0x0a, 0x0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, "
	     "0x21, 0x11, 0x0, 0x10, 0xcb00, 0x7107, 0xc6336402, 0x9c400016, 0x0100017c };"},
	    {HEX_TEXT_PLAIN, "\\x0d\\x0a\\x0d\\x0a\\x00\\x0d\\x0a\\x51\\x55\\x49\\x54\\x0a\\x21"
			     "\\x11\\x00\\x10 \\xcb\\x00\\x71\\x07\\xc6\\x33\\x64\\x02\n"
			     "\\x9c\\x40\\x00\\x16\\x01\\x00\\x01\\x7c\n"},
	    {HEX_TEXT_ESCAPED, "\\r\\n\\r\\n\\0\\r\\nQUIT\\n!\\021\\0\\x10\\xcb\\0q\\a\\xc63d\\2"
			       "\\x9c@\\0\\26\\1\\0\\1|\n"},
	    {HEX_TEXT_ESCAPED,
	     "b'\\r\\n\\r\\n\\x00\\r\\nQUIT\\n!\\x11\\x00\\x10\\xcb\\x00q\\x07\\xc63d\\x02"
	     "\\x9c@\\x00\\x16\\x01\\x00\\x01|'"},
	    {HEX_TEXT_ESCAPED, "$'\\r\\n\\r\\n\\000\\r\\nQUIT\\n!' \\\n\"\\x11\\x00\\x10\"\n"
			       "  \"\\xcb\\x00q\\x07\\xc6\" \"3d\\x02\\u009c@\\u0000\\x16\", "
			       "\"\\x01\\x00\\x01|\";\n"},
	    /* xxd, and with -g 1 */
	    {HEX_TEXT_DUMP,
	     "00000000: 0d0a 0d0a 000d 0a51 5549 540a 2111 0010  .......QUIT.!...\n"
	     "00000010: cb00 7107 c633 6402 9c40 0016 0100 017c  ..q..3d..@.....|\n"},
	    {HEX_TEXT_DUMP,
	     "00000000: 0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 21 11 00 10  .......QUIT.!...\n"
	     "00000010: cb 00 71 07 c6 33 64 02 9c 40 00 16 01 00 01 7c  ..q..3d..@.....|"},
	    /* hexdump -C */
	    {HEX_TEXT_DUMP,
	     "00000000  0d 0a 0d 0a 00 0d 0a 51  55 49 54 0a 21 11 00 10  |.......QUIT.!...|\n"
	     "00000010  cb 00 71 07 c6 33 64 02  9c 40 00 16 01 00 01 7c  |..q..3d..@.....||\n"
	     "00000020\n"},
	    /* od -t x1, its offsets octal; and od -A x -t x1z */
	    {HEX_TEXT_DUMP, "0000000 0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 21 11 00 10\n"
			    "0000020 cb 00 71 07 c6 33 64 02 9c 40 00 16 01 00 01 7c\n"
			    "0000040\n"},
	    {HEX_TEXT_DUMP,
	     "000000 0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 21 11 00 10  >.......QUIT.!...<\n"
	     "000010 cb 00 71 07 c6 33 64 02 9c 40 00 16 01 00 01 7c  >..q..3d..@.....|<\n"
	     "000020\n"},
	    /* Wireshark */
	    {HEX_TEXT_DUMP,
	     "0000   0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 21 11 00 10   .......QUIT.!...\r\n"
	     "0010   cb 00 71 07 c6 33 64 02 9c 40 00 16 01 00 01 7c   ..q..3d..@.....|\r\n"},
	    /* tcpdump -x and -X */
	    {HEX_TEXT_DUMP, "\t0x0000:  0d0a 0d0a 000d 0a51 5549 540a 2111 0010\n"
			    "\t0x0010:  cb00 7107 c633 6402 9c40 0016 0100 017c\n"},
	    {HEX_TEXT_DUMP,
	     "12:00:00.000000 IP 127.0.0.1.40000 > 127.0.0.1.7000: Flags [P.]\n" TCPDUMP},
	    /* A part of one */
	    {HEX_TEXT_DUMP, "\t0x0040:  0d0a 0d0a 000d 0a51 5549 540a 2111 0010  ..\n"
			    "\t0x0050:  cb00 7107 c633 6402 9c40 0016 0100 017c  ..\n"},
	    /* Bytes that look like digits in the ASCII column */
	    {HEX_TEXT_DUMP, "00000000: 0d0a 0d0a 000d 0a51 5549 540a 2111 0010  abcd ef01 23456\n"
			    "00000010: cb00 7107 c633 6402 9c40 0016            ab cd ef 01\n"
			    "0000001c: 0100 017c                                abcd\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum hex_text_form form = open_text(cases[i].chars, strlen(cases[i].chars));

		ck_assert_msg(form == cases[i].form, "form %d of: %s", (int)form, cases[i].chars);
		expect_run(header, sizeof(header), cases[i].chars);
		expect_end();
	}
}
END_TEST

START_TEST(other_text_is_none)
{
	static const char *const cases[] = {
	    "",
	    " \r\n",
	    "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
	    "SSH-2.0-OpenSSH_9.2\r\n",
	    "0d0",
	    "0d 0a 0",
	    "0x",
	    "0d0a0g",
	    "0x123",
	    "\\",
	    "\\q",
	    "\\x0",
	    "\\x0g",
	    "\\777",
	    "\\u1234",
	    "\"\\r",
	    "\"\\r\" x",
	    "GET \\ HTTP/1.1\r\nHost: a\\r\r\n",
	    /* Offsets that do not go on */
	    "00000000: 0d0a\n00000010: 0d0a\n",
	    "00000000  0d 0a  |..|\n00000003\n",
	    "0000000 0d 0a\n0000001\n",
	    /* Words in an order that nobody knows: plain hexdump */
	    "0000000 0a0d 0a0d 0d00 510a 4955 0a54 1121 1000\n0000010\n",
	    "00000000: 0d0a 0d0\n",
	    "*\n",
	    "00000000: 00\n*\n00ffffff: 00\n",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(open_text(cases[i], strlen(cases[i])) == HEX_TEXT_NONE,
			      "case %zu: %s", i, cases[i]);
	ck_assert_int_eq(open_text("0d\0000a", 5), HEX_TEXT_NONE);
	ck_assert_int_eq(open_text("\\r\0", 3), HEX_TEXT_NONE);
}
END_TEST

START_TEST(a_dump_has_a_run_for_each_packet)
{
	static const char chars[] =
	    "12:00:00.000000 IP 127.0.0.1.40000 > 127.0.0.1.7000: Flags [S]\n"
	    "\t0x0000:  4500\n"
	    "12:00:00.000001 IP 127.0.0.1.40000 > 127.0.0.1.7000: Flags [P.]\n" TCPDUMP
	    "\t0x0000:  01                                       .\n"
	    "2 packets captured\n";

	ck_assert_int_eq(open_text(chars, strlen(chars)), HEX_TEXT_DUMP);
	expect_run((const uint8_t[]){0x45, 0x00}, 2, "the first");
	expect_run(header, sizeof(header), "the second");
	expect_run((const uint8_t[]){0x01}, 1, "the third");
	expect_end();
}
END_TEST

START_TEST(a_star_stands_for_equal_lines)
{
	static const char chars[] = "00000000  00 01 02 03  |....|\n"
				    "*\n"
				    "0000000c  ff  |.|\n"
				    "0000000d\n";
	static const uint8_t expected[] = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0xff};

	ck_assert_int_eq(open_text(chars, strlen(chars)), HEX_TEXT_DUMP);
	expect_run(expected, sizeof(expected), chars);
	expect_end();
}
END_TEST

/* Never a byte beyond the room that there is. */
START_TEST(room_is_a_bound)
{
	static const char plain[] = "00 01 02 03";
	static const char star[] = "0000: 00\n*\n0100: 01\n";
	uint8_t small[5];

	memset(small, 0xaa, sizeof(small));
	ck_assert_int_eq(hex_text_open(&text, plain, strlen(plain), small, 4), HEX_TEXT_PLAIN);
	ck_assert_uint_eq(small[4], 0xaa);
	ck_assert_int_eq(hex_text_open(&text, plain, strlen(plain), small, 3), HEX_TEXT_NONE);
	ck_assert_uint_eq(small[3], 3);
	ck_assert_int_eq(hex_text_open(&text, star, strlen(star), small, 4), HEX_TEXT_NONE);
	ck_assert_uint_eq(small[4], 0xaa);
	ck_assert_int_eq(open_text(star, strlen(star)), HEX_TEXT_DUMP);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hex_text");
	TCase *tcase = tcase_create("hex_text");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, every_form_gives_the_same_bytes);
	tcase_add_test(tcase, other_text_is_none);
	tcase_add_test(tcase, a_dump_has_a_run_for_each_packet);
	tcase_add_test(tcase, a_star_stands_for_equal_lines);
	tcase_add_test(tcase, room_is_a_bound);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
