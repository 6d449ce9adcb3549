/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP keepalive for very many connections. */
#include "net/keepalive.h"

#include <netinet/tcp.h>

#include "net/sock.h"

#define PROBES_MIN 4

/* Parts of 2^32 that no fraction comes near: the golden ratio's, and those of the root of two. */
#define IDLE_STEP     0x9E3779B1u
#define INTERVAL_STEP 0x6A09E667u

/* A number from min to max. Those of descriptors in a row are as far apart as can be. */
static int spread(int fd, uint32_t step, int min, int max)
{
	uint32_t place = (uint32_t)fd * step;

	return min + (int)(((uint64_t)place * (uint64_t)(max - min + 1)) >> 32);
}

static int at_least_one(int seconds)
{
	return seconds > 0 ? seconds : 1;
}

static int whole_seconds(uint32_t ms)
{
	return at_least_one((int)((ms + 999) / 1000));
}

static int idle_seconds(int fd, uint32_t idle_ms)
{
	int longest = whole_seconds(idle_ms);

	return spread(fd, IDLE_STEP, (longest + 1) / 2, longest);
}

uint32_t keepalive_idle_ms(int fd, uint32_t idle_ms)
{
	return (uint32_t)idle_seconds(fd, idle_ms) * 1000;
}

int keepalive_start(int fd, uint32_t idle_ms)
{
	int longest = whole_seconds(idle_ms);
	int interval =
	    spread(fd, INTERVAL_STEP, at_least_one(longest / 8), at_least_one(longest / 4));
	int probes = longest / interval > PROBES_MIN ? longest / interval : PROBES_MIN;

	/* TCP_KEEPIDLE last: with keepalive on, it sets the timer to what is left of the time. */
	if (sock_set_int(fd, SOL_TCP, TCP_KEEPINTVL, interval) < 0 ||
	    sock_set_int(fd, SOL_TCP, TCP_KEEPCNT, probes) < 0 ||
	    sock_set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1) < 0 ||
	    sock_set_int(fd, SOL_TCP, TCP_KEEPIDLE, idle_seconds(fd, idle_ms)) < 0)
		return -1;
	return 0;
}
