/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of tcp/reset: what is held, for how long, and whose place it keeps. */
#include "tcp/reset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

/* Held at one time in these tests. */
#define HELD_MAX 3

#define PATIENCE_MS 20000

/* A connection with bytes on their way to a peer that does not read. */
struct pair {
	int ours;
	int peers;
};

static struct event_base *base;
static struct reset_list list;
static struct conf_listener block = {.max_connections = 100};
static struct ledger ledger;
static struct service service = {.refs = 1, .conf = &block, .ledger = &ledger};
static struct client_place *client_place; /* NULL: none */
static unsigned emptied;

static void on_empty(void *arg)
{
	(void)arg;
	emptied++;
}

static void pair_open(struct pair *pair)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	const int small = 4096;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	pair->ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(pair->ours, (struct sockaddr *)&address, len), 0);
	pair->peers = accept(listener, NULL, NULL);
	ck_assert_int_ge(pair->peers, 0);
	ck_assert_int_eq(fcntl(pair->ours, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(pair->peers, F_SETFL, O_NONBLOCK), 0);
	close(listener);
}

static void fill(const struct pair *pair)
{
	static char zeros[65536];

	while (send(pair->ours, zeros, sizeof(zeros), MSG_NOSIGNAL) > 0)
		continue;
}

/*
 * Whether the peer hears of the reset within this time; reads what came before it. The kernel may
 * leave a packet of loopback to a thread of its own, which waits for the processor.
 */
static bool is_reset(const struct pair *pair, int ms)
{
	struct pollfd pollfd = {.fd = pair->peers, .events = POLLIN};
	char bytes[65536];
	ssize_t got;

	do
		got = recv(pair->peers, bytes, sizeof(bytes), 0);
	while (got > 0 || (got < 0 && errno == EAGAIN && poll(&pollfd, 1, ms) > 0));
	return got < 0 && errno == ECONNRESET;
}

static unsigned active(void)
{
	return ledger_active(&ledger);
}

/* Whether it is held. */
static bool take(const struct pair *pair)
{
	reset_take(&list, pair->ours, false, 0, &service, client_place);
	/* Otherwise it is closed. */
	return fcntl(pair->ours, F_GETFD) >= 0;
}

static void setup(void)
{
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	emptied = 0;
	reset_list_init(&list, base, HELD_MAX, on_empty, NULL);
	ck_assert(reset_list_is_empty(&list));
}

static void teardown(void)
{
	reset_list_fini(&list);
	ck_assert_uint_eq(active(), 0);
	event_base_free(base);
}

START_TEST(what_is_acknowledged_is_reset_at_once)
{
	struct pair pair;

	pair_open(&pair);
	ck_assert(!take(&pair));
	ck_assert(is_reset(&pair, PATIENCE_MS));
	ck_assert(reset_list_is_empty(&list));
	close(pair.peers);
}
END_TEST

/* Its SYN was never acknowledged, and never will be. */
START_TEST(what_was_refused_is_not_held)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int closed = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pair pair = {.ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
	int error;

	/* Nobody listens on a port that is only bound. */
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(closed, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(getsockname(closed, (struct sockaddr *)&address, &len), 0);
	ck_assert_int_lt(connect(pair.ours, (struct sockaddr *)&address, len), 0);
	/* The dial has been told of it. */
	len = sizeof(error);
	ck_assert_int_eq(getsockopt(pair.ours, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	ck_assert(!take(&pair));
	ck_assert_uint_eq(active(), 0);
	close(closed);
}
END_TEST

START_TEST(what_is_held_keeps_its_place_until_it_is_over)
{
	struct pair pair;

	pair_open(&pair);
	fill(&pair);
	ck_assert(take(&pair));
	ck_assert_uint_eq(active(), 1);
	ck_assert(!reset_list_is_empty(&list));
	/* Ends when no timer is left, though the peer never reads. */
	(void)event_base_dispatch(base);
	ck_assert_uint_eq(active(), 0);
	ck_assert_uint_eq(emptied, 1);
	ck_assert(is_reset(&pair, PATIENCE_MS));
	close(pair.peers);
}
END_TEST

/* The client's place is left by the session at once, and held on to by the reset. */
START_TEST(what_is_held_counts_for_its_client)
{
	const struct client_rule rule = {.connections = 1};
	struct client_limits *clients = client_limits_new();
	struct client_place *second;
	struct addr client;
	struct pair pair;

	ck_assert_ptr_nonnull(clients);
	ck_assert_int_eq(addr_parse(&client, "203.0.113.7:40000"), 0);
	ck_assert_int_eq(client_limits_enter(clients, &client, &rule, 0, &client_place),
			 REASON_DONE);
	pair_open(&pair);
	fill(&pair);
	ck_assert(take(&pair));
	client_limits_leave(client_place, 0);
	ck_assert_int_eq(client_limits_enter(clients, &client, &rule, 0, &second),
			 REASON_CLIENT_LIMIT);
	(void)event_base_dispatch(base);
	ck_assert_uint_eq(client_limits_count(clients), 0);
	close(pair.peers);
	/* What is closed at once holds on to nothing. */
	ck_assert_int_eq(client_limits_enter(clients, &client, &rule, 0, &client_place),
			 REASON_DONE);
	pair_open(&pair);
	ck_assert(!take(&pair));
	client_limits_leave(client_place, 0);
	ck_assert_uint_eq(client_limits_count(clients), 0);
	close(pair.peers);
	client_limits_free(clients);
	client_place = NULL;
}
END_TEST

START_TEST(beyond_the_limit_the_oldest_goes_at_once)
{
	struct pair pairs[HELD_MAX + 2];

	for (size_t i = 0; i < HELD_MAX + 2; i++) {
		pair_open(&pairs[i]);
		fill(&pairs[i]);
		ck_assert(take(&pairs[i]));
	}
	ck_assert_uint_eq(active(), HELD_MAX);
	for (size_t i = 0; i < HELD_MAX + 2; i++)
		ck_assert(is_reset(&pairs[i], i < 2 ? PATIENCE_MS : 0) == (i < 2));
	for (size_t i = 0; i < HELD_MAX + 2; i++)
		close(pairs[i].peers);
}
END_TEST

START_TEST(what_is_left_at_the_end_is_reset)
{
	struct pair pair;

	pair_open(&pair);
	fill(&pair);
	ck_assert(take(&pair));
	reset_list_fini(&list);
	ck_assert_uint_eq(active(), 0);
	ck_assert(is_reset(&pair, PATIENCE_MS));
	close(pair.peers);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reset");
	TCase *resets = tcase_create("resets");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, resets);
	tcase_add_checked_fixture(resets, setup, teardown);
	tcase_set_timeout(resets, 30);
	tcase_add_test(resets, what_is_acknowledged_is_reset_at_once);
	tcase_add_test(resets, what_was_refused_is_not_held);
	tcase_add_test(resets, what_is_held_keeps_its_place_until_it_is_over);
	tcase_add_test(resets, what_is_held_counts_for_its_client);
	tcase_add_test(resets, beyond_the_limit_the_oldest_goes_at_once);
	tcase_add_test(resets, what_is_left_at_the_end_is_reset);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
