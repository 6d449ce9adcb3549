/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the flows of all UDP listeners and all workers of the process share: the pairs of addresses
 * that they have, and the descriptors.
 *
 * One a process; it outlives services and workers. Any thread.
 */
#ifndef MMPROXY_FLOW_REGISTRY_H
#define MMPROXY_FLOW_REGISTRY_H

#include "service/client_path.h"
#include "service/descriptor_share.h"
#include "service/flow_quota.h"

struct fastpath;

struct flow_registry {
	struct client_path_table paths;
	struct descriptor_share descriptors;
	struct flow_quota quota;   /* of descriptors */
	struct fastpath *fastpath; /* NULL: the kernel carries nothing; set while no worker runs */
};

/* NULL when memory is out. */
struct flow_registry *flow_registry_new(void) __attribute__((warn_unused_result));

/* Every flow has ended. NULL is fine. */
void flow_registry_free(struct flow_registry *registry);

#endif
