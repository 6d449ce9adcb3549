/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP flows that the kernel carries. */
#include "fastpath/fastpath.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error_text.h"
#include "fastpath/fastpath_attach.h"
#include "fastpath/fastpath_devices.h"
#include "fastpath/fastpath_flows.h"
#include "fastpath/fastpath_programs.h"
#include "fastpath/fastpath_route.h"

struct fastpath {
	struct fastpath_programs programs;
	struct fastpath_flows flows;
	struct fastpath_router router;
	struct fastpath_attachment lo;
	struct fastpath_devices devices;
};

static void renew_lease(struct fastpath *fastpath)
{
	struct timespec now;
	uint64_t until_ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	until_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec +
		   (uint64_t)FASTPATH_LEASE_MS * 1000000;
	__atomic_store_n(&fastpath->programs.shared->lease_ns, until_ns, __ATOMIC_RELAXED);
}

bool fastpath_is_built(void)
{
	return true;
}

bool fastpath_can_load(char why[static FASTPATH_WHY_MAX])
{
	struct fastpath_programs programs;

	if (fastpath_programs_load(&programs, why) < 0)
		return false;
	fastpath_programs_unload(&programs);
	return true;
}

struct fastpath *fastpath_open(char why[static FASTPATH_WHY_MAX])
{
	struct fastpath *fastpath = calloc(1, sizeof(*fastpath));
	char text[64];

	if (fastpath == NULL) {
		snprintf(why, FASTPATH_WHY_MAX, "there is no memory for it");
		return NULL;
	}
	if (fastpath_router_init(&fastpath->router) < 0) {
		snprintf(why, FASTPATH_WHY_MAX, "routes cannot be asked for: %s",
			 error_text(errno, text, sizeof(text)));
		goto no_router;
	}
	if (fastpath_programs_load(&fastpath->programs, why) < 0)
		goto no_programs;
	fastpath->flows.programs = &fastpath->programs;
	fastpath->flows.numbers = fastpath_numbers_new(fastpath->programs.shared);
	if (fastpath->flows.numbers == NULL) {
		snprintf(why, FASTPATH_WHY_MAX, "there is no memory for its flows");
		goto no_numbers;
	}
	if (fastpath_attach(&fastpath->lo, fastpath->programs.lo_program_fd, FASTPATH_LO, false) <
	    0) {
		snprintf(why, FASTPATH_WHY_MAX, "the program could not be attached to lo: %s",
			 error_text(errno, text, sizeof(text)));
		goto not_attached;
	}
	fastpath_devices_init(&fastpath->devices, &fastpath->programs, &fastpath->flows,
			      &fastpath->router);
	renew_lease(fastpath);
	return fastpath;
not_attached:
	fastpath_numbers_free(fastpath->flows.numbers);
no_numbers:
	fastpath_programs_unload(&fastpath->programs);
no_programs:
	fastpath_router_fini(&fastpath->router);
no_router:
	free(fastpath);
	return NULL;
}

void fastpath_close(struct fastpath *fastpath)
{
	if (fastpath == NULL)
		return;
	__atomic_store_n(&fastpath->programs.shared->lease_ns, 0, __ATOMIC_RELAXED);
	fastpath_detach(&fastpath->lo);
	fastpath_devices_fini(&fastpath->devices);
	fastpath_numbers_free(fastpath->flows.numbers);
	fastpath_programs_unload(&fastpath->programs);
	fastpath_router_fini(&fastpath->router);
	free(fastpath);
}

void fastpath_renew(struct fastpath *fastpath)
{
	renew_lease(fastpath);
	fastpath_devices_go_on(&fastpath->devices);
}

enum fastpath_verdict fastpath_try(struct fastpath *fastpath, uint32_t interface,
				   const struct addr *listening, const struct addr *target,
				   char why[static FASTPATH_WHY_MAX])
{
	if (addr_family(listening) != addr_family(target)) {
		snprintf(why, FASTPATH_WHY_MAX,
			 "the listener and the target have addresses of different families");
		return FASTPATH_FAILS;
	}
	return fastpath_devices_ask(&fastpath->devices, interface, target, why);
}

/*
 * Whether replies of the target's come back over lo, and leave by the device they came by; *mtu is
 * that of their way then.
 */
static bool is_way_known(struct fastpath *fastpath, const struct fastpath_flow *flow, uint32_t *mtu)
{
	struct fastpath_route route;

	if (!addr_is_loopback(&flow->target) &&
	    (fastpath_route_ask(&fastpath->router, &flow->target, &flow->client, &route) < 0 ||
	     !route.local))
		return false;
	if (flow->interface == FASTPATH_LO)
		return true;
	if (fastpath_route_ask(&fastpath->router, &flow->listening, &flow->balancer, &route) < 0 ||
	    route.interface != flow->interface)
		return false;
	*mtu = route.mtu;
	return true;
}

int fastpath_install(struct fastpath *fastpath, const struct fastpath_flow *flow,
		     struct fastpath_place *place)
{
	struct fastpath_flow_kind kind = {0};

	place->number = 0;
	if (flow->interface != FASTPATH_LO) {
		kind.device = fastpath_devices_find(&fastpath->devices, flow->interface);
		if (kind.device == FASTPATH_DEVICES) {
			errno = ENODEV;
			return -1;
		}
	}
	if (!is_way_known(fastpath, flow, &kind.mtu)) {
		errno = EHOSTUNREACH;
		return -1;
	}
	return fastpath_flows_add(&fastpath->flows, flow, &kind, place);
}

void fastpath_read(struct fastpath *fastpath, const struct fastpath_place *place,
		   struct fastpath_counts *counts)
{
	fastpath_flows_read(&fastpath->flows, place, counts);
}

void fastpath_remove(struct fastpath *fastpath, struct fastpath_place *place,
		     struct fastpath_counts *counts)
{
	fastpath_flows_remove(&fastpath->flows, place, counts);
}

void fastpath_read_events(struct fastpath *fastpath, uint64_t counts[static FASTPATH_EVENTS])
{
	fastpath_programs_read_events(&fastpath->programs, counts);
}
