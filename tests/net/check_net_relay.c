/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes both ways: none is lost, added or changed, whatever the pace of either side. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "stream.h"

#define FLOWS	  200
#define CHUNK_MAX 16384

/* One end of a connection: what it sends is one stream, what it receives another. */
struct end {
	int fd;
	uint32_t stream_out;
	uint32_t stream_in;
	uint64_t out_len;
	uint64_t in_len;
	uint64_t sent;
	uint64_t received;
	int64_t rest_until; /* a pause in sending */
	int64_t deaf_until; /* and in reading */
	bool finished;	    /* the FIN is sent */
	bool ended;	    /* and the other one has come */
};

static struct end ends[FLOWS * 2];
static struct pollfd polls[FLOWS * 2];
static uint32_t seed;

static uint32_t random_below(uint32_t limit)
{
	return stream_random(&seed) % limit;
}

/* Mostly none, sometimes up to 20 ms. */
static int64_t random_pause(int64_t now)
{
	return random_below(8) == 0 ? now + random_below(20) : now;
}

static void send_some(struct end *end, int64_t now)
{
	uint64_t left = end->out_len - end->sent;
	size_t len = 1 + random_below(random_below(2) == 0 ? 64 : CHUNK_MAX);
	ssize_t sent;

	if (len > left)
		len = (size_t)left;
	sent =
	    len > 0 ? send(end->fd, stream_at(end->stream_out, end->sent), len, MSG_NOSIGNAL) : 0;
	ck_assert_msg(sent >= 0 || errno == EAGAIN, "send: %s", strerror(errno));
	if (sent > 0)
		end->sent += (uint64_t)sent;
	if (end->sent == end->out_len) {
		peer_finish(end->fd);
		end->finished = true;
	}
	end->rest_until = random_pause(now);
}

static void receive_some(struct end *end, int64_t now)
{
	uint8_t bytes[CHUNK_MAX];
	ssize_t got = recv(end->fd, bytes, 1 + random_below(CHUNK_MAX), 0);

	ck_assert_msg(got >= 0 || errno == EAGAIN, "recv: %s", strerror(errno));
	if (got == 0) {
		ck_assert_uint_eq(end->received, end->in_len);
		end->ended = true;
	} else if (got > 0) {
		ck_assert(stream_matches(end->stream_in, end->received, bytes, (size_t)got));
		end->received += (uint64_t)got;
		ck_assert_uint_le(end->received, end->in_len);
	}
	end->deaf_until = random_pause(now);
}

/* One pass over all ends. Returns how many are not done. */
static unsigned turn(unsigned count)
{
	int64_t now = harness_now_ms();
	unsigned busy = 0;

	for (unsigned i = 0; i < count; i++) {
		struct end *end = &ends[i];
		int events = 0;

		if (!end->finished && now >= end->rest_until)
			events |= POLLOUT;
		if (!end->ended && now >= end->deaf_until)
			events |= POLLIN;
		polls[i].fd = end->finished && end->ended ? -1 : end->fd;
		polls[i].events = (short)events;
		busy += polls[i].fd >= 0;
	}
	/* 1 ms: pauses end without an event. */
	ck_assert_int_ge(poll(polls, count, 1), 0);
	for (unsigned i = 0; i < count; i++) {
		if ((polls[i].events & POLLOUT) != 0 && (polls[i].revents & POLLOUT) != 0)
			send_some(&ends[i], now);
		if ((polls[i].events & POLLIN) != 0 &&
		    (polls[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
			receive_some(&ends[i], now);
	}
	return busy;
}

static void begin(unsigned flow, const struct connection *connection, uint32_t scale)
{
	struct end *client = &ends[flow * 2];
	struct end *backend = &ends[flow * 2 + 1];

	client->fd = connection->client;
	backend->fd = connection->backend;
	client->stream_out = backend->stream_in = flow * 2;
	backend->stream_out = client->stream_in = flow * 2 + 1;
	/* Some directions carry nothing at all. */
	client->out_len = backend->in_len =
	    random_below(10) == 0 ? 0 : random_below(400000 / scale);
	backend->out_len = client->in_len =
	    random_below(10) == 0 ? 0 : random_below(400000 / scale);
}

static void exchange(const char *config)
{
	int backend = peer_listen(BACKEND_V4);
	uint32_t scale;

	seed = 20260427;
	daemon_start_config(config);
	scale = daemon_is_instrumented() ? 10 : 1;
	for (unsigned i = 0; i < FLOWS; i++) {
		struct connection connection;
		char client[64];

		snprintf(client, sizeof(client), "203.0.113.%u:%u", 1 + i % 50, 20000 + i);
		connection_open(&connection, backend, client);
		begin(i, &connection, scale);
	}
	while (turn(FLOWS * 2) > 0)
		continue;
	HARNESS_AWAIT(daemon_log_count("reason=done", "info ") == FLOWS);
}

#define LISTENER \
	"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS " } );\n"

START_TEST(many_connections_keep_every_byte)
{
	exchange("workers = 1;\n" LISTENER);
}
END_TEST

START_TEST(two_workers_keep_every_byte)
{
	exchange("workers = 2;\n" LISTENER);
}
END_TEST

START_TEST(ipv6_keeps_every_byte)
{
	struct connection connection;
	int backend = peer_listen(BACKEND_V6);

	seed = 7;
	daemon_start("");
	connection_open(&connection, backend, "[2001:db8::7]:40000");
	begin(0, &connection, 1);
	while (turn(2) > 0)
		continue;
	daemon_log_await("reason=done", "client=[2001:db8::7]:40000", NULL);
}
END_TEST

START_TEST(bytes_are_counted)
{
	int backend = peer_listen(BACKEND_V4);
	struct connection connection;

	daemon_start("");
	connection_open(&connection, backend, CONNECTION_CLIENT);
	peer_send(connection.client, stream_at(1, 0), 12345);
	peer_expect(connection.backend, stream_at(1, 0), 12345);
	peer_send(connection.backend, stream_at(2, 0), 54321);
	peer_expect(connection.client, stream_at(2, 0), 54321);
	connection_finish(&connection);
	/* The header is not payload. */
	daemon_log_await("reason=done", " up=12345 ", " down=54321 ");
}
END_TEST

static Suite *relay_suite(void)
{
	Suite *suite = suite_create("net_relay");
	TCase *integrity = harness_case(suite, "integrity", 120);

	tcase_add_test(integrity, many_connections_keep_every_byte);
	tcase_add_test(integrity, two_workers_keep_every_byte);
	if (netns_has_ipv6())
		tcase_add_test(integrity, ipv6_keeps_every_byte);
	tcase_add_test(integrity, bytes_are_counted);
	return suite;
}

int main(void)
{
	return harness_run(relay_suite());
}
