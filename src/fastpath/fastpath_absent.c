/* SPDX-License-Identifier: BSD-2-Clause */
/* A build without libbpf: the kernel carries no flow. */
#include "fastpath/fastpath.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void say_absent(char why[static FASTPATH_WHY_MAX])
{
	snprintf(why, FASTPATH_WHY_MAX, "this mmproxy was built without libbpf");
}

bool fastpath_is_built(void)
{
	return false;
}

bool fastpath_can_load(char why[static FASTPATH_WHY_MAX])
{
	say_absent(why);
	return false;
}

struct fastpath *fastpath_open(char why[static FASTPATH_WHY_MAX])
{
	say_absent(why);
	return NULL;
}

void fastpath_close(struct fastpath *fastpath)
{
	(void)fastpath;
}

void fastpath_renew(struct fastpath *fastpath)
{
	(void)fastpath;
}

enum fastpath_verdict fastpath_try(struct fastpath *fastpath, uint32_t interface,
				   const struct addr *listening, const struct addr *target,
				   char why[static FASTPATH_WHY_MAX])
{
	(void)fastpath;
	(void)interface;
	(void)listening;
	(void)target;
	say_absent(why);
	return FASTPATH_FAILS;
}

int fastpath_install(struct fastpath *fastpath, const struct fastpath_flow *flow,
		     struct fastpath_place *place)
{
	(void)fastpath;
	(void)flow;
	place->number = 0;
	errno = EOPNOTSUPP;
	return -1;
}

void fastpath_read(struct fastpath *fastpath, const struct fastpath_place *place,
		   struct fastpath_counts *counts)
{
	(void)fastpath;
	(void)place;
	*counts = (struct fastpath_counts){0};
}

void fastpath_remove(struct fastpath *fastpath, struct fastpath_place *place,
		     struct fastpath_counts *counts)
{
	(void)fastpath;
	place->number = 0;
	*counts = (struct fastpath_counts){0};
}

void fastpath_read_events(struct fastpath *fastpath, uint64_t counts[static FASTPATH_EVENTS])
{
	(void)fastpath;
	memset(counts, 0, FASTPATH_EVENTS * sizeof(counts[0]));
}
