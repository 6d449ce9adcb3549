/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs in the kernel: loading them, and the memory that is shared with them. */
#ifndef MMPROXY_FASTPATH_PROGRAMS_H
#define MMPROXY_FASTPATH_PROGRAMS_H

#include <stdint.h>

#include "fastpath/fastpath_event.h"
#include "fastpath/fastpath_flow.h"
#include "fastpath/fastpath_shared.h"

struct fastpath_programs {
	struct fastpath_udp *skeleton;
	struct fastpath_shared *shared;	 /* mapped: the kernel reads it meanwhile */
	struct fastpath_record *records; /* mapped, FASTPATH_NUMBERS of them */
	int up_fd;			 /* the hash tables */
	int down_fd;
	int lo_program_fd;
	int device_program_fd;
};

/*
 * Load them; nothing is attached. Returns 0, or -1 with a sentence in why and nothing left behind.
 * Main thread.
 */
int fastpath_programs_load(struct fastpath_programs *programs, char why[static FASTPATH_WHY_MAX])
    __attribute__((warn_unused_result));

/* Nothing happens when they were not loaded. */
void fastpath_programs_unload(struct fastpath_programs *programs);

/* Add up what all processors counted. Any thread. */
void fastpath_programs_read_events(const struct fastpath_programs *programs,
				   uint64_t counts[static FASTPATH_EVENTS]);

#endif
