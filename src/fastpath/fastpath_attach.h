/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program at a hook of traffic control: by a link of tcx where the kernel has that (Linux 6.6),
 * which ends with the process whatever becomes of it, else as a filter of clsact.
 *
 * Other programs at the same hook, before and behind, are left alone and go on.
 */
#ifndef MMPROXY_FASTPATH_ATTACH_H
#define MMPROXY_FASTPATH_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/fastpath_filter.h"

struct fastpath_attachment {
	bool attached;
	int link_fd; /* -1: it is a filter */
	struct fastpath_filter filter;
};

/*
 * At what comes in by a device, or leaves by it. Returns 0 with *attachment filled in, or -1 with
 * errno.
 */
int fastpath_attach(struct fastpath_attachment *attachment, int program_fd, uint32_t interface,
		    bool ingress) __attribute__((warn_unused_result));

/* Nothing happens when it is not attached. */
void fastpath_detach(struct fastpath_attachment *attachment);

#endif
