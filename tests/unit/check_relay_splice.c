/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of tcp/relay_splice: its turns, and what it gives back when it is stopped. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

#include "base/addr.h"
#include "tcp/relay.h"
#include "tcp/relay_context.h"

/* What a direction may move in one pass of the loop, before others have their turn. */
#define TURN_MAX (256u * 1024)

/*
 * Bytes that may stand unsent in a receiver's socket: the bound of bulk, and what the kernel adds,
 * which looks at it for each new packet only.
 */
#define UNSENT_MAX (256u * 1024 + 64 * 1024)

#define PATIENCE_MS 20000

/* One relayed connection: the ends are the test's, the middle is the relay's. */
struct bridge {
	struct relay *relay;
	int client_end;
	int backend_end;
	int backend_fd; /* the relay's, to be asked */
	unsigned ended;
	enum close_reason reason;
};

static struct event_base *base;
static struct relay_context context;
static char zeros[65536];

static void on_half_closed(void *arg)
{
	(void)arg;
}

static void on_ended(void *arg, enum close_reason reason)
{
	struct bridge *bridge = arg;

	bridge->ended++;
	bridge->reason = reason;
}

static const struct relay_events events = {.on_half_closed = on_half_closed, .on_ended = on_ended};

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

static void bridge_open(struct bridge *bridge)
{
	struct relay_end client = {.fd = -1};
	struct relay_end backend = {.fd = -1};

	memset(bridge, 0, sizeof(*bridge));
	tcp_pair(&bridge->client_end, &client.fd);
	tcp_pair(&bridge->backend_end, &backend.fd);
	bridge->backend_fd = backend.fd;
	bridge->relay = relay_splice.start(&context, &client, &backend, &events, bridge);
	ck_assert_ptr_nonnull(bridge->relay);
	ck_assert_int_eq(client.fd, -1);
	ck_assert_int_eq(backend.fd, -1);
}

static void bridge_close(struct bridge *bridge)
{
	struct relay_end client;
	struct relay_end backend;

	relay_stop(bridge->relay, &client, &backend);
	if (client.undelivered != NULL)
		evbuffer_free(client.undelivered);
	if (backend.undelivered != NULL)
		evbuffer_free(backend.undelivered);
	close(client.fd);
	close(backend.fd);
	close(bridge->client_end);
	close(bridge->backend_end);
}

static uint64_t moved_up(const struct bridge *bridge)
{
	struct relay_progress progress;

	relay_measure(bridge->relay, &progress);
	return progress.bytes[RELAY_UP];
}

/* Send what the kernel takes; returns how much that was. */
static uint64_t fill(int fd)
{
	uint64_t filled = 0;
	ssize_t sent;

	while ((sent = send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL)) > 0)
		filled += (uint64_t)sent;
	return filled;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * Until the other end's kernel has all that was sent. The kernel may leave packets of loopback to a
 * thread of its own, which waits for the processor.
 */
static void await_acknowledged(int fd)
{
	const int64_t deadline = now_ms() + PATIENCE_MS;
	int unacknowledged = 1;

	while (unacknowledged > 0) {
		ck_assert_int_lt(now_ms(), deadline);
		ck_assert_int_eq(ioctl(fd, SIOCOUTQ, &unacknowledged), 0);
	}
}

static void setup(void)
{
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(relay_context_init(&context, base), 0);
}

static void teardown(void)
{
	relay_context_fini(&context);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
}

START_TEST(a_bulk_stream_gives_others_their_turn)
{
	struct bridge bulk;
	struct bridge chat;
	struct pollfd pollfd = {.events = POLLIN};
	char bytes[8];
	uint64_t filled = 0;

	bridge_open(&bulk);
	bridge_open(&chat);
	pollfd.fd = chat.backend_end;
	/* The present state is what the loop tells first. */
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	for (int round = 0; round < 20; round++) {
		uint64_t before = moved_up(&bulk);

		filled += fill(bulk.client_end);
		ck_assert_int_eq(send(chat.client_end, "ping", 4, 0), 4);
		await_acknowledged(chat.client_end);
		(void)event_base_loop(base, EVLOOP_ONCE);
		ck_assert_int_eq(poll(&pollfd, 1, PATIENCE_MS), 1);
		ck_assert_int_eq(recv(chat.backend_end, bytes, sizeof(bytes), 0), 4);
		ck_assert_uint_le(moved_up(&bulk) - before, TURN_MAX);
	}
	/* There was more to move than a turn. */
	ck_assert_uint_gt(filled, 2 * TURN_MAX);
	bridge_close(&bulk);
	bridge_close(&chat);
}
END_TEST

START_TEST(a_turn_that_is_over_comes_again)
{
	struct bridge bulk;
	const int64_t deadline = now_ms() + PATIENCE_MS;
	uint64_t filled;
	uint64_t received = 0;

	bridge_open(&bulk);
	filled = fill(bulk.client_end);
	shutdown(bulk.client_end, SHUT_WR);
	while (received < filled && now_ms() < deadline) {
		ssize_t got;

		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		while ((got = recv(bulk.backend_end, zeros, sizeof(zeros), 0)) > 0)
			received += (uint64_t)got;
	}
	ck_assert_uint_eq(received, filled);
	ck_assert_uint_eq(moved_up(&bulk), filled);
	bridge_close(&bulk);
}
END_TEST

