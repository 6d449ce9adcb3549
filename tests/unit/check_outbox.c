/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of udp/outbox, over a pair of sockets on loopback. */
#include "udp/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#define BIG 70000

static struct outbox outbox;
static size_t join_max;
static int from;
static int to;
static uint8_t bytes[BIG];

static struct {
	unsigned calls;
	uint32_t datagrams;
	uint64_t bytes;
	uint32_t failed;
	int error;
} results;

static void on_result(void *owner, uint32_t datagrams, uint64_t len, int error)
{
	ck_assert_ptr_eq(owner, &results);
	results.calls++;
	if (error != 0) {
		results.failed += datagrams;
		results.error = error;
		return;
	}
	results.datagrams += datagrams;
	results.bytes += len;
}

static int loopback_socket(struct sockaddr_in *name)
{
	socklen_t len = sizeof(*name);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	memset(name, 0, sizeof(*name));
	name->sin_family = AF_INET;
	name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)name, sizeof(*name)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)name, &len), 0);
	return fd;
}

static void set_up(void)
{
	struct sockaddr_in from_name;
	struct sockaddr_in to_name;

	from = loopback_socket(&from_name);
	to = loopback_socket(&to_name);
	ck_assert_int_eq(connect(from, (struct sockaddr *)&to_name, sizeof(to_name)), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 / 3);
	outbox_init(&outbox);
	join_max = OUTBOX_JOIN_ALL;
	memset(&results, 0, sizeof(results));
}

static void tear_down(void)
{
	close(from);
	close(to);
}

static size_t put(const uint8_t *header, size_t header_len, const uint8_t *payload, size_t len,
		  size_t segment_len, bool *full)
{
	const struct outbox_item item = {
	    .owner = &results,
	    .header = header,
	    .header_len = header_len,
	    .payload = payload,
	    .len = len,
	    .segment_len = segment_len,
	};

	return outbox_put(&outbox, &item, join_max, full);
}

static void put_all(size_t len, size_t segment_len)
{
	bool full;

	ck_assert_uint_eq(put(NULL, 0, bytes, len, segment_len, &full), len);
	ck_assert(!full);
}

static void flush(void)
{
	ck_assert_int_eq(outbox_flush(&outbox, from, &join_max, on_result), 0);
	ck_assert_uint_eq(outbox.messages_count, 0);
	ck_assert_uint_eq(outbox.pieces_count, 0);
}

/* The next datagram that arrived must be header, if any, and len bytes from at on. */
static void expect(const char *header, const uint8_t *at, size_t len)
{
	static uint8_t got[BIG];
	size_t header_len = header != NULL ? strlen(header) : 0;
	ssize_t got_len = recv(to, got, sizeof(got), 0);

	ck_assert_int_eq(got_len, (ssize_t)(header_len + len));
	ck_assert(header_len == 0 || memcmp(got, header, header_len) == 0);
	ck_assert(len == 0 || memcmp(got + header_len, at, len) == 0);
}

