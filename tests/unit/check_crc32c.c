/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proxyproto/crc32c: published sums, and both implementations against the definition. */
#include "proxyproto/crc32c.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

/* The polynomial 0x1EDC6F41 with its bits reflected. */
#define POLYNOMIAL 0x82F63B78u

/* Odd, and beyond several steps of eight bytes at each alignment. */
#define RANDOM_LEN 1031

static uint32_t random_state = 20260427;

static uint8_t random_byte(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return (uint8_t)random_state;
}

/* One bit at a time, straight from the definition. */
static uint32_t crc32c_bitwise(const uint8_t *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
	}
	return ~crc;
}

static void check_sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
	ck_assert_uint_eq(crc32c(0, bytes, len), sum);
	ck_assert_uint_eq(crc32c_portable(0, bytes, len), sum);
}

START_TEST(published_sums)
{
	uint8_t bytes[32];

	/* RFC 3720, appendix B.4. */
	memset(bytes, 0x00, sizeof(bytes));
	check_sum(bytes, sizeof(bytes), 0x8A9136AA);
	memset(bytes, 0xFF, sizeof(bytes));
	check_sum(bytes, sizeof(bytes), 0x62A8AB43);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	check_sum(bytes, sizeof(bytes), 0x46DD794E);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(sizeof(bytes) - 1 - i);
	check_sum(bytes, sizeof(bytes), 0x113FDB5C);

	check_sum((const uint8_t *)"123456789", 9, 0xE3069283);
	check_sum(bytes, 0, 0);
}
END_TEST

START_TEST(each_table_entry)
{
	uint8_t bytes[16] = {0};

	for (size_t at = 0; at < sizeof(bytes); at++) {
		for (unsigned value = 0; value <= UINT8_MAX; value++) {
			bytes[at] = (uint8_t)value;
			check_sum(bytes, sizeof(bytes), crc32c_bitwise(bytes, sizeof(bytes)));
		}
		bytes[at] = 0;
	}
}
END_TEST

START_TEST(lengths_and_alignments)
{
	/* Heap blocks of the exact size let AddressSanitizer see an overread. */
	for (size_t len = 0; len <= 80; len++) {
		for (size_t skip = 0; skip <= 8; skip++) {
			uint8_t *bytes = malloc(skip + len > 0 ? skip + len : 1);

			ck_assert_ptr_nonnull(bytes);
			for (size_t i = 0; i < skip + len; i++)
				bytes[i] = random_byte();
			check_sum(bytes + skip, len, crc32c_bitwise(bytes + skip, len));
			free(bytes);
		}
	}
}
END_TEST

START_TEST(pieces_give_the_sum_of_the_whole)
{
	uint8_t bytes[RANDOM_LEN];
	uint32_t whole;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = random_byte();
	whole = crc32c_bitwise(bytes, sizeof(bytes));
	for (size_t split = 0; split <= sizeof(bytes); split++) {
		uint32_t crc = crc32c(0, bytes, split);
		uint32_t portable = crc32c_portable(0, bytes, split);

		crc = crc32c(crc, bytes + split, sizeof(bytes) - split);
		portable = crc32c_portable(portable, bytes + split, sizeof(bytes) - split);
		ck_assert_uint_eq(crc, whole);
		ck_assert_uint_eq(portable, whole);
	}
}
END_TEST

START_TEST(zeroed_bytes_count_as_zero)
{
	uint8_t bytes[67];
	uint8_t zeroed[sizeof(bytes)];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = random_byte();
	for (size_t len = 4; len <= sizeof(bytes); len++) {
		for (size_t at = 0; at + 4 <= len; at++) {
			uint32_t sum;

			memcpy(zeroed, bytes, sizeof(bytes));
			memset(&zeroed[at], 0, 4);
			sum = crc32c_bitwise(zeroed, len);
			ck_assert_uint_eq(crc32c_zeroed(0, bytes, len, at), sum);
			ck_assert_uint_eq(crc32c_zeroed_portable(0, bytes, len, at), sum);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("crc32c");
	TCase *tcase = tcase_create("crc32c");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, published_sums);
	tcase_add_test(tcase, each_table_entry);
	tcase_add_test(tcase, lengths_and_alignments);
	tcase_add_test(tcase, pieces_give_the_sum_of_the_whole);
	tcase_add_test(tcase, zeroed_bytes_count_as_zero);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
