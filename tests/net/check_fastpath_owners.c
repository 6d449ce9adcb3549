/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes that own the programs: two at a time, one that is killed, and tables that are full. */
#include "fastpath/fastpath.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fastpath_bed.h"
#include "harness.h"
#include "netns.h"

#define LEN	 300
#define THREADS	 4
#define A_THREAD 3000

static const struct bed_kind kinds[] = {{.link = BED_LO}, {.link = BED_VETH}};

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

/* The same flow with another client, by its port and by two bytes of its address. */
static struct fastpath_flow variant(const struct bed *bed, uint32_t n)
{
	struct fastpath_flow flow = bed->flow;
	uint16_t port = (uint16_t)(6000 + n % 50000);
	uint32_t address = htonl(0x0a400000 + n);

	addr_from_ipv4(&flow.client, &address, port);
	memcpy(flow.header + 16, &address, sizeof(address));
	port = htons(port);
	memcpy(flow.header + 24, &port, sizeof(port));
	return flow;
}

/* A process that carries the bed's flow until it is killed. */
static pid_t start_owner(struct bed *bed)
{
	char why[FASTPATH_WHY_MAX];
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		bed->fastpath = fastpath_open(why);
		bed_install(bed);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;) {
			fastpath_renew(bed->fastpath);
			harness_sleep_ms(50);
		}
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void kill_owner(pid_t pid)
{
	int status;

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

START_TEST(test_killed_owner)
{
	struct bed bed;
	pid_t owner;

	if (!bed_open(&bed, &kinds[_i]))
		return;
	owner = start_owner(&bed);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(up(&bed), BED_TARGET);
		ck_assert_int_eq(down(&bed), BED_BALANCER);
	}
	kill_owner(owner);
	/* Links end with their process. Filters, before them, do nothing once the lease is over. */
	if (!harness_has_kernel(6, 6))
		harness_sleep_ms(FASTPATH_LEASE_MS + 100);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(up(&bed), BED_USER);
		ck_assert_int_eq(down(&bed), BED_USER);
	}
	bed_close(&bed);
}
END_TEST

/* Each carries its own, and what one ends the other one does not notice. */
START_TEST(test_two_owners)
{
	struct fastpath_counts counts;
	struct fastpath_place place;
	struct fastpath *other;
	char why[FASTPATH_WHY_MAX];
	struct bed bed;

	if (!bed_open(&bed, &kinds[_i]))
		return;
	bed_install(&bed);
	other = bed.fastpath;
	place = bed.place;
	bed.fastpath = fastpath_open(why);
	ck_assert_msg(bed.fastpath != NULL, "a second one: %s", why);
	/* It takes the flow over a hundred times, and no datagram is lost meanwhile. */
	for (int i = 0; i < 100; i++) {
		struct fastpath *former = bed.fastpath;

		fastpath_renew(other);
		ck_assert_int_eq(up(&bed), BED_TARGET);
		ck_assert_int_eq(down(&bed), BED_BALANCER);
		fastpath_remove(other, &place, &counts);
		ck_assert_uint_eq(counts.datagrams[STATS_UP], 1);
		ck_assert_uint_eq(counts.datagrams[STATS_DOWN], 1);
		ck_assert_int_eq(up(&bed), BED_USER);
		ck_assert_int_eq(down(&bed), BED_USER);
		bed_install(&bed);
		place = bed.place;
		bed.fastpath = other;
		other = former;
	}
	fastpath_remove(other, &place, &counts);
	fastpath_close(other);
	/* Nor is any when the first one goes. */
	bed_install(&bed);
	ck_assert_int_eq(up(&bed), BED_TARGET);
	ck_assert_int_eq(down(&bed), BED_BALANCER);
	bed_close(&bed);
}
END_TEST

