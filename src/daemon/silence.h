/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a UDP listener's target answers clients at all: one that never does is warned of, once
 * for each family of addresses.
 *
 * UDP tells nobody that answers do not come back, so the only sign of a missing way back is that
 * nothing ever came. A target that answers nobody by design, as one of syslog, looks the same,
 * which is why one warning is all. Main thread.
 */
#ifndef MMPROXY_SILENCE_H
#define MMPROXY_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/stats.h"
#include "service/service.h"

/* What a roster keeps of a listener, and of each family of its targets. All zero at first. */
struct silence_family {
	struct addr target; /* that the warning is about */
	uint64_t asked;	    /* by clients, when the configuration was read */
	uint64_t answered;  /* likewise */
	uint64_t refused;   /* likewise */
	int64_t asked_ms;   /* since when there is no answer; 0: nobody has asked */
	bool heard;	    /* it has answered since the configuration was read */
	bool warned;	    /* about this target */
};

struct silence {
	bool has_begun;
	struct silence_family families[STATS_FAMILIES];
};

/* The configuration was read: from now on answers count, and another target may be warned of. */
void silence_begin(struct silence *silence, const struct service *service);

/*
 * Warn of targets that have been asked for SILENCE_PATIENCE_MS and have never answered. Once a
 * second is enough. Returns whether it warned.
 */
bool silence_look(struct silence *silence, const struct service *service, int64_t now_ms);

/*
 * As long as connect_timeout of TCP is by default. Whoever answers at all does so within a round
 * trip; a name server that asks others may take a few seconds, and then its clients ask again.
 * Waiting for the flow to end would take a minute.
 */
#define SILENCE_PATIENCE_MS 5000

#endif
