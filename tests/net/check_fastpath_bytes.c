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

/* Of IPv4 and IPv6, version 2 and SPP, and every link. */
#define KINDS (4 * BED_LINKS)

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

enum fate { CARRIED, LEFT, EITHER };

/* What the kernel makes longer than 16 KiB it refuses, at a bound that depends on its version. */
static enum fate grown(size_t frame)
{
	if (frame > 16100)
		return LEFT;
	return frame < 15900 ? CARRIED : EITHER;
}

static enum fate fate_of(const struct bed *bed, size_t len, bool up)
{
	const struct bed_kind *kind = &bed->kind;
	size_t packet = (kind->v6 ? 48 : 28) + len;

	if (up || kind->spp)
		packet += bed->flow.header_len;
	/* Fragments, and replies that would have to be. */
	if (kind->link != BED_LO)
		return packet > (kind->link == BED_VXLAN ? 1450 : 1500) ? LEFT : CARRIED;
	/* A reply that lo itself sends in pieces. */
	if (packet > 65536)
		return EITHER;
	return (up && kind->v6) || (!up && kind->spp) ? grown(packet + 14) : CARRIED;
}

static bool check(const struct bed *bed, enum bed_end end, size_t len, bool up)
{
	enum fate fate = fate_of(bed, len, up);
	bool carried = end != BED_USER;

	ck_assert_msg(end != BED_NOBODY, "%zu bytes got lost on their way %s", len,
		      up ? "up" : "down");
	ck_assert_msg(fate == EITHER || carried == (fate == CARRIED), "%zu bytes went %s by the %s",
		      len, up ? "up" : "down", carried ? "kernel" : "user's socket");
	return carried;
}

/* There and back again; counts which the kernel carried. */
static void round_trip(struct bed *bed, size_t len, struct fastpath_counts *counts)
{
	int patience_ms = harness_patience_ms();
	uint32_t seed = bed->seed++;
	enum bed_end end;

	bed_send(bed, seed, len);
	end = bed_find_up(bed, seed, len, patience_ms);
	if (check(bed, end, len, true)) {
		counts->datagrams[STATS_UP]++;
		counts->bytes[STATS_UP] += len;
	}
	end = bed_answer(bed, seed ^ 0x5a5a5a5a, len, patience_ms);
	if (check(bed, end, len, false)) {
		counts->datagrams[STATS_DOWN]++;
		counts->bytes[STATS_DOWN] += len;
	}
}

START_TEST(test_every_length)
{
	const struct bed_kind kind = {.v6 = _i & 1, .spp = _i & 2, .link = (enum bed_link)(_i / 4)};
	struct fastpath_counts expected = {0};
	struct fastpath_counts counts;
	unsigned random_ones = soak(400);
	struct bed bed;

	if ((kind.v6 && !netns_has_ipv6()) || !bed_open(&bed, &kind))
		return;
	bed_install(&bed);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		if (lengths[i] <= longest(&bed))
			round_trip(&bed, lengths[i], &expected);
	}
	round_trip(&bed, longest(&bed), &expected);
	srandom((unsigned)_i);
	for (unsigned i = 0; i < random_ones; i++) {
		size_t most = i % 4 != 0 ? 1400 : longest(&bed);

		round_trip(&bed, (size_t)random() % (most + 1), &expected);
	}
	fastpath_remove(bed.fastpath, &bed.place, &counts);
	for (int i = 0; i < STATS_DIRECTIONS; i++) {
		ck_assert_uint_eq(counts.datagrams[i], expected.datagrams[i]);
		ck_assert_uint_eq(counts.bytes[i], expected.bytes[i]);
	}
	ck_assert_uint_eq(bed_events(&bed, FASTPATH_BROKEN), 0);
	bed_close(&bed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fastpath_bytes");
	TCase *tcase = harness_case(suite, "bytes", 60 + (int)(soak(0) / 500));

	tcase_add_loop_test(tcase, test_every_length, 0, KINDS);
	return harness_run(suite);
}
