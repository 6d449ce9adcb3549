/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of tcp/header_reader: every case split everywhere, no memory, urgent data. */
#include "tcp/header_reader.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

#include "base/addr.h"
#include "net/sock.h"
#include "proxyproto/proxy_header.h"

/* The README of the cases: what a v2 header may have. */
#define HEADER_MAX 4096

/* What the file of cases must hold. */
#define STREAM_CASES 152

/* Which of its columns, separated by tabs, has the bytes. */
#define HEX_COLUMN 10

/* Behind these bytes only every so many positions are tried as splits. */
#define EVERY_SPLIT_MAX 600
#define SPLIT_STEP	97

#define LINE "PROXY TCP4 203.0.113.7 198.51.100.1 40000 443\r\n"

static uint8_t buffer[HEADER_READER_FIRST_MAX];
static uint8_t bytes[70000];
static size_t bytes_len;
static int sender;
static int receiver;

/* ---- allocations of the library, by the linker's --wrap ---- */

static unsigned countdown; /* the allocation that fails; 0: none */
static unsigned left;	   /* of it after the last reading */

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size)
{
	if (countdown > 0 && --countdown == 0)
		return NULL;
	return __real_realloc(old, size);
}

/* ---- a connection ---- */

static void open_pair(void)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	sender = fds[0];
	receiver = fds[1];
}

/* Urgent data is TCP's; it is read in its place, as on every connection of mmproxy's. */
static void open_tcp(void)
{
	const int on = 1;
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	sender = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(sender, (struct sockaddr *)&address, len), 0);
	receiver = accept(listener, NULL, NULL);
	ck_assert_int_ge(receiver, 0);
	ck_assert_int_eq(setsockopt(receiver, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)), 0);
	close(listener);
}

static void close_both(void)
{
	close(sender);
	close(receiver);
}

static void send_part(size_t from, size_t to)
{
	while (from < to) {
		ssize_t sent = send(sender, bytes + from, to - from, MSG_NOSIGNAL);

		ck_assert_int_gt(sent, 0);
		from += (size_t)sent;
	}
}

/* Read until the answer is certain or the socket is empty. */
static enum header_status read_all(struct header_reader *reader, struct header_reading *reading)
{
	enum header_status status;
	int waiting;

	do {
		status = header_reader_read(reader, receiver, HEADER_MAX, buffer, reading);
		/* No more than twice what has come, and never more than the header can have. */
		ck_assert_uint_le(reader->size, HEADER_MAX);
		ck_assert_uint_le(reader->size, reader->len * 2 > 128 ? reader->len * 2 : 128);
		ck_assert_int_eq(ioctl(receiver, FIONREAD, &waiting), 0);
	} while (status == HEADER_UNFINISHED && waiting > 0);
	return status;
}

/* What came behind the header: with it, and still in the socket. */
static void expect_payload(const struct header_reading *reading)
{
	static uint8_t rest[sizeof(bytes)];
	size_t len = reading->payload_len;
	ssize_t got;

	ck_assert_uint_le(reading->header.header_len + len, bytes_len);
	memcpy(rest, reading->payload, len);
	while ((got = recv(receiver, rest + len, sizeof(rest) - len, MSG_DONTWAIT)) > 0)
		len += (size_t)got;
	ck_assert_uint_eq(reading->header.header_len + len, bytes_len);
	ck_assert_int_eq(memcmp(rest, bytes + reading->header.header_len, len), 0);
}

static void expect_header(const struct header_reading *reading, const struct proxy_header *whole)
{
	const struct proxy_header *header = &reading->header;

	ck_assert_int_eq(header->version, whole->version);
	ck_assert_int_eq(header->command, whole->command);
	ck_assert_int_eq(header->family, whole->family);
	ck_assert(addr_equal(&header->src, &whole->src) && addr_equal(&header->dst, &whole->dst));
	ck_assert_uint_eq(header->header_len, whole->header_len);
	ck_assert_uint_eq(header->tlvs_len, whole->tlvs_len);
	if (whole->tlvs_len > 0)
		ck_assert_int_eq(memcmp(header->tlvs, whole->tlvs, whole->tlvs_len), 0);
}

/* ---- the conformance cases ---- */

