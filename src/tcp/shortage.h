/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What accepting lacks, and what the log knows of it.
 *
 * The worker's thread only.
 */
#ifndef MMPROXY_SHORTAGE_H
#define MMPROXY_SHORTAGE_H

#include <stdint.h>

#include "base/reason.h"
#include "net/accept.h"

/* All zero: there has been none. */
struct shortage {
	enum close_reason last;
	int64_t last_ms; /* 0: never */
};

/* Accepting has failed with this error: warn, unless it is a shortage that goes on. */
void shortage_log(struct shortage *shortage, const char *listener, enum accept_result result,
		  int error);

#endif
