/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of service/bad_header: what a line shows of bytes that are no header. */
#include "service/bad_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

static const char *shown(enum log_format format, enum proxy_error error, const void *bytes,
			 size_t len)
{
	static struct log_line line;
	const struct bad_header bad = {.error = error, .bytes = bytes, .len = len};

	log_line_configure(format, LOG_STAMP_NONE);
	log_line_begin(&line, LOG_LEVEL_WARN);
	bad_header_log(&bad, &line);
	log_line_close(&line);
	/* As every line, this one ends with a newline, which makes room for a string's end. */
	line.text[line.len - 1] = '\0';
	return line.text;
}

#define SHOWN(bytes) shown(LOG_FORMAT_TEXT, PROXY_ERROR_SIGNATURE, bytes, sizeof(bytes) - 1)

START_TEST(what_came_is_shown)
{
	ck_assert_str_eq(SHOWN("SSH-2.0-OpenSSH_9.2p1\r\n"),
			 "warn error=signature got=\"SSH-2.0-OpenSSH_9.2p1\\x0d\\x0a\" "
			 "looks_like=ssh");
	ck_assert_str_eq(SHOWN("\x16\x03\x01\x02\x00\x01"),
			 "warn error=signature got=\"\\x16\\x03\\x01\\x02\\x00\\x01\" "
			 "looks_like=tls");
	ck_assert_str_eq(SHOWN("x"), "warn error=signature got=x");
	ck_assert_str_eq(
	    shown(LOG_FORMAT_JSON, PROXY_ERROR_SIGNATURE, "GET /\" \\\x7f",
		  strlen("GET /\" \\\x7f")),
	    "{\"level\":\"warn\",\"error\":\"signature\",\"got\":\"GET /\\\" \\\\\\\\x7f\","
	    "\"looks_like\":\"http\"}");
	/* The other protocol's header, on a listener of the Simple Proxy Protocol. */
	ck_assert_str_eq(shown(LOG_FORMAT_TEXT, PROXY_ERROR_SPP_MAGIC, "PROXY", 5),
			 "warn error=spp_magic got=PROXY");
}
END_TEST

START_TEST(a_header_that_is_wrong_is_not_shown)
{
	for (int i = PROXY_ERROR_NONE + 1; i < PROXY_ERROR_COUNT; i++) {
		enum proxy_error error = (enum proxy_error)i;
		char expected[64];

		if (error == PROXY_ERROR_SIGNATURE || error == PROXY_ERROR_SPP_MAGIC)
			continue;
		snprintf(expected, sizeof(expected), "warn error=%s", proxy_error_name(error));
		ck_assert_str_eq(shown(LOG_FORMAT_TEXT, error, "PROXY TCP5 ", 11), expected);
	}
	ck_assert_str_eq(shown(LOG_FORMAT_TEXT, PROXY_ERROR_NONE, NULL, 0), "warn");
}
END_TEST

START_TEST(only_the_first_bytes_are_shown)
{
	static char bytes[65507];
	char expected[128];

	memset(bytes, 'a', sizeof(bytes));
	snprintf(expected, sizeof(expected), "warn error=signature got=%.32s", bytes);
	for (size_t len = BAD_HEADER_SHOWN; len <= sizeof(bytes); len += 3001)
		ck_assert_str_eq(shown(LOG_FORMAT_TEXT, PROXY_ERROR_SIGNATURE, bytes, len),
				 expected);
	/* What they are is told by more of them: a Minecraft handshake ends behind the name. */
	ck_assert_str_eq(SHOWN("\x2d\x00\x2f\x26"
			       "a.rather.long.name.of.a.server.example"
			       "\x63\xdd\x01"
			       "\x01"),
			 "warn error=signature got=\"-\\x00/&a.rather.long.name.of.a.serv\" "
			 "looks_like=minecraft");
}
END_TEST

/* Whatever comes, a line stays one of printable ASCII. */
START_TEST(no_byte_breaks_the_line)
{
	for (int c = 0; c < 256; c++) {
		for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
			char bytes[BAD_HEADER_SHOWN];
			const char *line;

			memset(bytes, c, sizeof(bytes));
			line = shown((enum log_format)format, PROXY_ERROR_SIGNATURE, bytes,
				     sizeof(bytes));
			for (const char *at = line; *at != '\0'; at++)
				ck_assert(*at >= ' ' && *at <= '~');
			ck_assert_uint_lt(strlen(line), 300);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bad_header");
	TCase *tcase = tcase_create("bad_header");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, what_came_is_shown);
	tcase_add_test(tcase, a_header_that_is_wrong_is_not_shown);
	tcase_add_test(tcase, only_the_first_bytes_are_shown);
	tcase_add_test(tcase, no_byte_breaks_the_line);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
