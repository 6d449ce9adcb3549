/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel must not carry comes to user space as it was sent. */
#include "fastpath/fastpath.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fastpath_bed.h"
#include "harness.h"
#include "netns.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* Of IPv4 and IPv6, version 2 and SPP, over lo and a device. */
#define KINDS 8
#define LEN   100

static const struct bed_kind *kind_of(int i)
{
	static struct bed_kind kind;

	kind = (struct bed_kind){.v6 = i & 1, .spp = i & 2, .link = i & 4 ? BED_VETH : BED_LO};
	return &kind;
}

/* A bed with a flow that is carried, or false where that cannot be tested here. */
static bool set_up(struct bed *bed, int i)
{
	const struct bed_kind *kind = kind_of(i);

	if ((kind->v6 && !netns_has_ipv6()) || !bed_open(bed, kind))
		return false;
	bed_install(bed);
	return true;
}

static enum bed_end up(struct bed *bed)
{
	uint32_t seed = bed->seed++;

	bed_send(bed, seed, LEN);
	return bed_find_up(bed, seed, LEN, harness_patience_ms());
}

static enum bed_end down(struct bed *bed)
{
	return bed_answer(bed, bed->seed++, LEN, harness_patience_ms());
}

static void expect_carried(struct bed *bed)
{
	ck_assert_int_eq(up(bed), BED_TARGET);
	ck_assert_int_eq(down(bed), BED_BALANCER);
}

