/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON and tables, as the admin endpoint writes them, and the bytes that both escape. */
#include "daemon/json.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <event2/buffer.h>

#include "base/escape.h"
#include "daemon/table.h"

/* What was written, as text. */
static const char *text_of(struct evbuffer *out)
{
	static char text[4096];
	int len = evbuffer_remove(out, text, sizeof(text) - 1);

	ck_assert_int_ge(len, 0);
	text[len] = '\0';
	evbuffer_free(out);
	return text;
}

/* ---- escape ---- */

START_TEST(every_byte_becomes_printable)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		for (int json = 0; json < 2; json++) {
			char out[ESCAPE_MAX];
			size_t len = escape_byte((unsigned char)byte, json == 1, out);

			ck_assert_uint_ge(len, 1);
			ck_assert_uint_le(len, ESCAPE_MAX);
			for (size_t i = 0; i < len; i++)
				ck_assert(out[i] >= ' ' && out[i] <= '~');
			if (byte >= ' ' && byte <= '~')
				ck_assert_int_eq(out[len - 1], (char)byte);
			ck_assert_int_eq(len == 1,
					 byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\');
		}
	}
}
END_TEST

/* ---- JSON ---- */

START_TEST(values_nest)
{
	struct evbuffer *out = evbuffer_new();
	struct addr addr;
	struct json json;

	ck_assert_int_eq(addr_parse(&addr, "[2001:db8::1]:443"), 0);
	json_init(&json, out);
	json_object(&json, NULL);
	json_str(&json, "a", "x");
	json_str(&json, "none", NULL);
	json_array(&json, "list");
	json_u64(&json, NULL, 0);
	json_u64(&json, NULL, UINT64_MAX);
	json_object(&json, NULL);
	json_object_end(&json);
	json_array(&json, NULL);
	json_array_end(&json);
	json_array_end(&json);
	json_bool(&json, "yes", true);
	json_bool(&json, "no", false);
	json_addr(&json, "addr", &addr);
	json_addr(&json, "no_addr", &(struct addr){0});
	json_object_end(&json);
	ck_assert_int_eq(json_finish(&json), 0);
	ck_assert_str_eq(text_of(out),
			 "{\"a\":\"x\",\"none\":null,\"list\":[0,18446744073709551615,{},[]],"
			 "\"yes\":true,\"no\":false,\"addr\":\"[2001:db8::1]:443\",\"no_addr\":"
			 "null}\n");
}
END_TEST

START_TEST(strings_are_escaped)
{
	struct evbuffer *out = evbuffer_new();
	struct json json;

	json_init(&json, out);
	json_array(&json, NULL);
	json_str(&json, NULL, "a\"b\\c\n\x1b[31m\xc3\xa9");
	json_array_end(&json);
	ck_assert_int_eq(json_finish(&json), 0);
	ck_assert_str_eq(text_of(out), "[\"a\\\"b\\\\c\\\\x0a\\\\x1b[31m\\\\xc3\\\\xa9\"]\n");
}
END_TEST

/* Longer than what is escaped at a time, and each byte as long as it can become. */
START_TEST(long_strings_are_whole)
{
	struct evbuffer *out = evbuffer_new();
	char value[501];
	struct json json;
	const char *text;

	memset(value, '\n', 500);
	value[500] = '\0';
	json_init(&json, out);
	json_array(&json, NULL);
	json_str(&json, NULL, value);
	json_array_end(&json);
	ck_assert_int_eq(json_finish(&json), 0);
	text = text_of(out);
	ck_assert_uint_eq(strlen(text), strlen("[\"\"]\n") + 500 * ESCAPE_MAX);
	for (size_t i = 0; i < 500; i++)
		ck_assert_int_eq(strncmp(text + 2 + i * ESCAPE_MAX, "\\\\x0a", ESCAPE_MAX), 0);
}
END_TEST

/* ---- tables ---- */

START_TEST(columns_are_aligned)
{
	struct table *table = table_new("<NAME COUNT <WHAT");
	struct evbuffer *out = evbuffer_new();

	ck_assert_ptr_nonnull(table);
	table_text(table, "a");
	table_u64(table, 1234567);
	table_text(table, "x");
	table_text(table, "longer\033[2J");
	table_u64(table, 5);
	table_text(table, "a few words");
	ck_assert_int_eq(table_write(table, out), 0);
	table_free(table);
	ck_assert_str_eq(text_of(out), "NAME             COUNT  WHAT\n"
				       "a              1234567  x\n"
				       "longer\\x1b[2J        5  a few words\n");
}
END_TEST

START_TEST(cells_that_are_too_long_are_cut)
{
	struct table *table = table_new("<NAME");
	struct evbuffer *out = evbuffer_new();
	char name[1001];
	const char *text;

	memset(name, '\\', 1000);
	name[1000] = '\0';
	table_text(table, name);
	ck_assert_int_eq(table_write(table, out), 0);
	table_free(table);
	text = text_of(out);
	ck_assert_uint_lt(strlen(text), 200);
	ck_assert_uint_gt(strlen(text), 100);
}
END_TEST

struct unit_row {
	uint64_t value;
	const char *text;
};

START_TEST(units_are_those_of_people)
{
	static const struct unit_row bytes[] = {
	    {0, "0 B"},
	    {1023, "1023 B"},
	    {1024, "1.0 KiB"},
	    {1536, "1.5 KiB"},
	    {1048575, "1.0 MiB"},
	    {1048576, "1.0 MiB"},
	    {UINT64_C(5) << 30, "5.0 GiB"},
	    {UINT64_MAX, "16.0 EiB"},
	};
	static const struct unit_row times[] = {
	    {0, "0ms"},		{999, "999ms"},	       {1000, "1s"},	   {59999, "59s"},
	    {60000, "1m00s"},	{3599999, "59m59s"},   {3600000, "1h00m"}, {86399999, "23h59m"},
	    {86400000, "1d0h"}, {1040400000, "12d1h"},
	};
	char buf[TABLE_UNIT_LEN];

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		ck_assert_str_eq(table_format_bytes(bytes[i].value, buf), bytes[i].text);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		ck_assert_str_eq(table_format_duration(times[i].value, buf), times[i].text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json");
	TCase *json = tcase_create("json");
	TCase *table = tcase_create("table");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(json, every_byte_becomes_printable);
	tcase_add_test(json, values_nest);
	tcase_add_test(json, strings_are_escaped);
	tcase_add_test(json, long_strings_are_whole);
	tcase_add_test(table, columns_are_aligned);
	tcase_add_test(table, cells_that_are_too_long_are_cut);
	tcase_add_test(table, units_are_those_of_people);
	suite_add_tcase(suite, json);
	suite_add_tcase(suite, table);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