static FILE *open_cases(void)
{
	const char *dir = getenv("TEST_DATA_DIR");
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/proxy_vectors.txt", dir != NULL ? dir : "tests/data");
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "cannot open %s", path);
	return file;
}

/* The next case of a stream, in bytes; false: there is none. */
static bool next_case(FILE *file)
{
	static char *line;
	static size_t size;

	while (getline(&line, &size, file) > 0) {
		char *hex = line;

		if (strncmp(line, "stream\t", 7) != 0)
			continue;
		for (int i = 0; i < HEX_COLUMN; i++)
			hex = strchr(hex, '\t') + 1;
		for (bytes_len = 0; hex[0] != '\t' && hex[0] != '-'; bytes_len++, hex += 2) {
			char pair[3] = {hex[0], hex[1], '\0'};

			bytes[bytes_len] = (uint8_t)strtoul(pair, NULL, 16);
		}
		return true;
	}
	free(line);
	line = NULL;
	return false;
}

/* Send the case in pieces of this many bytes behind a first one, reading after each. */
static void try_split(size_t first, size_t piece)
{
	struct header_reader reader = {.bytes = NULL};
	struct header_reading reading;
	struct proxy_header whole;
	enum proxy_error error;
	enum proxy_status expected =
	    proxy_header_parse(bytes, bytes_len, HEADER_MAX, &whole, &error);
	enum header_status status = HEADER_UNFINISHED;
	size_t at = first;

	open_pair();
	send_part(0, first);
	while ((status = read_all(&reader, &reading)) == HEADER_UNFINISHED && at < bytes_len) {
		size_t end = piece < bytes_len - at ? at + piece : bytes_len;

		send_part(at, end);
		at = end;
	}
	switch (expected) {
	case PROXY_NEED_MORE:
		ck_assert_int_eq(status, HEADER_UNFINISHED);
		shutdown(sender, SHUT_WR);
		ck_assert_int_eq(read_all(&reader, &reading), HEADER_CLOSED);
		break;
	case PROXY_ERROR:
		ck_assert_int_eq(status, HEADER_INVALID);
		ck_assert_int_eq(reading.error, error);
		break;
	case PROXY_OK:
		ck_assert_int_eq(status, HEADER_WHOLE);
		expect_header(&reading, &whole);
		send_part(at, bytes_len);
		expect_payload(&reading);
		break;
	}
	header_reader_fini(&reader);
	close_both();
}

START_TEST(every_split_of_every_case_is_as_good_as_whole)
{
	FILE *file = open_cases();
	unsigned cases = 0;

	while (next_case(file)) {
		size_t at = 0;

		cases++;
		while (at <= bytes_len) {
			try_split(at, bytes_len);
			at += at < EVERY_SPLIT_MAX ? 1 : SPLIT_STEP;
		}
	}
	ck_assert_uint_eq(cases, STREAM_CASES);
	fclose(file);
}
END_TEST

START_TEST(every_case_may_come_in_small_pieces)
{
	FILE *file = open_cases();

	while (next_case(file)) {
		try_split(0, 1);
		try_split(0, 7);
	}
	fclose(file);
}
END_TEST

/* ---- memory ---- */

START_TEST(a_whole_header_allocates_nothing)
{
	struct header_reader reader = {.bytes = NULL};
	struct header_reading reading;
	enum header_status status;

	open_pair();
	ck_assert_int_gt(send(sender, LINE "payload", strlen(LINE "payload"), 0), 0);
	countdown = 1;
	status = header_reader_read(&reader, receiver, HEADER_MAX, buffer, &reading);
	left = countdown;
	countdown = 0;
	ck_assert_int_eq(status, HEADER_WHOLE);
	ck_assert_uint_eq(left, 1);
	ck_assert_uint_eq(reading.payload_len, 7);
	close_both();
}
END_TEST

/* The longest header that is allowed, a byte at a time. */
static void make_long_header(void)
{
	static const uint8_t signature[] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A,
					    0x51, 0x55, 0x49, 0x54, 0x0A, 0x20, 0x00};

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, signature, sizeof(signature));
	bytes[14] = (HEADER_MAX - 16) >> 8;
	bytes[15] = (HEADER_MAX - 16) & 0xFF;
	bytes_len = HEADER_MAX;
}