static void expect_nothing(void)
{
	ck_assert_int_eq(recv(to, bytes, sizeof(bytes), 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(test_equal_datagrams_are_one_message)
{
	for (int i = 0; i < 5; i++)
		put_all(100, 0);
	put_all(40, 0);
	ck_assert_uint_eq(outbox.messages_count, 1);
	/* The shorter one ended the run. */
	put_all(40, 0);
	ck_assert_uint_eq(outbox.messages_count, 2);
	put_all(100, 0);
	ck_assert_uint_eq(outbox.messages_count, 3);
	flush();
	for (int i = 0; i < 5; i++)
		expect(NULL, bytes, 100);
	expect(NULL, bytes, 40);
	expect(NULL, bytes, 40);
	expect(NULL, bytes, 100);
	expect_nothing();
	ck_assert_uint_eq(results.datagrams, 8);
	ck_assert_uint_eq(results.bytes, 680);
}
END_TEST

START_TEST(test_empty_datagrams)
{
	put_all(0, 0);
	put_all(10, 0);
	put_all(0, 0);
	put_all(0, 0);
	ck_assert_uint_eq(outbox.messages_count, 4);
	flush();
	expect(NULL, bytes, 0);
	expect(NULL, bytes, 10);
	expect(NULL, bytes, 0);
	expect(NULL, bytes, 0);
	ck_assert_uint_eq(results.datagrams, 4);
}
END_TEST

START_TEST(test_a_run_stays_a_run)
{
	put_all(2450, 1000);
	ck_assert_uint_eq(outbox.messages_count, 1);
	flush();
	expect(NULL, bytes, 1000);
	expect(NULL, bytes + 1000, 1000);
	expect(NULL, bytes + 2000, 450);
	ck_assert_uint_eq(results.datagrams, 3);
}
END_TEST

START_TEST(test_a_long_run_is_cut_at_64_segments)
{
	put_all(100 * 10, 10);
	ck_assert_uint_eq(outbox.messages_count, 2);
	flush();
	for (size_t i = 0; i < 100; i++)
		expect(NULL, bytes + 10 * i, 10);
	expect_nothing();
	ck_assert_uint_eq(results.datagrams, 100);
}
END_TEST

START_TEST(test_a_header_before_each_segment)
{
	bool full;

	ck_assert_uint_eq(put((const uint8_t *)"head", 4, bytes, 250, 100, &full), 250);
	ck_assert_uint_eq(outbox.messages_count, 1);
	ck_assert_uint_eq(put((const uint8_t *)"head", 4, bytes, 0, 0, &full), 0);
	ck_assert(!full);
	flush();
	expect("head", bytes, 100);
	expect("head", bytes + 100, 100);
	expect("head", bytes + 200, 50);
	expect("head", bytes, 0);
	ck_assert_uint_eq(results.datagrams, 4);
	ck_assert_uint_eq(results.bytes, 250);
}
END_TEST

START_TEST(test_nothing_is_joined_where_the_kernel_cannot)
{
	join_max = 0;
	put_all(2450, 1000);
	put_all(1000, 0);
	ck_assert_uint_eq(outbox.messages_count, 4);
	flush();
	expect(NULL, bytes, 1000);
	expect(NULL, bytes + 1000, 1000);
	expect(NULL, bytes + 2000, 450);
	expect(NULL, bytes, 1000);
}
END_TEST

START_TEST(test_a_refused_run_goes_out_in_pieces)
{
	int off = 1;
	bool full;

	/* UDP_SEGMENT needs a checksum (EIO or EINVAL without one). */
	ck_assert_int_eq(setsockopt(from, SOL_SOCKET, SO_NO_CHECK, &off, sizeof(off)), 0);
	ck_assert_uint_eq(put((const uint8_t *)"head", 4, bytes, 250, 100, &full), 250);
	put_all(1500, 0);
	put_all(1500, 0);
	flush();
	expect("head", bytes, 100);
	expect("head", bytes + 100, 100);
	expect("head", bytes + 200, 50);
	expect(NULL, bytes, 1500);
	expect(NULL, bytes, 1500);
	ck_assert_uint_eq(join_max, 0);
	ck_assert_uint_eq(results.datagrams, 5);
	ck_assert_uint_eq(results.failed, 0);
}
END_TEST

START_TEST(test_a_datagram_too_long_is_reported)
{
	bool full;

	ck_assert_uint_eq(put((const uint8_t *)"head", 4, bytes, UDP_SOCK_PAYLOAD_MAX, 0, &full),
			  UDP_SOCK_PAYLOAD_MAX);
	put_all(5, 0);
	flush();
	expect(NULL, bytes, 5);
	ck_assert_uint_eq(results.failed, 1);
	ck_assert_int_eq(results.error, EMSGSIZE);
	put_all(UDP_SOCK_PAYLOAD_MAX, 0);
	flush();
	expect(NULL, bytes, UDP_SOCK_PAYLOAD_MAX);
}
END_TEST

START_TEST(test_the_error_of_a_former_datagram_loses_no_other)
{
	struct sockaddr_in name;
	socklen_t len = sizeof(name);

	ck_assert_int_eq(getsockname(to, (struct sockaddr *)&name, &len), 0);
	close(to);
	/* Refused by an ICMP message, which the next one meets. */
	ck_assert_int_eq(send(from, bytes, 5, 0), 5);
	to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(to, (struct sockaddr *)&name, sizeof(name)), 0);
	put_all(6, 0);
	put_all(7, 0);
	flush();
	expect(NULL, bytes, 6);
	expect(NULL, bytes, 7);
	ck_assert_uint_eq(results.datagrams, 2);
	ck_assert_uint_eq(results.failed, 0);
}
END_TEST

START_TEST(test_no_more_than_there_is_room_for)
{
	size_t count = 0;
	bool full = false;

	join_max = 0;
	while (!full) {
		(void)put(NULL, 0, bytes, 1, 0, &full);
		count += !full;
	}
	ck_assert_uint_eq(count, OUTBOX_MESSAGES);
	/* A run of which only the beginning has room. */
	outbox_init(&outbox);
	ck_assert_uint_eq(put(NULL, 0, bytes, 300, 3, &full), OUTBOX_MESSAGES * 3);
	ck_assert(full);
	flush();
	ck_assert_uint_eq(put(NULL, 0, bytes, 0, 0, &full), 0);
	ck_assert(!full);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outbox");
	TCase *tcase = tcase_create("outbox");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_equal_datagrams_are_one_message);
	tcase_add_test(tcase, test_empty_datagrams);
	tcase_add_test(tcase, test_a_run_stays_a_run);
	tcase_add_test(tcase, test_a_long_run_is_cut_at_64_segments);
	tcase_add_test(tcase, test_a_header_before_each_segment);
	tcase_add_test(tcase, test_nothing_is_joined_where_the_kernel_cannot);
	tcase_add_test(tcase, test_a_refused_run_goes_out_in_pieces);
	tcase_add_test(tcase, test_a_datagram_too_long_is_reported);
	tcase_add_test(tcase, test_the_error_of_a_former_datagram_loses_no_other);
	tcase_add_test(tcase, test_no_more_than_there_is_room_for);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
