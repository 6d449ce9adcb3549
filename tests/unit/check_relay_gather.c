/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of tcp/relay_gather in the lanes of relay_splice: which streams wait, and how long. */
#include "tcp/relay_gather.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

#include "tcp/relay.h"
#include "tcp/relay_context.h"

#define PATIENCE_MS 20000

/* Less than a full read, and enough of them are a stream. */
#define PIECE 6144

/* Worth a wake-up of its own, and less than a full read. */
#define LARGE_PIECE (32 * 1024)

/* One relayed connection: the ends are the test's, the relay's own sockets are only asked. */
struct bridge {
	struct relay *relay;
	int client_end;
	int client_fd;
	int backend_end;
	unsigned ended;
};

static struct event_base *base;
static struct relay_context context;
static struct bridge bridge;
static char bytes[LARGE_PIECE];

static void on_half_closed(void *arg)
{
	(void)arg;
}

static void on_ended(void *arg, enum close_reason reason)
{
	(void)arg;
	(void)reason;
	bridge.ended++;
}

static const struct relay_events events = {.on_half_closed = on_half_closed, .on_ended = on_ended};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tcp_pair(int *one, int *other)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	*one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(*one, (struct sockaddr *)&address, len), 0);
	*other = accept(listener, NULL, NULL);
	ck_assert_int_ge(*other, 0);
	ck_assert_int_eq(fcntl(*one, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(*other, F_SETFL, O_NONBLOCK), 0);
	close(listener);
}

static void setup(void)
{
	struct relay_end client = {.fd = -1};
	struct relay_end backend = {.fd = -1};

	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(relay_context_init(&context, base), 0);
	memset(&bridge, 0, sizeof(bridge));
	tcp_pair(&bridge.client_end, &client.fd);
	tcp_pair(&bridge.backend_end, &backend.fd);
	bridge.client_fd = client.fd;
	bridge.relay = relay_splice.start(&context, &client, &backend, &events, NULL);
	ck_assert_ptr_nonnull(bridge.relay);
}

/* Close what the test has not, with the relay's own client socket last, to be asked. */
static void teardown(void)
{
	struct relay_end client;
	struct relay_end backend;
	int wakes_after = 0;
	socklen_t len = sizeof(wakes_after);

	relay_stop(bridge.relay, &client, &backend);
	if (client.undelivered != NULL)
		evbuffer_free(client.undelivered);
	if (backend.undelivered != NULL)
		evbuffer_free(backend.undelivered);
	/* However it was relayed: who gets the socket next is woken by any byte. */
	ck_assert_int_eq(getsockopt(client.fd, SOL_SOCKET, SO_RCVLOWAT, &wakes_after, &len), 0);
	ck_assert_int_eq(wakes_after, 1);
	close(client.fd);
	close(backend.fd);
	if (bridge.client_end >= 0)
		close(bridge.client_end);
	close(bridge.backend_end);
	relay_context_fini(&context);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
}

static bool is_gathered(void)
{
	int wakes_after = 0;
	socklen_t len = sizeof(wakes_after);

	ck_assert_int_eq(getsockopt(bridge.client_fd, SOL_SOCKET, SO_RCVLOWAT, &wakes_after, &len),
			 0);
	ck_assert(wakes_after == 1 || wakes_after == (int)RELAY_GATHER_BYTES);
	return wakes_after > 1;
}

