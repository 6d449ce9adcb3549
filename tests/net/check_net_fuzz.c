/* SPDX-License-Identifier: BSD-2-Clause */
/* Thousands of random and mutated headers: the daemon lives on and keeps no descriptor. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "busy_backend.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "sender.h"
#include "stream.h"

#define ATTEMPTS 4000

static struct sender_header header;
static uint32_t seed;

static uint32_t random_below(uint32_t limit)
{
	return stream_random(&seed) % limit;
}

static void make_valid(void)
{
	char client[64];

	snprintf(client, sizeof(client),
		 random_below(2) == 0 ? "203.0.113.%u:%u" : "[2001:db8::%x]:%u",
		 1 + random_below(250), random_below(65536));
	if (random_below(2) == 0) {
		sender_v1(&header, client, NULL);
		return;
	}
	sender_v2(&header, client, NULL);
	for (uint32_t i = random_below(4); i > 0; i--)
		sender_tlv(&header, (uint8_t)random_below(256), stream_at(i, random_below(1000)),
			   random_below(100));
	if (random_below(2) == 0)
		sender_crc(&header);
}

static void mutate(void)
{
	for (uint32_t i = random_below(4); i > 0 && header.len > 1; i--) {
		size_t at = random_below((uint32_t)header.len);

		switch (random_below(4)) {
		case 0:
			header.bytes[at] = (uint8_t)random_below(256);
			break;
		case 1:
			header.bytes[at] ^= (uint8_t)(1u << random_below(8));
			break;
		case 2: /* a byte more */
			memmove(header.bytes + at + 1, header.bytes + at, header.len - at);
			header.len++;
			break;
		default: /* a byte less */
			memmove(header.bytes + at, header.bytes + at + 1, header.len - at - 1);
			header.len--;
			break;
		}
	}
}

static void make_noise(void)
{
	header.len = 1 + random_below(600);
	memcpy(header.bytes, stream_at(random_below(1000), 0), header.len);
	/* Half of it begins like a header. */
	if (random_below(2) == 0)
		memcpy(header.bytes, "PROXY TCP4 ", header.len < 11 ? header.len : 11);
}

/* What the peer does after it has sent: stay a moment, finish, leave, reset. */
static void part(int fd)
{
	switch (random_below(4)) {
	case 0:
		if (random_below(8) == 0)
			harness_sleep_ms(1);
		peer_close(fd);
		break;
	case 1:
		shutdown(fd, SHUT_WR);
		peer_close(fd);
		break;
	case 2:
		peer_close(fd);
		break;
	default:
		peer_reset(fd);
		break;
	}
}

static void attempt(void)
{
	/* mmproxy may refuse it while it is still being sent. */
	int fd = peer_connect("127.0.0.1:0", LISTEN_V4);
	size_t cut;

	if (random_below(4) == 0)
		make_noise();
	else
		make_valid();
	mutate();
	cut = random_below(3) == 0 ? random_below((uint32_t)header.len + 1) : header.len;
	if (send(fd, header.bytes, cut, MSG_NOSIGNAL) >= 0 && cut < header.len &&
	    random_below(2) == 0)
		(void)!send(fd, header.bytes + cut, header.len - cut, MSG_NOSIGNAL);
	part(fd);
}

START_TEST(garbage_ends_nothing_and_leaves_nothing)
{
	int backend = peer_listen(BACKEND_V4);
	int attempts = ATTEMPTS;
	unsigned fds;

	seed = 0x2545F491u + (uint32_t)_i;
	busy_backend_start(backend, BUSY_ECHO);
	if (netns_has_ipv6())
		busy_backend_start(peer_listen(BACKEND_V6), BUSY_SINK);
	daemon_start("header_timeout = \"500ms\"; half_close_timeout = \"500ms\"; "
		     "source_port = \"fallback\";");
	fds = daemon_fd_count();
	if (daemon_is_instrumented())
		attempts /= 4;
	for (int i = 0; i < attempts; i++)
		attempt();
	daemon_await_fd_count(fds);
	daemon_assert_alive();
	sender_text(&header, "no header\r\n");
	peer_expect_closed(sender_open(&header));
}
END_TEST

static Suite *fuzz_suite(void)
{
	Suite *suite = suite_create("net_fuzz");
	TCase *fuzz = harness_case(suite, "fuzz", 120);

	tcase_add_loop_test(fuzz, garbage_ends_nothing_and_leaves_nothing, 0, 2);
	return suite;
}

int main(void)
{
	return harness_run(fuzz_suite());
}
