/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program as a filter of clsact, where the kernel has no tcx. A filter stays when its process is
 * killed: it does nothing by then (the lease), and the next mmproxy that comes to the same hook
 * takes it away.
 */
#ifndef MMPROXY_FASTPATH_FILTER_H
#define MMPROXY_FASTPATH_FILTER_H

#include <stdbool.h>
#include <stdint.h>

struct fastpath_filter {
	uint32_t interface;
	bool ingress;
	uint32_t handle; /* 0: none is attached */
	int claim_fd;	 /* says that the handle's owner lives */
};

/* Returns 0 with *filter filled in, or -1 with errno and nothing attached. */
int fastpath_filter_attach(struct fastpath_filter *filter, int program_fd, uint32_t interface,
			   bool ingress) __attribute__((warn_unused_result));

/* Nothing happens when none is attached. The qdisc stays: it may be somebody else's as well. */
void fastpath_filter_detach(struct fastpath_filter *filter);

#endif
