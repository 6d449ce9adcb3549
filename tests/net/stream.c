/* SPDX-License-Identifier: BSD-2-Clause */
/* Endless reproducible bytes. */
#include "stream.h"

#include <pthread.h>
#include <string.h>

/* A prime, so that no buffer size divides it and shifted data never looks right. */
#define PERIOD 1048573

/* Streams start this far apart: a prime as well. */
#define STRIDE 7919

static uint8_t period[PERIOD + STREAM_RUN];
static pthread_once_t once = PTHREAD_ONCE_INIT;

uint32_t stream_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void fill(void)
{
	uint32_t state = 0x6D6D7078;

	for (size_t i = 0; i < PERIOD; i++)
		period[i] = (uint8_t)(stream_random(&state) >> 11);
	memcpy(period + PERIOD, period, STREAM_RUN);
}

const uint8_t *stream_at(uint32_t stream, uint64_t offset)
{
	pthread_once(&once, fill);
	return period + (offset + (uint64_t)stream * STRIDE) % PERIOD;
}

bool stream_matches(uint32_t stream, uint64_t offset, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t run = len < STREAM_RUN ? len : STREAM_RUN;

		if (memcmp(bytes, stream_at(stream, offset), run) != 0)
			return false;
		bytes += run;
		offset += run;
		len -= run;
	}
	return true;
}
