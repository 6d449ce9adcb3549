/* SPDX-License-Identifier: BSD-2-Clause */
/* The hash for tables whose keys the network chooses. */
#include "base/keyed_hash.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

/* SipHash-c-d: rounds for each word of 8 bytes, and at the end. */
#define WORD_ROUNDS 1
#define END_ROUNDS  3

struct state {
	uint64_t v[4];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t own_key[2];

static void make_key(void)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gives an address as a number. */
	const void *random = (const void *)getauxval(AT_RANDOM);

	if (getrandom(own_key, sizeof(own_key), GRND_NONBLOCK) == (ssize_t)sizeof(own_key))
		return;
	/* Early at boot there may be no random numbers to have yet: the kernel gave the process 16
	 * bytes of the best it had. */
	if (random != NULL)
		memcpy(own_key, random, sizeof(own_key));
}

static uint64_t rotated(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void stir(struct state *s, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		s->v[0] += s->v[1];
		s->v[2] += s->v[3];
		s->v[1] = rotated(s->v[1], 13) ^ s->v[0];
		s->v[3] = rotated(s->v[3], 16) ^ s->v[2];
		s->v[0] = rotated(s->v[0], 32);
		s->v[2] += s->v[1];
		s->v[0] += s->v[3];
		s->v[1] = rotated(s->v[1], 17) ^ s->v[2];
		s->v[3] = rotated(s->v[3], 21) ^ s->v[0];
		s->v[2] = rotated(s->v[2], 32);
	}
}

static void absorb(struct state *s, uint64_t word)
{
	s->v[3] ^= word;
	stir(s, WORD_ROUNDS);
	s->v[0] ^= word;
}

uint64_t keyed_hash_by(const uint64_t key[static 2], const void *bytes, size_t len)
{
	/* The constants of the paper: "somepseudorandomlygeneratedbytes". */
	struct state s = {{
	    key[0] ^ 0x736F6D6570736575u,
	    key[1] ^ 0x646F72616E646F6Du,
	    key[0] ^ 0x6C7967656E657261u,
	    key[1] ^ 0x7465646279746573u,
	}};
	const uint8_t *at = bytes;
	uint64_t last = (uint64_t)len << 56;
	uint64_t word;

	for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		absorb(&s, le64toh(word));
	}
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)at[i] << (8 * i);
	absorb(&s, last);
	s.v[2] ^= 0xFF;
	stir(&s, END_ROUNDS);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

uint64_t keyed_hash(const void *bytes, size_t len)
{
	(void)pthread_once(&once, make_key);
	return keyed_hash_by(own_key, bytes, len);
}
