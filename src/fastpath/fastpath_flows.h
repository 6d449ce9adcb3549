/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flows in the tables that the programs look into. fastpath.h says what they promise.
 *
 * Any thread.
 */
#ifndef MMPROXY_FASTPATH_FLOWS_H
#define MMPROXY_FASTPATH_FLOWS_H

#include <stdint.h>

#include "fastpath/fastpath_flow.h"
#include "fastpath/fastpath_numbers.h"
#include "fastpath/fastpath_programs.h"

struct fastpath_flows {
	struct fastpath_programs *programs;
	struct fastpath_numbers *numbers;
};

/* What is not said by the flow itself. */
struct fastpath_flow_kind {
	uint32_t device; /* the place of flow->interface among the devices; of lo: any */
	uint32_t mtu;	 /* of the route to the balancer; 0: as long as the device takes it */
	bool trial;	 /* of the self-test: goes through the device, and never leaves this host */
	uint8_t mac[6];	 /* of the device, for a trial */
};

/* As fastpath_install(), which see for errno. */
int fastpath_flows_add(struct fastpath_flows *flows, const struct fastpath_flow *flow,
		       const struct fastpath_flow_kind *kind, struct fastpath_place *place)
    __attribute__((warn_unused_result));

void fastpath_flows_read(const struct fastpath_flows *flows, const struct fastpath_place *place,
			 struct fastpath_counts *counts);
void fastpath_flows_remove(struct fastpath_flows *flows, struct fastpath_place *place,
			   struct fastpath_counts *counts);

#endif
