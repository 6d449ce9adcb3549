/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nanoseconds to parse a PROXY header, beside what mailgun/proxyproto's README publishes for
 * headers of the same kinds (on a machine of theirs: the ratio is an order of magnitude, not a
 * race).
 */
#include "proxyproto/proxy_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define HEADER_MAX 4096

/* The median of so many rounds, of so long each: a third of a second a header. */
#define ROUNDS	 11
#define ROUND_NS 30e6

/* Headers between two looks at the clock while a round is being sized. */
#define FIRST_BATCH 1000

#define SIGNATURE      "\r\n\r\n\0\r\nQUIT\n"
#define IPV6_LOOPBACK  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
#define IPV6_MAPPED    "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\xC0\x00\x02\x21"
#define IPV6_ALL_ONES  "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

struct kind {
	const char *name;
	double published_ns;
	double aim; /* how many times less than published_ns it is to be */
	const uint8_t *bytes;
	size_t len;
};

static const struct kind kinds[] = {
    {"v1 TCP4 minimal", 519, 10, BYTES("PROXY TCP4 1.1.1.7 1.1.1.8 4 5\r\n")},
    {"v1 TCP4 maximal", 1042, 10,
     BYTES("PROXY TCP4 198.151.100.255 203.100.113.254 65535 65534\r\n")},
    {"v1 TCP4 typical", 929, 10, BYTES("PROXY TCP4 98.51.100.63 98.51.100.64 65535 65534\r\n")},
    {"v1 TCP6 minimal", 501, 10, BYTES("PROXY TCP6 ::7 ::8 4 5\r\n")},
    {"v1 TCP6 maximal", 2164, 10,
     BYTES("PROXY TCP6 2001:0db8:0000:0000:0000:0000:0000:0007 "
	   "2001:0db8:0000:0000:0000:0000:0000:0008 65535 65534\r\n")},
    /* The TLV is a CRC32c, which mailgun's parser takes unread and this one verifies. */
    {"v2 TCP6 with TLVs", 342, 20,
     BYTES(SIGNATURE "\x21\x21\x00\x2B" IPV6_LOOPBACK IPV6_LOOPBACK
		     "\xD0\x03\x04\x01\x03\x00\x04\xF9\x71\x9F\x3C")},
    {"v2 TCP6 minimal", 345, 20,
     BYTES(SIGNATURE "\x21\x21\x00\x24" IPV6_MAPPED IPV6_MAPPED "\xD0\x04\x04\x01")},
    {"v2 TCP6 maximal", 340, 20,
     BYTES(SIGNATURE "\x21\x21\x00\x24" IPV6_ALL_ONES IPV6_ALL_ONES "\xFF\xFF\xFF\xFF")},
    {"v2 TCP4 minimal", 396, 20,
     BYTES(SIGNATURE "\x21\x11\x00\x0C\xC0\x00\x02\x21\xC0\x00\x02\x22\xD0\x05\x04\x01")},
};

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Nanoseconds that so many parses take. */
static double measure(const struct kind *kind, long batch)
{
	double start = now_ns();

	for (long i = 0; i < batch; i++) {
		const uint8_t *bytes = kind->bytes;
		struct proxy_header header;
		enum proxy_error error = PROXY_ERROR_NONE;

		/* The compiler must neither know the bytes nor drop what was made of them. */
		__asm__ volatile("" : "+r"(bytes) : : "memory");
		if (proxy_header_parse(bytes, kind->len, HEADER_MAX, &header, &error) != PROXY_OK) {
			fprintf(stderr, "%s: %s\n", kind->name, proxy_error_sentence(error));
			exit(EXIT_FAILURE);
		}
		__asm__ volatile("" : : "r"(&header) : "memory");
	}
	return now_ns() - start;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median_ns(const struct kind *kind)
{
	double rounds[ROUNDS];
	long batch = FIRST_BATCH;

	while (measure(kind, batch) < ROUND_NS)
		batch *= 2;
	for (size_t i = 0; i < ROUNDS; i++)
		rounds[i] = measure(kind, batch) / (double)batch;
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
	return rounds[ROUNDS / 2];
}

int main(void)
{
	printf("%-18s %8s %10s %13s %6s %5s\n", "header", "bytes", "ns", "published ns", "ratio",
	       "aim");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		double ns = median_ns(&kinds[i]);

		printf("%-18s %8zu %10.1f %13.0f %6.1f %5.0f\n", kinds[i].name, kinds[i].len, ns,
		       kinds[i].published_ns, kinds[i].published_ns / ns, kinds[i].aim);
	}
	return EXIT_SUCCESS;
}