/* Whatever is sent to the listener by this socket comes to the listener, and nobody else. */
static void expect_untouched(struct bed *bed, int fd, const uint8_t *datagram, size_t len)
{
	struct pollfd polled = {.fd = bed->listening_fd, .events = POLLIN};
	static uint8_t got[65536];
	ssize_t got_len;

	fastpath_renew(bed->fastpath);
	ck_assert_int_eq(
	    sendto(fd, datagram, len, 0, &bed->flow.listening.sa, addr_len(&bed->flow.listening)),
	    (ssize_t)len);
	ck_assert_msg(poll(&polled, 1, harness_patience_ms()) == 1, "it came to nobody");
	got_len = recv(bed->listening_fd, got, sizeof(got), MSG_DONTWAIT);
	ck_assert_int_eq(got_len, (ssize_t)len);
	ck_assert_mem_eq(got, datagram, len);
	ck_assert_int_lt(recv(bed->target_fd, got, sizeof(got), MSG_DONTWAIT), 0);
	ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(test_other_header)
{
	uint8_t datagram[FASTPATH_HEADER_MAX + LEN];
	struct bed bed;
	size_t len;

	if (!set_up(&bed, _i))
		return;
	len = bed.flow.header_len + LEN;
	expect_carried(&bed);
	for (size_t i = 0; i < bed.flow.header_len; i++) {
		memcpy(datagram, bed.flow.header, bed.flow.header_len);
		bed_fill(datagram + bed.flow.header_len, LEN, (uint32_t)i);
		datagram[i] ^= (uint8_t)(1u << i % 8);
		expect_untouched(&bed, bed.balancer_fd, datagram, len);
	}
	ck_assert_int_eq(up(&bed), BED_TARGET);
	/* Of SPP the proxy's address was another one, which a reply would have to carry. */
	ck_assert_int_eq(down(&bed), bed.kind.spp ? BED_USER : BED_BALANCER);
	bed_close(&bed);
}
END_TEST

START_TEST(test_other_form)
{
	uint8_t datagram[128] = {0};
	struct bed bed;
	size_t len;

	if (!set_up(&bed, _i))
		return;
	len = bed.flow.header_len;
	memcpy(datagram, bed.flow.header, len);
	/* Everything up to the last byte of it. */
	for (size_t i = 0; i < len; i++)
		expect_untouched(&bed, bed.balancer_fd, datagram, i);
	if (!bed.kind.spp) {
		/* A TLV of type 4 (NOOP) with one byte. */
		memcpy(datagram + len, "\x04\0\1x", 4);
		datagram[15] += 4;
		expect_untouched(&bed, bed.balancer_fd, datagram, len + 4);
		datagram[15] -= 4;
		datagram[12] = 0x20;
		expect_untouched(&bed, bed.balancer_fd, datagram, len);
	}
	expect_carried(&bed);
	bed_close(&bed);
}
END_TEST

START_TEST(test_options)
{
	static const uint8_t no_operation[4] = {1, 1, 1, 0};
	static const uint8_t padding[8] = {0, 0, 1, 4, 0, 0, 0, 0};
	uint8_t datagram[FASTPATH_HEADER_MAX + LEN] = {0};
	struct bed bed;

	if (!set_up(&bed, _i))
		return;
	memcpy(datagram, bed.flow.header, bed.flow.header_len);
	if (bed.kind.v6)
		ck_assert_int_eq(
		    setsockopt(bed.balancer_fd, SOL_IPV6, IPV6_DSTOPTS, padding, sizeof(padding)),
		    0);
	else
		ck_assert_int_eq(setsockopt(bed.balancer_fd, SOL_IP, IP_OPTIONS, no_operation,
					    sizeof(no_operation)),
				 0);
	for (size_t i = 0; i < 20; i++)
		expect_untouched(&bed, bed.balancer_fd, datagram, bed.flow.header_len + i);
	bed_close(&bed);
}
END_TEST

START_TEST(test_segments)
{
	uint8_t segments[3 * (FASTPATH_HEADER_MAX + LEN)];
	uint8_t got[sizeof(segments)];
	struct bed bed;
	int patience_ms = harness_patience_ms();
	int size;

	if (!set_up(&bed, _i))
		return;
	size = (int)bed.flow.header_len + LEN;
	for (int i = 0; i < 3; i++) {
		memcpy(segments + i * size, bed.flow.header, bed.flow.header_len);
		bed_fill(segments + i * size + bed.flow.header_len, LEN, (uint32_t)i);
	}
	ck_assert_int_eq(setsockopt(bed.balancer_fd, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	ck_assert_int_eq(sendto(bed.balancer_fd, segments, (size_t)(3 * size), 0,
				&bed.flow.listening.sa, addr_len(&bed.flow.listening)),
			 3 * size);
	for (int i = 0; i < 3; i++) {
		struct pollfd polled[] = {{.fd = bed.listening_fd, .events = POLLIN},
					  {.fd = bed.target_fd, .events = POLLIN}};
		bool carried;

		/* A device without that offload sends them as three, which are carried. */
		ck_assert_int_ge(poll(polled, 2, patience_ms), 1);
		carried = polled[1].revents & POLLIN;
		ck_assert_int_eq(recv(polled[carried].fd, got, sizeof(got), MSG_DONTWAIT),
				 carried ? LEN : size);
		ck_assert_mem_eq(
		    got, segments + i * size + (carried ? (int)bed.flow.header_len : 0), LEN);
	}
	/* Replies of that kind. */
	size = LEN;
	ck_assert_int_eq(setsockopt(bed.target_fd, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	ck_assert_int_eq(sendto(bed.target_fd, segments, 3 * LEN, 0, &bed.flow.client.sa,
				addr_len(&bed.flow.client)),
			 3 * LEN);
	for (int i = 0; i < 3; i++) {
		struct pollfd polled = {.fd = bed.client_fd, .events = POLLIN};

		ck_assert_int_eq(poll(&polled, 1, patience_ms), 1);
		ck_assert_int_eq(recv(bed.client_fd, got, sizeof(got), MSG_DONTWAIT), LEN);
		ck_assert_mem_eq(got, segments + i * LEN, LEN);
	}
	ck_assert_uint_ge(bed_events(&bed, FASTPATH_SEGMENTS), 1);
	bed_close(&bed);
}
END_TEST

/* Nobody at the former place gets a reply once a datagram came from another. */
START_TEST(test_balancer_moves)
{
	uint8_t datagram[FASTPATH_HEADER_MAX + LEN];
	struct addr anywhere;
	struct fastpath_counts counts;
	struct bed bed;
	int other, here = -1;

	if (!set_up(&bed, _i))
		return;
	expect_carried(&bed);
	memcpy(datagram, bed.flow.header, bed.flow.header_len);
	bed_fill(datagram + bed.flow.header_len, LEN, 1);
	anywhere = bed.flow.balancer;
	addr_set_port(&anywhere, 0);
	if (bed.kind.link != BED_LO)
		here = netns_change(bed.far);
	other = socket(addr_family(&anywhere), SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(other, &anywhere.sa, addr_len(&anywhere)), 0);
	if (bed.kind.link != BED_LO) {
		close(netns_change(here));
		close(here);
	}
	expect_untouched(&bed, other, datagram, bed.flow.header_len + LEN);
	ck_assert_int_eq(down(&bed), BED_USER);
	ck_assert_uint_eq(bed_events(&bed, FASTPATH_MOVED), 1);
	/* What still comes from the former place is carried; user space is asked for the new one.
	 */
	ck_assert_int_eq(up(&bed), BED_TARGET);
	ck_assert_int_eq(down(&bed), BED_USER);
	fastpath_remove(bed.fastpath, &bed.place, &counts);
	ck_assert_uint_eq(counts.datagrams[STATS_UP], 2);
	ck_assert_uint_eq(counts.datagrams[STATS_DOWN], 1);
	ck_assert_int_eq(fastpath_install(bed.fastpath, &bed.flow, &bed.place), 0);
	expect_carried(&bed);
	close(other);
	bed_close(&bed);
}
END_TEST

START_TEST(test_lease_ends)
{
	struct bed bed;
	int64_t until_ms;

	if (!set_up(&bed, _i))
		return;
	expect_carried(&bed);
	bed.renews = false;
	fastpath_renew(bed.fastpath);
	until_ms = harness_now_ms() + FASTPATH_LEASE_MS + 100;
	while (harness_now_ms() < until_ms)
		harness_sleep_ms(10);
	ck_assert_int_eq(up(&bed), BED_USER);
	ck_assert_int_eq(down(&bed), BED_USER);
	ck_assert_uint_eq(bed_events(&bed, FASTPATH_EXPIRED), 2);
	bed.renews = true;
	fastpath_renew(bed.fastpath);
	expect_carried(&bed);
	bed_close(&bed);
}
END_TEST

START_TEST(test_removed)
{
	struct fastpath_counts counts;
	struct bed bed;

	if (!set_up(&bed, _i))
		return;
	for (int i = 0; i < 5; i++)
		expect_carried(&bed);
	ck_assert_int_eq(down(&bed), BED_BALANCER);
	fastpath_remove(bed.fastpath, &bed.place, &counts);
	ck_assert_uint_eq(bed.place.number, 0);
	ck_assert_uint_eq(counts.datagrams[STATS_UP], 5);
	ck_assert_uint_eq(counts.datagrams[STATS_DOWN], 6);
	ck_assert_uint_eq(counts.bytes[STATS_UP], 5 * LEN);
	ck_assert_uint_eq(counts.bytes[STATS_DOWN], 6 * LEN);
	ck_assert_int_ge(counts.last_ms[STATS_DOWN], counts.last_ms[STATS_UP]);
	ck_assert_int_le(counts.last_ms[STATS_DOWN], harness_now_ms());
	ck_assert_int_gt(counts.last_ms[STATS_UP], harness_now_ms() - 4 * harness_patience_ms());
	ck_assert_int_eq(up(&bed), BED_USER);
	ck_assert_int_eq(down(&bed), BED_USER);
	bed_close(&bed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fastpath_untouched");
	TCase *tcase = harness_case(suite, "untouched", 60);

	tcase_add_loop_test(tcase, test_other_header, 0, KINDS);
	tcase_add_loop_test(tcase, test_other_form, 0, KINDS);
	tcase_add_loop_test(tcase, test_options, 0, KINDS);
	tcase_add_loop_test(tcase, test_segments, 0, KINDS);
	tcase_add_loop_test(tcase, test_balancer_moves, 0, KINDS);
	tcase_add_loop_test(tcase, test_lease_ends, 0, KINDS);
	tcase_add_loop_test(tcase, test_removed, 0, KINDS);
	return harness_run(suite);
}