/* Move until nobody takes any more. Returns how much was sent. */
static uint64_t fill_bridge(struct bridge *bridge)
{
	uint64_t filled = 0;
	int quiet = 0;

	while (quiet < 500) {
		uint64_t taken = fill(bridge->client_end);
		uint64_t moved = moved_up(bridge);

		filled += taken;
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		quiet = taken == 0 && moved_up(bridge) == moved ? quiet + 1 : 0;
		usleep(1000);
	}
	return filled;
}

/* What stands in a socket only grows old, and with a slow receiver by seconds. */
START_TEST(little_waits_unsent_for_a_slow_receiver)
{
	const int64_t deadline = now_ms() + PATIENCE_MS;
	struct bridge bulk;
	uint64_t filled;
	uint64_t received = 0;
	int unsent = 0;

	bridge_open(&bulk);
	filled = fill_bridge(&bulk);
	ck_assert_int_eq(ioctl(bulk.backend_fd, SIOCOUTQNSD, &unsent), 0);
	ck_assert_int_gt(unsent, 0);
	ck_assert_int_le(unsent, UNSENT_MAX);
	/* And all of it comes when the receiver takes it. */
	while (received < filled && now_ms() < deadline) {
		ssize_t got = recv(bulk.backend_end, zeros, sizeof(zeros), 0);

		received += got > 0 ? (uint64_t)got : 0;
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	}
	ck_assert_uint_eq(received, filled);
	bridge_close(&bulk);
}
END_TEST

START_TEST(what_was_not_delivered_is_given_back)
{
	struct bridge bulk;
	struct relay_end client;
	struct relay_end backend;
	uint64_t filled;
	uint64_t read;
	ssize_t got;

	bridge_open(&bulk);
	/* So that the relay holds some itself. */
	filled = fill_bridge(&bulk);
	read = moved_up(&bulk);
	relay_stop(bulk.relay, &client, &backend);
	ck_assert_ptr_null(client.undelivered);
	ck_assert_ptr_nonnull(backend.undelivered);
	read += evbuffer_get_length(backend.undelivered);
	/* The rest is where it was. */
	while ((got = recv(client.fd, zeros, sizeof(zeros), 0)) > 0)
		read += (uint64_t)got;
	while (read < filled) {
		got = recv(client.fd, zeros, sizeof(zeros), 0);
		if (got > 0)
			read += (uint64_t)got;
	}
	ck_assert_uint_eq(read, filled);
	evbuffer_free(backend.undelivered);
	close(client.fd);
	close(backend.fd);
	close(bulk.client_end);
	close(bulk.backend_end);
}
END_TEST

/* The receiver's kernel is full before the relay begins. */
START_TEST(an_urgent_byte_that_waits_stays_urgent)
{
	struct bridge bridge;
	struct relay_end client = {.fd = -1};
	struct relay_end backend = {.fd = -1, .urgent = true};
	uint64_t filled;
	char byte = 0;
	int at_mark = 0;

	tcp_pair(&bridge.client_end, &client.fd);
	tcp_pair(&bridge.backend_end, &backend.fd);
	filled = fill(backend.fd);
	backend.undelivered = evbuffer_new();
	ck_assert_int_eq(evbuffer_add(backend.undelivered, "!", 1), 0);
	bridge.relay = relay_splice.start(&context, &client, &backend, &events, &bridge);
	ck_assert_ptr_nonnull(bridge.relay);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	relay_stop(bridge.relay, &client, &backend);
	ck_assert(backend.urgent);
	ck_assert(!backend.lost);
	ck_assert_uint_eq(evbuffer_get_length(backend.undelivered), 1);
	ck_assert_uint_eq(backend.delivered, 0);
	bridge.relay = relay_splice.start(&context, &client, &backend, &events, &bridge);
	ck_assert_ptr_nonnull(bridge.relay);
	while (filled > 0) {
		ssize_t got = recv(bridge.backend_end, zeros, sizeof(zeros), 0);

		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		filled -= got > 0 ? (uint64_t)got : 0;
	}
	while (at_mark == 0 || recv(bridge.backend_end, &byte, 1, MSG_OOB) != 1) {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_int_eq(ioctl(bridge.backend_end, SIOCATMARK, &at_mark), 0);
	}
	ck_assert_int_eq(byte, '!');
	ck_assert_uint_eq(moved_up(&bridge), 1);
	bridge_close(&bridge);
}
END_TEST

START_TEST(the_end_comes_when_both_sides_have_finished)
{
	const int64_t deadline = now_ms() + PATIENCE_MS;
	struct bridge bridge;

	bridge_open(&bridge);
	shutdown(bridge.client_end, SHUT_WR);
	for (int pass = 0; pass < 100; pass++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(bridge.ended, 0);
	shutdown(bridge.backend_end, SHUT_WR);
	while (bridge.ended == 0 && now_ms() < deadline)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(bridge.ended, 1);
	ck_assert_int_eq(bridge.reason, REASON_DONE);
	bridge_close(&bridge);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("relay_splice");
	TCase *relay = tcase_create("relay");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, relay);
	tcase_add_checked_fixture(relay, setup, teardown);
	tcase_set_timeout(relay, 30);
	tcase_add_test(relay, a_bulk_stream_gives_others_their_turn);
	tcase_add_test(relay, a_turn_that_is_over_comes_again);
	tcase_add_test(relay, little_waits_unsent_for_a_slow_receiver);
	tcase_add_test(relay, what_was_not_delivered_is_given_back);
	tcase_add_test(relay, an_urgent_byte_that_waits_stays_urgent);
	tcase_add_test(relay, the_end_comes_when_both_sides_have_finished);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
