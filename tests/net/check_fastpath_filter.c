/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters of clsact, as before Linux 6.6: they carry as well, and disturb nobody. */
#include "fastpath/fastpath.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fastpath_bed.h"
#include "harness.h"
#include "netns.h"

#define LEN 300

static const struct bed_kind kinds[] = {
    {.link = BED_LO}, {.link = BED_VETH}, {.v6 = true, .spp = true, .link = BED_VETH}};

/* The linker puts it in the place of libbpf's. */
int __wrap_bpf_link_create(int program_fd, int interface, int type, const void *options);

int __wrap_bpf_link_create(int program_fd, int interface, int type, const void *options)
{
	(void)program_fd;
	(void)interface;
	(void)type;
	(void)options;
	errno = EINVAL;
	return -EINVAL;
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

/* Filters with such a word in what tc(8) says of them, at both hooks of both devices. */
static int count_filters(const char *word)
{
	const char *path = harness_path("filters");
	char *text, *at;
	int count = 0;

	harness_shell("{ tc filter show dev lo egress; tc filter show dev near ingress 2>&1; } >%s"
		      " || true",
		      path);
	text = harness_read(path);
	for (at = text; (at = strstr(at, word)) != NULL; at++)
		count++;
	free(text);
	return count;
}

START_TEST(test_carries)
{
	struct bed bed;

	if (!harness_has_tool("tc") || (kinds[_i].v6 && !netns_has_ipv6()) ||
	    !bed_open(&bed, &kinds[_i]))
		return;
	bed_install(&bed);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(up(&bed), BED_TARGET);
		ck_assert_int_eq(down(&bed), BED_BALANCER);
	}
	ck_assert_int_eq(count_filters(":["), kinds[_i].link == BED_LO ? 1 : 2);
	bed_close(&bed);
	ck_assert_int_eq(count_filters(":["), 0);
}
END_TEST

/* What is somebody else's goes on, before and behind, and stays when mmproxy goes. */
START_TEST(test_other_filters)
{
	struct bed bed;
	int others;

	if (!harness_has_tool("tc"))
		return;
	harness_shell(
	    "tc qdisc add dev lo clsact"
	    " && tc filter add dev lo egress prio 1 protocol ip u32 match ip dst 240.1.1.1"
	    " classid 1:1"
	    " && tc filter add dev lo egress prio 50000 protocol ip u32"
	    " match ip dst 240.1.1.1 classid 1:1");
	others = count_filters(" u32 ");
	ck_assert_int_gt(others, 0);
	if (!bed_open(&bed, &kinds[0]))
		return;
	bed_install(&bed);
	ck_assert_int_eq(up(&bed), BED_TARGET);
	ck_assert_int_eq(down(&bed), BED_BALANCER);
	bed_close(&bed);
	ck_assert_int_eq(count_filters(":["), 0);
	ck_assert_int_eq(count_filters(" u32 "), others);
}
END_TEST

START_TEST(test_killed_owner)
{
	struct bed bed;
	char why[FASTPATH_WHY_MAX];
	int ready[2];
	int status;
	char byte;
	pid_t pid;

	if (!harness_has_tool("tc") || !bed_open(&bed, &kinds[_i]))
		return;
	fastpath_close(bed.fastpath);
	bed.fastpath = NULL;
	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		bed.fastpath = fastpath_open(why);
		bed_install(&bed);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(count_filters(":["), kinds[_i].link == BED_LO ? 1 : 2);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	/* They are still there, and do nothing once the lease is over. */
	ck_assert_int_eq(count_filters(":["), kinds[_i].link == BED_LO ? 1 : 2);
	harness_sleep_ms(FASTPATH_LEASE_MS + 100);
	bed.fastpath = fastpath_open(why);
	ck_assert_msg(bed.fastpath != NULL, "open: %s", why);
	ck_assert_int_eq(up(&bed), BED_USER);
	ck_assert_int_eq(down(&bed), BED_USER);
	/* The next one has taken its place. */
	bed_install(&bed);
	ck_assert_int_eq(count_filters(":["), kinds[_i].link == BED_LO ? 1 : 2);
	ck_assert_int_eq(up(&bed), BED_TARGET);
	ck_assert_int_eq(down(&bed), BED_BALANCER);
	bed_close(&bed);
	ck_assert_int_eq(count_filters(":["), 0);
}
END_TEST

/* Of two that live neither takes the other's away. */
START_TEST(test_two_owners)
{
	struct fastpath *other;
	char why[FASTPATH_WHY_MAX];
	struct bed bed;

	if (!harness_has_tool("tc") || !bed_open(&bed, &kinds[_i]))
		return;
	bed_install(&bed);
	other = fastpath_open(why);
	ck_assert_msg(other != NULL, "open: %s", why);
	ck_assert_int_eq(count_filters("mmproxy_lo:["), 2);
	ck_assert_int_eq(up(&bed), BED_TARGET);
	ck_assert_int_eq(down(&bed), BED_BALANCER);
	fastpath_close(other);
	ck_assert_int_eq(count_filters("mmproxy_lo:["), 1);
	ck_assert_int_eq(up(&bed), BED_TARGET);
	ck_assert_int_eq(down(&bed), BED_BALANCER);
	bed_close(&bed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fastpath_filter");
	TCase *tcase = harness_case(suite, "filter", 60);

	if (!fastpath_is_built()) {
		printf("skipped: this mmproxy was built without libbpf\n");
		return 77;
	}
	tcase_add_loop_test(tcase, test_carries, 0, 3);
	tcase_add_test(tcase, test_other_filters);
	tcase_add_loop_test(tcase, test_killed_owner, 0, 2);
	tcase_add_loop_test(tcase, test_two_owners, 0, 2);
	return harness_run(suite);
}
