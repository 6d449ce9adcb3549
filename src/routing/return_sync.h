/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel has of a plan, and making it have the rest. Main thread. */
#ifndef MMPROXY_RETURN_SYNC_H
#define MMPROXY_RETURN_SYNC_H

#include <stdint.h>

#include "routing/return_kernel.h"
#include "routing/return_plan.h"

/* What the kernel has in the tables of a plan. */
struct return_sync {
	struct return_plan own; /* of mmproxy's, wanted or not */
	/* The first route of somebody else's in a table and family that the plan has a route for.
	 */
	char foreign[RETURN_KERNEL_TEXT_MAX]; /* "": there is none */
	uint32_t foreign_table;
	int foreign_family;
};

/*
 * Read what is in the tables of wanted, and in this one more (0: none), of both families. Returns
 * 0, or an errno value; return_sync_fini() is right in any case.
 */
int return_sync_read(struct return_sync *sync, struct return_kernel *kernel,
		     const struct return_plan *wanted, uint32_t table)
    __attribute__((warn_unused_result));
void return_sync_fini(struct return_sync *sync);

/*
 * Add what wanted has and the kernel has not, and note it in added. Of IPv6 nothing is added where
 * it does not work. A rule that somebody else has set up already is left to him. Returns 0, or an
 * errno value with what failed.
 */
int return_sync_add(const struct return_sync *sync, struct return_kernel *kernel,
		    const struct return_plan *wanted, struct return_plan *added,
		    struct return_item *failed) __attribute__((warn_unused_result));

/*
 * Delete the items of gone that kept has not (NULL: nothing is kept), rules before the routes that
 * they lead to. Returns 0, or the first errno value with what failed; the others are deleted all
 * the same.
 */
int return_sync_remove(struct return_kernel *kernel, const struct return_plan *gone,
		       const struct return_plan *kept, struct return_item *failed)
    __attribute__((warn_unused_result));

#endif
