/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The marks of a plan in the nft table: set up, compared with what is there, and deleted. Failures
 * are logged. Main thread.
 */
#ifndef MMPROXY_RETURN_MARKS_H
#define MMPROXY_RETURN_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "routing/return_plan.h"

/* All zero: nothing was set up. */
struct return_marks {
	char *listing; /* of the table as it was set up */
};

/* Forget what was set up, which stays. */
void return_marks_fini(struct return_marks *marks);

/* Whether the plan's marks may be put into the table: nobody else uses it. */
bool return_marks_may_set(const struct return_marks *marks, const struct return_plan *wanted);

/* Have the table hold the plan's marks and nothing else. -1: nothing has changed. */
int return_marks_set(struct return_marks *marks, const struct return_plan *wanted);

/* The same where the table is not as it was set up. Returns 1 if so, 0 if it is, -1 on failure. */
int return_marks_restore(struct return_marks *marks, const struct return_plan *wanted)
    __attribute__((warn_unused_result));

/* Whether mmproxy has set up the nft table, with rules for this routing table. */
bool return_marks_is_own(uint32_t table);

/*
 * Delete the table if mmproxy has set it up, in this process or in a former one that used the same
 * routing table. -1: it is still there.
 */
int return_marks_remove(struct return_marks *marks, uint32_t table);

#endif
