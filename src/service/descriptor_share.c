/* SPDX-License-Identifier: BSD-2-Clause */
/* How many of the process's descriptors flows may have. */
#include "service/descriptor_share.h"

#include <limits.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * An eighth is 128 of the usual 1024: connections have room while a flood of datagrams lasts, and
 * flows have nearly all when there is nothing else.
 */
#define RESERVE_SHARE 8

static void read_limit(struct descriptor_share *share)
{
	struct rlimit limit;
	int seen = INT_MAX;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT_MAX)
		seen = (int)limit.rlim_cur;
	atomic_store_explicit(&share->limit, seen, memory_order_relaxed);
}

void descriptor_share_init(struct descriptor_share *share)
{
	atomic_init(&share->flows, 0);
	read_limit(share);
}

void descriptor_share_enter(struct descriptor_share *share)
{
	atomic_fetch_add_explicit(&share->flows, 1, memory_order_relaxed);
}

void descriptor_share_leave(struct descriptor_share *share)
{
	atomic_fetch_sub_explicit(&share->flows, 1, memory_order_relaxed);
}

static bool is_below(const struct descriptor_share *share, int fd)
{
	int limit = atomic_load_explicit(&share->limit, memory_order_relaxed);
	int flows = (int)atomic_load_explicit(&share->flows, memory_order_relaxed);
	int reserve = limit / RESERVE_SHARE;

	/* Where connections have nearly all, a few flows go on: half of the reserve is theirs. */
	if (flows < reserve / 2)
		reserve /= 2;
	return fd < limit - reserve;
}

bool descriptor_share_allows(struct descriptor_share *share, int fd)
{
	if (is_below(share, fd))
		return true;
	read_limit(share);
	return is_below(share, fd);
}

bool descriptor_share_is_short(struct descriptor_share *share)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	bool allowed;

	read_limit(share);
	if (fd < 0)
		return true;
	allowed = is_below(share, fd);
	close(fd);
	return !allowed;
}
