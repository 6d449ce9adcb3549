/* SPDX-License-Identifier: BSD-2-Clause */
/* A load balancer behind a link that is slower than the backend, and a backend behind such a link.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "admin.h"
#include "balancer.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "udp.h"
#include "udp_table.h"

/* The listener's own address, one that a TPROXY rule catches, and a load balancer far away. */
#define OWN	  "10.9.0.1:7000"
#define ELSEWHERE "198.51.100.9:443"
#define FAR	  "10.9.0.2:5000"

/* Flows, and answers of each: what waits has room in the flows' own buffers. */
#define CLIENTS	   100
#define ANSWERS	   120
#define ANSWER_LEN 1000

/* Of Ethernet, IPv4 and UDP. */
#define ANSWER_HEADERS (14 + 20 + 8)

/* More than any socket's buffer holds of datagrams that long. */
#define QUESTIONS_MAX 100000

#define CONGESTION "mmproxy_udp_dropped_total{listener=\"t\",reason=\"congestion\"}"

/* The port of all clients. */
#define CLIENT_PORT 40000

/* 12,000 answers take two seconds, and a socket's buffer holds but some of them. */
#define SLOW "rate 50mbit burst 20kb limit 100mb"

/* Not in a test's time. */
#define STUCK "rate 8kbit burst 3000 limit 100mb"

/* False where the kernel lacks what it takes. */
static bool make_veth(const char *shape)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "{ ip link add v0 type veth peer name v1 && ip link set v0 up"
		 " && ip link set v1 up && ip address add 10.9.0.1/24 dev v0"
		 " && ip neighbour add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent"
		 " && tc qdisc add dev v0 root tbf %s; } 2>/dev/null",
		 shape);
	if (system(command) == 0)
		return true;
	printf("skipped: this kernel lacks veth or tbf\n");
	return false;
}

/* The load balancer is far away, and the daemon waits for it. */
static bool make_link(const char *shape)
{
	static const char command[] =
	    "{ nft add table inet probe"
	    " && nft add chain inet probe p '{ type filter hook prerouting priority -150; }'"
	    " && nft add rule inet probe p ip daddr 198.51.100.0/24 udp dport 443"
	    " tproxy ip to " OWN " && ip route add local 198.51.100.0/24 dev lo; } 2>/dev/null";

	if (!make_veth(shape))
		return false;
	if (system(command) != 0) {
		printf("skipped: this kernel lacks TPROXY rules\n");
		return false;
	}
	daemon_start_udp("listen = \"" OWN "\"; listen_transparent = true;");
	return true;
}

