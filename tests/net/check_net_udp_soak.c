/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many flows at once, sizes and pace at random, load balancers that change their port and clients
 * that are replaced by new ones: every datagram arrives whole, in order and at the right place,
 * but for those that the kernel says it dropped from a full queue.
 *
 * MMPROXY_SOAK_SECONDS=60 makes a real soak of it, with 5,000 flows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

#define BALANCERS      16
#define FLOWS_SHORT    400
#define FLOWS_LONG     5000
#define SECONDS	       3
#define CLOSE_AFTER_MS 5000

/* Datagrams under way, and of one client: what the queues on the way have room for. */
#define UNDER_WAY_MAX	     1000
#define UNDER_WAY_CLIENT_MAX 4

/* Of clients: not the backend's own, which is bound on every address here. */
#define FIRST_PORT 10000
#define PORTS	   50000

/* A client is replaced by a new one after so many datagrams, on average. */
#define LIFE 200

/* What the daemon may have in memory: buffers of two workers and less than 1 KiB a flow. */
#define MEMORY_MAX_KB (64 * 1024)

struct payload {
	uint32_t client;
	uint32_t number;
};

struct client {
	char address[48];
	int balancer;	   /* whose socket it comes by */
	uint32_t sent;	   /* number of the latest datagram */
	uint32_t since;	   /* of the first that came by this socket */
	uint32_t up, down; /* of the latest that arrived */
	unsigned under_way;
	int64_t sent_ms;
};

struct soak {
	int backend;
	int balancers[BALANCERS];
	struct client *clients;
	unsigned clients_count;
	unsigned addresses; /* used up so far */
	unsigned under_way;
	uint64_t sent_up, got_up, sent_down, got_down;
	int64_t lost_after_ms;
	uint32_t random;
};

static uint8_t bytes[65536];

static unsigned draw(struct soak *soak, unsigned below)
{
	soak->random = soak->random * 1664525U + 1013904223U;
	return (soak->random >> 8) % below;
}

/* Mostly as games and DNS have them, some as long as a packet, few longer than that. */
static size_t draw_size(struct soak *soak)
{
	unsigned kind = draw(soak, 100);
	unsigned most = kind < 70 ? 200 : kind < 97 ? 1400 : kind < 99 ? 9000 : 40000;

	return sizeof(struct payload) + draw(soak, most);
}

static void write_payload(const struct payload *payload, size_t len)
{
	udp_fill(bytes, len, payload->client * 31 + payload->number);
	memcpy(bytes, payload, sizeof(*payload));
}

/* Read a payload and see that all its bytes are those that were sent. */
static struct payload read_payload(const struct soak *soak, const struct udp_datagram *datagram)
{
	struct payload payload;

	ck_assert_uint_ge(datagram->len, sizeof(payload));
	memcpy(&payload, datagram->bytes, sizeof(payload));
	ck_assert_uint_lt(payload.client, soak->clients_count);
	write_payload(&payload, datagram->len);
	ck_assert_int_eq(memcmp(datagram->bytes, bytes, datagram->len), 0);
	return payload;
}

static void replace_client(struct soak *soak, struct client *client)
{
	unsigned number = soak->addresses++;
	unsigned port = FIRST_PORT + number % PORTS;

	if (number % 3 == 2 && netns_has_ipv6())
		snprintf(client->address, sizeof(client->address), "[2001:db8::%x]:%u",
			 1 + number / PORTS, port);
	else
		snprintf(client->address, sizeof(client->address), "203.0.113.%u:%u",
			 1 + number / PORTS, port);
}

static void move_client(struct soak *soak, struct client *client)
{
	if (draw(soak, LIFE) == 0)
		replace_client(soak, client);
	if (draw(soak, 10) == 0)
		client->balancer = (int)draw(soak, BALANCERS);
	client->since = client->sent + 1;
}

static void send_up(struct soak *soak)
{
	unsigned index = draw(soak, soak->clients_count);
	struct client *client = &soak->clients[index];
	struct payload payload = {.client = index};
	size_t len = draw_size(soak);

	if (client->under_way > 0 && harness_now_ms() - client->sent_ms > soak->lost_after_ms) {
		soak->under_way -= client->under_way;
		client->under_way = 0;
	}
	if (client->under_way >= UNDER_WAY_CLIENT_MAX)
		return;
	if (client->under_way == 0)
		move_client(soak, client);
	payload.number = ++client->sent;
	client->under_way++;
	client->sent_ms = harness_now_ms();
	soak->under_way++;
	soak->sent_up++;
	write_payload(&payload, len);
	balancer_send(soak->balancers[client->balancer], client->address, bytes, len);
}

static bool take_up(struct soak *soak)
{
	const struct udp_datagram *datagram = udp_receive_within(soak->backend, 0);
	char from[ADDR_STRLEN];
	struct payload payload;
	struct client *client;
	struct addr to;
	size_t len;

	if (datagram == NULL)
		return false;
	payload = read_payload(soak, datagram);
	client = &soak->clients[payload.client];
	soak->got_up++;
	/* What was given up may come late, and from the client before this one. */
	if (payload.number >= client->since) {
		ck_assert_str_eq(addr_format(&datagram->from, from), client->address);
		ck_assert_uint_gt(payload.number, client->up);
		client->up = payload.number;
	}
	to = datagram->from;
	len = draw_size(soak);
	write_payload(&payload, len);
	udp_send_addr(soak->backend, &to, bytes, len);
	soak->sent_down++;
	return true;
}

