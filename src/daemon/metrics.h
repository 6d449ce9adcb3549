/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The metrics, in the text format of Prometheus (version 0.0.4). Every series that there can be is
 * there from the start, with 0. Main thread.
 */
#ifndef MMPROXY_METRICS_H
#define MMPROXY_METRICS_H

#include <stddef.h>

#include <event2/buffer.h>

#include "daemon/facts.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Append all metrics to out. Returns 0, or -1 when memory was out. */
int metrics_write(const struct facts *facts, struct evbuffer *out)
    __attribute__((warn_unused_result));

/* One row of the table, for tests: number 0 ... count - 1. */
struct metrics_row {
	const char *name;
	const char *type;
	const char *help;
};

size_t metrics_count(void);
struct metrics_row metrics_row(size_t index);

#endif
