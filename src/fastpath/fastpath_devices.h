/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices that datagrams come by: which have their program, and what is known of whether flows
 * can be carried there.
 *
 * fastpath_devices_ask() may be called by any thread, the others by the main thread.
 */
#ifndef MMPROXY_FASTPATH_DEVICES_H
#define MMPROXY_FASTPATH_DEVICES_H

#include <pthread.h>
#include <stdint.h>

#include "fastpath/fastpath_attach.h"
#include "fastpath/fastpath_flow.h"
#include "fastpath/fastpath_flows.h"
#include "fastpath/fastpath_route.h"
#include "fastpath/fastpath_trial.h"

/* What a self-test is about: the family, and whether the target is on loopback. */
#define FASTPATH_CLASSES 4

/* A test that failed is made again after so long, when there is a flow that could use it. */
#define FASTPATH_RETRY_MS 60000

struct fastpath_class {
	enum {
		FASTPATH_CLASS_UNKNOWN,
		FASTPATH_CLASS_WANTED,
		FASTPATH_CLASS_TRIED,
		FASTPATH_CLASS_WORKS,
		FASTPATH_CLASS_FAILS
	} state;
	struct addr target; /* to test with */
	int64_t failed_ms;
	char why[FASTPATH_WHY_MAX];
};

struct fastpath_device_state {
	uint32_t interface; /* 0: none */
	struct fastpath_attachment attachment;
	struct fastpath_class classes[FASTPATH_CLASSES];
};

struct fastpath_devices {
	pthread_mutex_t lock; /* of the states */
	struct fastpath_programs *programs;
	struct fastpath_flows *flows;
	struct fastpath_router *router;
	struct fastpath_device_state states[FASTPATH_DEVICES];
	struct fastpath_trial trial; /* one at a time */
	uint32_t trial_device;
	uint32_t trial_class;
	bool trial_runs;
};

void fastpath_devices_init(struct fastpath_devices *devices, struct fastpath_programs *programs,
			   struct fastpath_flows *flows, struct fastpath_router *router);
void fastpath_devices_fini(struct fastpath_devices *devices);

/* As fastpath_try(). */
enum fastpath_verdict fastpath_devices_ask(struct fastpath_devices *devices, uint32_t interface,
					   const struct addr *target,
					   char why[static FASTPATH_WHY_MAX]);

/* The place of a device; FASTPATH_DEVICES when it has none. Any thread. */
uint32_t fastpath_devices_find(struct fastpath_devices *devices, uint32_t interface);

/* Go on with tests, and look how long a datagram of each device may be. Never waits. */
void fastpath_devices_go_on(struct fastpath_devices *devices);

#endif
