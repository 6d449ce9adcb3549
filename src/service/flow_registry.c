/* SPDX-License-Identifier: BSD-2-Clause */
/* What the flows of all UDP listeners and all workers share. */
#include "service/flow_registry.h"

#include <stdlib.h>

struct flow_registry *flow_registry_new(void)
{
	struct flow_registry *registry = calloc(1, sizeof(*registry));

	if (registry == NULL)
		return NULL;
	descriptor_share_init(&registry->descriptors);
	/* Each flow has a descriptor, so there are no more pairs than those. */
	if (client_path_table_init(&registry->paths, (size_t)registry->descriptors.limit) < 0) {
		free(registry);
		return NULL;
	}
	return registry;
}

void flow_registry_free(struct flow_registry *registry)
{
	if (registry == NULL)
		return;
	client_path_table_fini(&registry->paths);
	flow_quota_fini(&registry->quota);
	free(registry);
}