/* Returns the answer to it when that allocation fails. */
static enum header_status read_failing(unsigned failing)
{
	struct header_reader reader = {.bytes = NULL};
	struct header_reading reading;
	enum header_status status = HEADER_UNFINISHED;

	open_pair();
	left = failing;
	for (size_t i = 0; i < bytes_len && status == HEADER_UNFINISHED; i++) {
		send_part(i, i + 1);
		/* Check allocates as well, and may be linked statically. */
		countdown = left;
		status = header_reader_read(&reader, receiver, HEADER_MAX, buffer, &reading);
		left = countdown;
		countdown = 0;
	}
	header_reader_fini(&reader);
	close_both();
	return status;
}

START_TEST(without_memory_it_says_so)
{
	unsigned failing = 1;

	make_long_header();
	while (read_failing(failing) == HEADER_NO_MEMORY)
		failing++;
	/* As many as it takes to double 128 bytes to 4096, and the one for the fixed bytes. */
	ck_assert_uint_eq(failing, 8);
	ck_assert_uint_eq(left, 1);
	ck_assert_int_eq(read_failing(0), HEADER_WHOLE);
}
END_TEST

/* ---- urgent data ---- */

static void send_urgent(const char *text)
{
	/* The last byte is the urgent one. */
	ck_assert_int_eq(send(sender, text, strlen(text), MSG_OOB), (ssize_t)strlen(text));
}

static enum header_status read_until_certain(struct header_reader *reader,
					     struct header_reading *reading)
{
	enum header_status status;

	do
		status = header_reader_read(reader, receiver, HEADER_MAX, buffer, reading);
	while (status == HEADER_UNFINISHED);
	return status;
}

/* Right behind the header, and behind some payload: it stays in the socket, and is urgent still. */
START_TEST(an_urgent_byte_behind_the_header_stays)
{
	struct header_reader reader = {.bytes = NULL};
	struct header_reading reading;

	open_tcp();
	send_urgent(_i == 0 ? LINE "!" : LINE "abc!");
	ck_assert_int_eq(send(sender, "def", 3, 0), 3);
	ck_assert_int_eq(read_until_certain(&reader, &reading), HEADER_WHOLE);
	ck_assert_uint_eq(reading.payload_len, _i == 0 ? 0 : 3);
	ck_assert(sock_is_at_urgent_mark(receiver));
	ck_assert_int_eq(recv(receiver, buffer, 4, MSG_WAITALL), 4);
	ck_assert_int_eq(memcmp(buffer, "!def", 4), 0);
	close_both();
}
END_TEST

/* It is a byte like any other there, and reading stops short before it without a stall. */
START_TEST(an_urgent_byte_within_the_header_is_part_of_it)
{
	struct header_reader reader = {.bytes = NULL};
	struct header_reading reading;

	open_tcp();
	if (_i == 0) {
		send_urgent("PROXY TCP4 203.!");
		ck_assert_int_eq(read_until_certain(&reader, &reading), HEADER_INVALID);
		ck_assert_int_eq(reading.error, PROXY_ERROR_V1_SOURCE);
	} else {
		send_urgent("PROXY TCP4 203.");
		ck_assert_int_gt(send(sender, &LINE[15], strlen(LINE) - 15, 0), 0);
		ck_assert_int_eq(read_until_certain(&reader, &reading), HEADER_WHOLE);
		ck_assert_uint_eq(reading.header.header_len, strlen(LINE));
	}
	header_reader_fini(&reader);
	close_both();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("header_reader");
	TCase *cases = tcase_create("cases");
	TCase *memory = tcase_create("memory");
	TCase *urgent = tcase_create("urgent");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	suite_add_tcase(suite, memory);
	suite_add_tcase(suite, urgent);
	tcase_set_timeout(cases, 120);
	tcase_set_timeout(memory, 30);
	tcase_set_timeout(urgent, 30);
	tcase_add_test(cases, every_split_of_every_case_is_as_good_as_whole);
	tcase_add_test(cases, every_case_may_come_in_small_pieces);
	tcase_add_test(memory, a_whole_header_allocates_nothing);
	tcase_add_test(memory, without_memory_it_says_so);
	tcase_add_loop_test(urgent, an_urgent_byte_behind_the_header_stays, 0, 2);
	tcase_add_loop_test(urgent, an_urgent_byte_within_the_header_is_part_of_it, 0, 2);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
