/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbers of flows, and the ports that flows have. A number that was given back is not used
 * again until no program in the kernel can still be busy with the flow that had it.
 *
 * Any thread.
 */
#ifndef MMPROXY_FASTPATH_NUMBERS_H
#define MMPROXY_FASTPATH_NUMBERS_H

#include <stdint.h>

#include "fastpath/fastpath_shared.h"

/*
 * How long a number rests. A program runs for less than a microsecond, unless the processor under
 * it is taken away; a virtual one that is gone for longer has its system complain of a stall.
 */
#define FASTPATH_REST_MS 2000

struct fastpath_numbers;

/* shared is where the programs look for ports. NULL: there is no memory. */
struct fastpath_numbers *fastpath_numbers_new(struct fastpath_shared *shared)
    __attribute__((warn_unused_result));

/* NULL is fine. */
void fastpath_numbers_free(struct fastpath_numbers *numbers);

/* A number that nobody has, for a flow with these ports (in network order), or 0. */
uint32_t fastpath_numbers_take(struct fastpath_numbers *numbers, int64_t now_ms,
			       uint16_t listening_port, uint16_t target_port);

/* Give it back, with the same ports. */
void fastpath_numbers_give(struct fastpath_numbers *numbers, uint32_t number, int64_t now_ms,
			   uint16_t listening_port, uint16_t target_port);

#endif
