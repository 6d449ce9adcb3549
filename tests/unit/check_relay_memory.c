/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of both relay engines without memory: each allocation fails in turn, and either every
 * byte arrives all the same or the relay says that it does not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

#include "tcp/relay.h"
#include "tcp/relay_context.h"

/* What came with the header, before there was a relay. */
#define PAYLOAD 3000

/* More than a relay and the receiver's small buffers hold. */
#define STREAM (1200 * 1000)

/* A prime, so that bytes out of place look wrong. */
#define PERIOD 251

/* How long a relay may need for it all; it is done in milliseconds. */
#define PATIENCE_S 20

/* How it came out. */
enum outcome { ARRIVED, REFUSED, ENDED_INTERNAL, SAID_LOST };

static struct event_base *base;
static struct relay_context context;
static bool ended;
static enum close_reason end_reason;

/* ---- allocations of the library, by the linker's --wrap, and of libevent ---- */

static bool counting;
static unsigned allocations;
static unsigned failing; /* which one fails; 0: none */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool fails(void)
{
	if (!counting || ++allocations != failing)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

/* ---- a connection: the ends are the test's, the middle is the relay's ---- */

static void on_half_closed(void *arg)
{
	(void)arg;
}

static void on_ended(void *arg, enum close_reason reason)
{
	(void)arg;
	ended = true;
	end_reason = reason;
}

static const struct relay_events events = {.on_half_closed = on_half_closed, .on_ended = on_ended};

static void tcp_pair(int *one, int *other)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	const int small = 65536;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	*one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Without pacing, whatever is usual on this host. */
	ck_assert_int_eq(setsockopt(*one, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	ck_assert_int_eq(setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	ck_assert_int_eq(connect(*one, (struct sockaddr *)&address, len), 0);
	*other = accept(listener, NULL, NULL);
	ck_assert_int_ge(*other, 0);
	ck_assert_int_eq(fcntl(*one, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(*other, F_SETFL, O_NONBLOCK), 0);
	close(listener);
}

static unsigned char byte_at(size_t offset)
{
	return (unsigned char)(offset % PERIOD);
}

/* Send as much of the stream as goes; returns the new offset, and the FIN behind its end. */
static size_t push(int fd, size_t offset)
{
	unsigned char bytes[65536];
	ssize_t sent = 1;

	while (offset < STREAM && sent > 0) {
		size_t len = STREAM - offset < sizeof(bytes) ? STREAM - offset : sizeof(bytes);

		for (size_t i = 0; i < len; i++)
			bytes[i] = byte_at(offset + i);
		sent = send(fd, bytes, len, MSG_NOSIGNAL);
		if (sent > 0)
			offset += (size_t)sent;
		if (offset == STREAM)
			shutdown(fd, SHUT_WR);
	}
	return offset;
}

/* Receive and compare; returns the new offset, and whether the end has come. */
static size_t pull(int fd, size_t offset, bool *eof)
{
	unsigned char bytes[65536];
	ssize_t got;

	while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		bool same = true;

		for (ssize_t i = 0; i < got; i++)
			same &= bytes[i] == byte_at(offset + (size_t)i);
		ck_assert_msg(same, "other bytes than expected behind %zu", offset);
		offset += (size_t)got;
	}
	*eof = got == 0;
	return offset;
}

static void run_loop(void)
{
	counting = true;
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	counting = false;
}

static struct evbuffer *make_payload(void)
{
	struct evbuffer *payload = evbuffer_new();
	unsigned char bytes[PAYLOAD];

	for (size_t i = 0; i < PAYLOAD; i++)
		bytes[i] = byte_at(i);
	ck_assert_int_eq(evbuffer_add(payload, bytes, sizeof(bytes)), 0);
	return payload;
}

static struct relay *start(const struct relay_engine *engine, struct relay_end *client,
			   struct relay_end *backend)
{
	struct relay_end client_before = *client;
	struct relay_end backend_before = *backend;
	struct relay *relay;

	counting = true;
	relay = engine->start(&context, client, backend, &events, NULL);
	counting = false;
	if (relay == NULL) {
		/* Nothing is taken. */
		ck_assert_int_eq(client->fd, client_before.fd);
		ck_assert_int_eq(backend->fd, backend_before.fd);
		ck_assert_ptr_eq(client->undelivered, client_before.undelivered);
		ck_assert_ptr_eq(backend->undelivered, backend_before.undelivered);
	}
	return relay;
}

static void stop(struct relay *relay, struct relay_end *client, struct relay_end *backend)
{
	counting = true;
	relay_stop(relay, client, backend);
	counting = false;
}

static void discard(struct relay_end *end)
{
	if (end->undelivered != NULL)
		evbuffer_free(end->undelivered);
	close(end->fd);
}

/*
 * Relay the stream upwards: to a receiver that takes nothing first, then by the second engine from
 * where the first one has stopped, to a receiver that takes all.
 */
static enum outcome carry(const struct relay_engine *first, const struct relay_engine *second)
{
	struct relay_end client = {.fd = -1};
	struct relay_end backend = {.fd = -1, .undelivered = make_payload()};
	struct relay *relay;
	enum outcome outcome = REFUSED;
	size_t sent = PAYLOAD;
	size_t received = 0;
	bool eof = false;
	int client_end;
	int backend_end;
	time_t limit = time(NULL) + PATIENCE_S;

	ended = false;
	allocations = 0;
	tcp_pair(&client_end, &client.fd);
	tcp_pair(&backend_end, &backend.fd);
	relay = start(first, &client, &backend);
	if (relay == NULL)
		goto out;
	for (int pass = 0; pass < 20 && !ended; pass++) {
		sent = push(client_end, sent);
		run_loop();
	}
	outcome = ENDED_INTERNAL;
	stop(relay, &client, &backend);
	if (ended)
		goto out;
	outcome = SAID_LOST;
	if (backend.lost)
		goto out;
	outcome = REFUSED;
	relay = start(second, &client, &backend);
	if (relay == NULL)
		goto out;
	while (!eof && !ended) {
		sent = push(client_end, sent);
		run_loop();
		received = pull(backend_end, received, &eof);
		ck_assert_msg(time(NULL) < limit, "stuck after %zu of %zu bytes, allocation %u",
			      received, sent, failing);
	}
	outcome = eof ? ARRIVED : ENDED_INTERNAL;
	stop(relay, &client, &backend);
	if (eof)
		ck_assert_uint_eq(received, STREAM);

out:
	if (outcome == ENDED_INTERNAL)
		ck_assert_int_eq(end_reason, REASON_INTERNAL);
	discard(&client);
	discard(&backend);
	close(client_end);
	close(backend_end);
	return outcome;
}

static void setup(void)
{
	event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(relay_context_init(&context, base), 0);
}

static void teardown(void)
{
	relay_context_fini(&context);
	event_base_free(base);
}

static const struct relay_engine *const engines[][2] = {
    {&relay_splice, &relay_splice},
    {&relay_splice, &relay_buffered},
    {&relay_buffered, &relay_splice},
    {&relay_buffered, &relay_buffered},
};

START_TEST(an_engine_goes_on_where_another_has_stopped)
{
	failing = 0;
	ck_assert_int_eq(carry(engines[_i][0], engines[_i][1]), ARRIVED);
}
END_TEST

START_TEST(no_allocation_that_fails_loses_a_byte_silently)
{
	unsigned outcomes[SAID_LOST + 1] = {0};

	failing = 0;
	do {
		failing++;
		outcomes[carry(engines[_i][0], engines[_i][1])]++;
	} while (allocations >= failing);
	/* Starting, and what a slow receiver does not take, need memory. */
	ck_assert_uint_ge(outcomes[REFUSED], 2);
	ck_assert_uint_ge(outcomes[ENDED_INTERNAL] + outcomes[SAID_LOST], 1);
	ck_assert_uint_ge(outcomes[ARRIVED], 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("relay_memory");
	TCase *memory = tcase_create("memory");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, memory);
	tcase_add_checked_fixture(memory, setup, teardown);
	tcase_set_timeout(memory, 120);
	tcase_add_loop_test(memory, an_engine_goes_on_where_another_has_stopped, 0, 4);
	tcase_add_loop_test(memory, no_allocation_that_fails_loses_a_byte_silently, 0, 4);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
