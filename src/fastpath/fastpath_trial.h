/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The self-test of a device and a family: datagrams go from a socket of the test's own over lo, by
 * the device's input where it is not lo itself, to another socket of its own, and their answers
 * back. Rules of a firewall, sysctls and whatever else loses datagrams on that way shows before the
 * first one of a client's takes it. No datagram of the test leaves this host.
 *
 * One thread.
 */
#ifndef MMPROXY_FASTPATH_TRIAL_H
#define MMPROXY_FASTPATH_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "fastpath/fastpath_flow.h"
#include "fastpath/fastpath_flows.h"
#include "fastpath/fastpath_route.h"

struct fastpath_trial {
	struct fastpath_flows *flows;
	struct fastpath_flow flow;
	struct fastpath_place place;
	int balancer_fd;
	int listening_fd; /* gets what the programs did not carry */
	int target_fd;
	bool answers; /* whether the target's answers are a part of the test */
	unsigned sent;
	unsigned arrived;
	unsigned answered;
	unsigned looks;
};

/*
 * Send the datagrams: by the input of this device, which has this place among the devices, to a
 * socket on the target's address. The test needs no port of the target's. Returns 0, or -1 with a
 * sentence in why and nothing left behind.
 */
int fastpath_trial_begin(struct fastpath_trial *trial, struct fastpath_flows *flows,
			 struct fastpath_router *router, uint32_t interface, uint32_t device,
			 const struct addr *target, char why[static FASTPATH_WHY_MAX])
    __attribute__((warn_unused_result));

/*
 * Look what has come, without waiting: call it a few times, with time between, until the answer is
 * not FASTPATH_TESTING, which it is three times at most. All that the test had is gone then.
 */
enum fastpath_verdict fastpath_trial_look(struct fastpath_trial *trial,
					  char why[static FASTPATH_WHY_MAX]);

/* Give it up. */
void fastpath_trial_end(struct fastpath_trial *trial);

#endif
