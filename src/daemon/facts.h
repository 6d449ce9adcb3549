/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told of the daemon, and where that is to be found. Main thread. */
#ifndef MMPROXY_FACTS_H
#define MMPROXY_FACTS_H

#include <stdint.h>
#include <time.h>

#include "daemon/rates.h"
#include "daemon/serving.h"

/* All borrowed. */
struct facts {
	const struct serving *serving;
	const struct rates *rates;
	time_t started;	    /* the time of day */
	int64_t started_ms; /* CLOCK_MONOTONIC */
};

/* "2026-11-21T18:00:00Z" */
#define FACTS_TIME_LEN 32
const char *facts_format_time(time_t when, char buf[static FACTS_TIME_LEN]);

/* Descriptors that the process has open, and may have; 0 where the system does not say. */
uint64_t facts_descriptors_open(void);
uint64_t facts_descriptors_limit(void);

/* How often bulk was copied because there was no pipe for it. */
uint64_t facts_pipe_shortages(const struct facts *facts);

#endif