START_TEST(test_full)
{
	struct fastpath_place *places = calloc(FASTPATH_FLOWS_MAX, sizeof(*places));
	struct fastpath_place place;
	struct fastpath_counts counts;
	struct fastpath_flow flow;
	struct bed bed;
	int64_t begin_ms;

	ck_assert_ptr_nonnull(places);
	if (!bed_open(&bed, &kinds[0]))
		return;
	bed_install(&bed);
	/* The test of lo had one, whose number rests. */
	for (uint32_t i = 0; i < FASTPATH_FLOWS_MAX - 2; i++) {
		flow = variant(&bed, i);
		ck_assert_msg(fastpath_install(bed.fastpath, &flow, &places[i]) == 0, "%u: %s", i,
			      strerror(errno));
	}
	fastpath_remove(bed.fastpath, &places[0], &counts);
	flow = variant(&bed, FASTPATH_FLOWS_MAX);
	begin_ms = harness_now_ms();
	while (fastpath_install(bed.fastpath, &flow, &place) < 0) {
		ck_assert_int_eq(errno, ENOSPC);
		ck_assert_int_lt(harness_now_ms() - begin_ms, harness_patience_ms());
		harness_sleep_ms(5);
	}
	flow = variant(&bed, FASTPATH_FLOWS_MAX + 1);
	begin_ms = harness_now_ms();
	while (fastpath_install(bed.fastpath, &flow, &places[0]) < 0) {
		ck_assert_int_eq(errno, ENOSPC);
		ck_assert_int_lt(harness_now_ms() - begin_ms, harness_patience_ms());
		harness_sleep_ms(5);
	}
	flow = variant(&bed, FASTPATH_FLOWS_MAX + 2);
	ck_assert_int_eq(fastpath_install(bed.fastpath, &flow, &(struct fastpath_place){0}), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(up(&bed), BED_TARGET);
	ck_assert_int_eq(down(&bed), BED_BALANCER);
	fastpath_remove(bed.fastpath, &place, &counts);
	for (uint32_t i = 0; i < FASTPATH_FLOWS_MAX - 2; i++)
		fastpath_remove(bed.fastpath, &places[i], &counts);
	ck_assert_int_eq(up(&bed), BED_TARGET);
	ck_assert_int_eq(down(&bed), BED_BALANCER);
	bed_close(&bed);
	free(places);
}
END_TEST

START_TEST(test_refused)
{
	struct fastpath_place place;
	struct fastpath_flow flow;
	struct bed bed;

	if (!bed_open(&bed, &kinds[0]))
		return;
	bed_install(&bed);
	flow = bed.flow;
	ck_assert_int_eq(fastpath_install(bed.fastpath, &flow, &place), -1);
	ck_assert_int_eq(errno, EEXIST);
	/* The same datagrams, whoever the target is; the same replies, whoever asks. */
	addr_set_port(&flow.target, 8001);
	ck_assert_int_eq(fastpath_install(bed.fastpath, &flow, &place), -1);
	ck_assert_int_eq(errno, EEXIST);
	flow = bed.flow;
	addr_set_port(&flow.listening, 7001);
	ck_assert_int_eq(fastpath_install(bed.fastpath, &flow, &place), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_uint_eq(place.number, 0);
	flow = variant(&bed, 1);
	flow.header_len += 4;
	ck_assert_int_eq(fastpath_install(bed.fastpath, &flow, &place), -1);
	ck_assert_int_eq(errno, EINVAL);
	flow = variant(&bed, 1);
	ck_assert_int_eq(addr_parse(&flow.target, "[::1]:8000"), 0);
	ck_assert_int_eq(fastpath_install(bed.fastpath, &flow, &place), -1);
	ck_assert_int_eq(errno, EINVAL);
	flow = variant(&bed, 1);
	flow.interface = 4711;
	ck_assert_int_eq(fastpath_install(bed.fastpath, &flow, &place), -1);
	ck_assert_int_eq(errno, ENODEV);
	/* None of it has done the first one any harm. */
	ck_assert_int_eq(up(&bed), BED_TARGET);
	ck_assert_int_eq(down(&bed), BED_BALANCER);
	bed_close(&bed);
}
END_TEST

static struct bed *shared_bed;

static void *install_and_remove(void *argument)
{
	uint32_t first = (uint32_t)(uintptr_t)argument;
	struct fastpath_counts counts;
	struct fastpath_place place;
	char why[FASTPATH_WHY_MAX];

	for (uint32_t i = 0; i < A_THREAD; i++) {
		struct fastpath_flow flow = variant(shared_bed, first + i);

		if (fastpath_try(shared_bed->fastpath, 1, &flow.listening, &flow.target, why) !=
			FASTPATH_WORKS ||
		    fastpath_install(shared_bed->fastpath, &flow, &place) < 0)
			return argument;
		fastpath_read(shared_bed->fastpath, &place, &counts);
		fastpath_remove(shared_bed->fastpath, &place, &counts);
		if (counts.datagrams[STATS_UP] != 0)
			return argument;
	}
	return NULL;
}

START_TEST(test_threads)
{
	pthread_t threads[THREADS];
	struct bed bed;
	void *result;

	if (!bed_open(&bed, &kinds[0]))
		return;
	bed_install(&bed);
	shared_bed = &bed;
	for (uintptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, install_and_remove,
						(void *)(1 + i * A_THREAD)),
				 0);
	for (int i = 0; i < 2000; i++) {
		ck_assert_int_eq(up(&bed), BED_TARGET);
		ck_assert_int_eq(down(&bed), BED_BALANCER);
	}
	for (int i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &result), 0);
		ck_assert_ptr_null(result);
	}
	bed_close(&bed);
}
END_TEST

/* A device that goes takes nothing with it, and one that comes is tested anew. */
START_TEST(test_device_goes)
{
	char why[FASTPATH_WHY_MAX];
	struct fastpath_counts counts;
	struct bed bed;

	if (!bed_open(&bed, &kinds[1]))
		return;
	bed_install(&bed);
	ck_assert_int_eq(up(&bed), BED_TARGET);
	harness_shell("ip link del near");
	fastpath_renew(bed.fastpath);
	ck_assert_int_eq(down(&bed), BED_USER);
	fastpath_remove(bed.fastpath, &bed.place, &counts);
	ck_assert_uint_eq(counts.datagrams[STATS_UP], 1);
	ck_assert_int_eq(bed_try(&bed, why), FASTPATH_FAILS);
	bed_close(&bed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fastpath_owners");
	TCase *tcase = harness_case(suite, "owners", 60);

	tcase_add_loop_test(tcase, test_killed_owner, 0, 2);
	tcase_add_loop_test(tcase, test_two_owners, 0, 2);
	tcase_add_test(tcase, test_full);
	tcase_add_test(tcase, test_refused);
	tcase_add_test(tcase, test_threads);
	tcase_add_test(tcase, test_device_goes);
	return harness_run(suite);
}
