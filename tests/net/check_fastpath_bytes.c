/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel carries, byte by byte: every kind of header, lo and a device, all lengths.
 * MMPROXY_FASTPATH_SOAK is a number of datagrams for each, instead of some thousand.
 */
#include "fastpath/fastpath.h"

#include <stdio.h>
#include <stdlib.h>

#include "fastpath_bed.h"
#include "harness.h"
#include "netns.h"

static const struct bed_kind kinds[] = {
    {.v6 = false, .spp = false, .outer = false}, {.v6 = true, .spp = false, .outer = false},
    {.v6 = false, .spp = true, .outer = false},	 {.v6 = true, .spp = true, .outer = false},
    {.v6 = false, .spp = false, .outer = true},	 {.v6 = true, .spp = false, .outer = true},
    {.v6 = false, .spp = true, .outer = true},	 {.v6 = true, .spp = true, .outer = true},
};
#define KINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

/* Where something changes: words, cache lines, pages, the MTU, the kernel's bound for growing. */
static const size_t lengths[] = {
    0,	   1,	  2,	 3,	7,     8,     9,     10,    11,	   15,	  16,	 17,
    31,	   63,	  64,	 65,	127,   128,   255,   256,   511,   512,	  1023,	 1024,
    1199,  1200,  1231,	 1232,	1233,  1390,  1391,  1400,  1405,  1406,  1419,	 1420,
    1433,  1434,  1435,	 1444,	1445,  1452,  1453,  1471,  1472,  1473,  2000,	 2047,
    2048,  4095,  4096,	 8972,	9000,  15800, 15899, 15900, 15901, 15958, 15959, 16000,
    16300, 16384, 20000, 32768, 40000, 60000, 65000, 65400, 65441, 65455};

static unsigned soak(unsigned usually)
{
	const char *text = getenv("MMPROXY_FASTPATH_SOAK");

	return text == NULL ? usually : (unsigned)strtoul(text, NULL, 10);
}

static size_t longest(const struct bed *bed)
{
	return (bed->kind.v6 ? 65527 : 65507) - bed->flow.header_len;
}

/* There and back again; returns how many of the two ways were user space's. */
static void round_trip(struct bed *bed, size_t len, unsigned *users)
{
	int patience_ms = harness_patience_ms();
	uint32_t seed = bed->seed++;
	enum bed_end end;

	bed_send(bed, seed, len);
	end = bed_find_up(bed, seed, len, patience_ms);
	ck_assert_msg(end != BED_NOBODY, "%zu bytes got lost on their way up", len);
	users[0] += end == BED_USER;
	end = bed_answer(bed, seed ^ 0x5a5a5a5a, len, patience_ms);
	ck_assert_msg(end != BED_NOBODY, "%zu bytes got lost on their way down", len);
	users[1] += end == BED_USER;
}

START_TEST(test_every_length)
{
	const struct bed_kind *kind = &kinds[_i];
	struct bed bed;
	unsigned users[2] = {0, 0};
	struct fastpath_counts counts;
	unsigned n = soak(400), total = 0;

	if ((kind->v6 && !netns_has_ipv6()) || !bed_open(&bed, kind))
		return;
	bed_install(&bed);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++, total++) {
		if (lengths[i] <= longest(&bed))
			round_trip(&bed, lengths[i], users);
	}
	round_trip(&bed, longest(&bed), users);
	printf("kind %d: %u and %u of %u datagrams were user space's\n", _i, users[0], users[1],
	       total);
	srandom(1);
	for (unsigned i = 0; i < n; i++) {
		size_t most = i % 4 != 0 ? 1400 : longest(&bed);

		round_trip(&bed, (size_t)random() % (most + 1), users);
	}
	fastpath_remove(bed.fastpath, &bed.place, &counts);
	printf("kind %d: carried %lu and %lu, user space had %u and %u\n", _i,
	       (unsigned long)counts.datagrams[STATS_UP],
	       (unsigned long)counts.datagrams[STATS_DOWN], users[0], users[1]);
	for (int i = 0; i < FASTPATH_EVENTS; i++)
		printf(" %s=%lu", fastpath_event_name(i), (unsigned long)bed_events(&bed, i));
	printf("\n");
	bed_close(&bed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fastpath_bytes");
	TCase *tcase = harness_case(suite, "bytes", 120);

	tcase_add_loop_test(tcase, test_every_length, 0, KINDS);
	return harness_run(suite);
}