/* The far load balancer's datagrams begin here, so that only what goes to it meets the link. */
static int open_far(void)
{
	int fd = peer_adopt(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	struct addr addr = peer_addr(FAR);
	const int one = 1;

	ck_assert_int_eq(setsockopt(fd, SOL_IP, IP_TRANSPARENT, &one, sizeof(one)), 0);
	ck_assert_int_eq(bind(fd, &addr.sa, addr_len(&addr)), 0);
	return fd;
}

static const char *client_of(unsigned number)
{
	static char client[64];

	snprintf(client, sizeof(client), "203.0.113.%u:%u", 1 + number, CLIENT_PORT);
	return client;
}

/* Flows of clients that came by this address of mmproxy's, and many answers for each. */
static void answer_all(int far, int backend, const char *listener)
{
	static const uint8_t answer[ANSWER_LEN];
	static struct sender_header header;

	for (unsigned i = 0; i < CLIENTS; i++) {
		sender_v2_udp(&header, client_of(i), NULL);
		balancer_send_header(far, listener, &header, "question", 8);
		udp_expect_text(backend, client_of(i), "question");
	}
	for (unsigned j = 0; j < ANSWERS; j++)
		for (unsigned i = 0; i < CLIENTS; i++)
			udp_send(backend, client_of(i), answer, sizeof(answer));
}

/*
 * How many answers came out at the link's other end, by their bytes in /proc/net/dev (proc(5)):
 * several that mmproxy has joined may cross a veth as one packet.
 */
static unsigned long arrived(void)
{
	char *text = harness_read("/proc/net/dev");
	const char *at = strstr(text, "v1:");
	unsigned long bytes = 0;

	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(sscanf(at, "v1: %lu", &bytes), 1);
	free(text);
	return bytes / (ANSWER_LEN + ANSWER_HEADERS);
}

START_TEST(a_slow_link_loses_little)
{
	static const char *const listeners[] = {OWN, ELSEWHERE};
	int backend = udp_open(BACKEND_V4);

	if (!make_link(SLOW))
		return;
	answer_all(open_far(), backend, listeners[_i]);
	/* Each time that a buffer is full, a batch is lost. */
	HARNESS_AWAIT(arrived() >= CLIENTS * ANSWERS * 9 / 10);
}
END_TEST

/* Whether another flow is served, again and again, while what waits in the stuck ones stays there.
 */
static bool goes_past(int balancer, const char *listener, int backend)
{
	unsigned long queued = udp_table_queued(CLIENT_PORT);

	for (unsigned i = 0; i < 20; i++)
		balancer_check_at(balancer, listener, backend, "203.0.113.200:50000");
	return udp_table_queued(CLIENT_PORT) == queued;
}

/* A socket whose buffer stays full holds up its own flows only. */
START_TEST(a_link_that_is_stuck_stops_no_other)
{
	static const char *const listeners[] = {OWN, ELSEWHERE};
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();

	if (!make_link(STUCK))
		return;
	balancer_check_at(balancer, listeners[1 - _i], backend, "203.0.113.200:50000");
	answer_all(open_far(), backend, listeners[_i]);
	/* At first the stuck socket's buffer takes some of what waits. */
	HARNESS_AWAIT(goes_past(balancer, listeners[1 - _i], backend));
	ck_assert_uint_gt(udp_table_queued(CLIENT_PORT), 0);
	/* A client that comes another way is answered that way. */
	balancer_check_at(balancer, listeners[1 - _i], backend, "203.0.113.201:50000");
}
END_TEST

/* A flow that waits for a full socket goes on when its client comes by another. */
START_TEST(a_flow_goes_on_another_way)
{
	int backend = udp_open(BACKEND_V4);
	int balancer = balancer_open();
	static struct sender_header header;
	unsigned long before;

	if (!make_link(STUCK))
		return;
	answer_all(open_far(), backend, ELSEWHERE);
	HARNESS_AWAIT(udp_table_queued(CLIENT_PORT) > 0);
	harness_sleep_ms(500);
	before = arrived();
	for (unsigned i = 0; i < CLIENTS; i++) {
		sender_v2_udp(&header, client_of(i), NULL);
		balancer_send_header(balancer, OWN, &header, "again", 5);
	}
	HARNESS_AWAIT(udp_table_queued(CLIENT_PORT) == 0);
	/* All of it went to the other one, but for what the link had taken already. */
	ck_assert_uint_gt(udp_drain(balancer, 200), 0);
	ck_assert_uint_le(arrived(), before + 100);
}
END_TEST

/* How many datagrams have been sent on or dropped for want of room. */
static uint64_t count_seen(void)
{
	return admin_metric("mmproxy_udp_datagrams_total{listener=\"t\",direction=\"up\"}") +
	       admin_metric(CONGESTION);
}

/* Towards the backend nothing waits but in the flow's own buffer. */
START_TEST(what_a_stuck_backend_does_not_take_is_counted)
{
	static const uint8_t question[ANSWER_LEN];
	int balancer = balancer_open();
	unsigned sent = 0;

	if (!make_veth(STUCK))
		return;
	admin_start("udp", "targets = { ipv4 = \"10.9.0.2:8000\"; };");
	ck_assert_uint_eq(admin_metric(CONGESTION), 0);
	while (admin_metric(CONGESTION) == 0) {
		ck_assert_uint_lt(sent, QUESTIONS_MAX);
		for (int i = 0; i < 50; i++, sent++)
			balancer_send(balancer, BALANCER_CLIENT, question, sizeof(question));
		HARNESS_AWAIT(udp_table_queued(7000) == 0);
	}
	HARNESS_AWAIT(count_seen() == sent);
}
END_TEST

static Suite *udp_slow_link_suite(void)
{
	Suite *suite = suite_create("net_udp_slow_link");
	TCase *slow = harness_case(suite, "slow_link", 120);

	if (harness_has_tool("nft") && harness_has_tool("tc")) {
		tcase_add_loop_test(slow, a_slow_link_loses_little, 0, 2);
		tcase_add_loop_test(slow, a_link_that_is_stuck_stops_no_other, 0, 2);
		tcase_add_test(slow, a_flow_goes_on_another_way);
	}
	if (harness_has_tool("tc"))
		tcase_add_test(slow, what_a_stuck_backend_does_not_take_is_counted);
	return suite;
}

int main(void)
{
	return harness_run(udp_slow_link_suite());
}