static bool take_down(struct soak *soak, int index)
{
	const struct udp_datagram *datagram = udp_receive_within(soak->balancers[index], 0);
	char from[ADDR_STRLEN];
	struct payload payload;
	struct client *client;

	if (datagram == NULL)
		return false;
	payload = read_payload(soak, datagram);
	client = &soak->clients[payload.client];
	soak->got_down++;
	ck_assert_str_eq(addr_format(&datagram->from, from), LISTEN_V4);
	if (payload.number >= client->since) {
		ck_assert_uint_gt(payload.number, client->down);
		client->down = payload.number;
		ck_assert_int_eq(index, client->balancer);
		ck_assert_uint_gt(client->under_way, 0);
		client->under_way--;
		soak->under_way--;
	}
	return true;
}

/* Take what is there; true if that was anything. */
static bool take_all(struct soak *soak)
{
	bool any = false;

	while (take_up(soak))
		any = true;
	for (int i = 0; i < BALANCERS; i++)
		while (take_down(soak, i))
			any = true;
	return any;
}

static void run(struct soak *soak, int64_t until)
{
	while (harness_now_ms() < until) {
		unsigned burst = 1 + draw(soak, 64);

		while (burst-- > 0 && soak->under_way < UNDER_WAY_MAX)
			send_up(soak);
		if (!take_all(soak) || draw(soak, 8) == 0)
			harness_sleep_ms((int)draw(soak, 3));
	}
}

/* Until everything has come, or nothing comes any more. */
static void finish(struct soak *soak)
{
	int64_t quiet = harness_now_ms();

	while (soak->got_up < soak->sent_up || soak->got_down < soak->sent_down) {
		if (take_all(soak))
			quiet = harness_now_ms();
		if (harness_now_ms() - quiet > soak->lost_after_ms)
			return;
		harness_sleep_ms(1);
	}
}

static int soak_seconds(void)
{
	const char *text = getenv("MMPROXY_SOAK_SECONDS");
	int seconds = text != NULL ? (int)strtol(text, NULL, 10) : 0;

	return seconds > 0 ? seconds : SECONDS;
}

static unsigned flows_count(void)
{
	unsigned count = soak_seconds() > SECONDS ? FLOWS_LONG : FLOWS_SHORT;
	struct rlimit limit;

	/* A flow is a descriptor of the daemon's, and some are those of clients that have gone. */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < 2 * count + 100)
		count = (unsigned)(limit.rlim_max - 100) / 2;
	return count;
}

static void check_loss(const struct soak *soak, unsigned long dropped)
{
	uint64_t lost = soak->sent_up - soak->got_up + soak->sent_down - soak->got_down;

	printf("%llu datagrams up, %llu did not come; %llu down, %llu did not come; "
	       "%lu dropped by the kernel; %u clients\n",
	       (unsigned long long)soak->sent_up,
	       (unsigned long long)(soak->sent_up - soak->got_up),
	       (unsigned long long)soak->sent_down,
	       (unsigned long long)(soak->sent_down - soak->got_down), dropped, soak->addresses);
	fflush(stdout);
	ck_assert_uint_gt(soak->got_down, 0);
	ck_assert_msg(lost <= dropped, "%llu were lost, and the kernel dropped but %lu",
		      (unsigned long long)lost, dropped);
}

START_TEST(nothing_is_lost_but_by_the_kernel)
{
	static struct soak soak = {.random = 1};
	unsigned long dropped;
	char keys[128];
	unsigned fds;

	soak.backend = udp_open(netns_has_ipv6() ? "[::]:8000" : "0.0.0.0:8000");
	/* A backend of both families, so on no address: it answers from those of loopback. */
	harness_shell("ip route add local 203.0.113.0/24 dev lo src 127.0.0.1");
	if (netns_has_ipv6())
		harness_shell("ip -6 route add local 2001:db8::/64 dev lo src ::1");
	for (int i = 0; i < BALANCERS; i++)
		soak.balancers[i] = balancer_open();
	soak.lost_after_ms = (int64_t)(3000 * harness_slowness());
	soak.clients_count = flows_count();
	soak.clients = calloc(soak.clients_count, sizeof(*soak.clients));
	ck_assert_ptr_nonnull(soak.clients);
	for (unsigned i = 0; i < soak.clients_count; i++)
		replace_client(&soak, &soak.clients[i]);
	snprintf(keys, sizeof(keys), "close_after = \"%dms\";",
		 (int)(CLOSE_AFTER_MS * harness_slowness()));
	daemon_start_udp_workers(2, keys);
	fds = daemon_fd_count();
	dropped = udp_table_dropped();
	run(&soak, harness_now_ms() + 1000 * soak_seconds());
	finish(&soak);
	check_loss(&soak, udp_table_dropped() - dropped);
	if (!daemon_is_instrumented())
		ck_assert_uint_lt(daemon_rss_peak_kb(), MEMORY_MAX_KB);
	HARNESS_AWAIT(udp_table_connected_to(8000) == 0);
	daemon_await_fd_count(fds);
	free(soak.clients);
}
END_TEST

static Suite *udp_soak_suite(void)
{
	Suite *suite = suite_create("net_udp_soak");
	TCase *soak = harness_case(suite, "soak", 60 + 3 * soak_seconds());

	tcase_add_test(soak, nothing_is_lost_but_by_the_kernel);
	return suite;
}

int main(void)
{
	return harness_run(udp_soak_suite());
}