/* Send, and let the loop sleep and work until all of it is there: nothing else comes to wake it. */
static void pass_on(int from, int to, size_t len)
{
	const int64_t deadline = now_ms() + PATIENCE_MS;
	size_t received = 0;

	ck_assert_int_eq(send(from, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
	while (received < len) {
		ssize_t got = recv(to, bytes, len - received, 0);

		ck_assert_int_lt(now_ms(), deadline);
		if (got > 0)
			received += (size_t)got;
		else
			(void)event_base_loop(base, EVLOOP_ONCE);
	}
}

static void gather(void)
{
	const int64_t deadline = now_ms() + PATIENCE_MS;

	while (!is_gathered()) {
		ck_assert_int_lt(now_ms(), deadline);
		pass_on(bridge.client_end, bridge.backend_end, PIECE);
	}
}

START_TEST(the_last_byte_does_not_wait_for_others)
{
	gather();
	for (int i = 0; i < 20; i++)
		pass_on(bridge.client_end, bridge.backend_end, 1);
}
END_TEST

START_TEST(a_stream_that_pauses_is_gathered_no_more)
{
	const int64_t deadline = now_ms() + PATIENCE_MS;

	gather();
	while (is_gathered()) {
		ck_assert_int_lt(now_ms(), deadline);
		(void)event_base_loop(base, EVLOOP_ONCE);
	}
	/* And no timer runs for nobody. */
	ck_assert_uint_eq(context.gather.count, 0);
	pass_on(bridge.client_end, bridge.backend_end, 1);
}
END_TEST

START_TEST(who_is_answered_does_not_wait)
{
	for (int i = 0; i < 500; i++) {
		pass_on(bridge.client_end, bridge.backend_end, PIECE);
		pass_on(bridge.backend_end, bridge.client_end, 1);
		ck_assert(!is_gathered());
	}
}
END_TEST

START_TEST(an_answer_ends_it)
{
	gather();
	pass_on(bridge.backend_end, bridge.client_end, 1);
	pass_on(bridge.client_end, bridge.backend_end, 1);
	ck_assert(!is_gathered());
}
END_TEST

/* As keys are pressed, or a clock ticks. */
START_TEST(a_stream_of_few_bytes_does_not_wait)
{
	for (int i = 0; i < 2000; i++) {
		pass_on(bridge.client_end, bridge.backend_end, 16);
		ck_assert(!is_gathered());
	}
}
END_TEST

START_TEST(large_pieces_do_not_wait)
{
	for (int i = 0; i < 500; i++) {
		pass_on(bridge.client_end, bridge.backend_end, LARGE_PIECE);
		ck_assert(!is_gathered());
	}
}
END_TEST

START_TEST(the_end_does_not_wait)
{
	const int64_t deadline = now_ms() + PATIENCE_MS;
	ssize_t got = -1;

	gather();
	ck_assert_int_eq(send(bridge.client_end, bytes, 1, MSG_NOSIGNAL), 1);
	shutdown(bridge.client_end, SHUT_WR);
	for (int i = 0; i < 2; i++) {
		while ((got = recv(bridge.backend_end, bytes, sizeof(bytes), 0)) < 0) {
			ck_assert_int_lt(now_ms(), deadline);
			(void)event_base_loop(base, EVLOOP_ONCE);
		}
		ck_assert_int_eq(got, 1 - i);
	}
}
END_TEST

START_TEST(a_reset_ends_it)
{
	const struct linger at_once = {.l_onoff = 1};
	const int64_t deadline = now_ms() + PATIENCE_MS;

	gather();
	setsockopt(bridge.client_end, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(bridge.client_end);
	bridge.client_end = -1;
	while (bridge.ended == 0) {
		ck_assert_int_lt(now_ms(), deadline);
		(void)event_base_loop(base, EVLOOP_ONCE);
	}
}
END_TEST

START_TEST(a_relay_is_stopped_meanwhile)
{
	gather();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("relay_gather");
	TCase *relay = tcase_create("relay");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, relay);
	tcase_add_checked_fixture(relay, setup, teardown);
	tcase_set_timeout(relay, 60);
	tcase_add_test(relay, the_last_byte_does_not_wait_for_others);
	tcase_add_test(relay, a_stream_that_pauses_is_gathered_no_more);
	tcase_add_test(relay, who_is_answered_does_not_wait);
	tcase_add_test(relay, an_answer_ends_it);
	tcase_add_test(relay, a_stream_of_few_bytes_does_not_wait);
	tcase_add_test(relay, large_pieces_do_not_wait);
	tcase_add_test(relay, the_end_does_not_wait);
	tcase_add_test(relay, a_reset_ends_it);
	tcase_add_test(relay, a_relay_is_stopped_meanwhile);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
