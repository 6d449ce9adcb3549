/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon does now: as JSON for programs, as a table for people. Main thread. */
#ifndef MMPROXY_STATUS_H
#define MMPROXY_STATUS_H

#include <event2/buffer.h>

#include "daemon/facts.h"

/* Append to out. Both return 0, or -1 when memory was out. */
int status_write_json(const struct facts *facts, struct evbuffer *out)
    __attribute__((warn_unused_result));
int status_write_table(const struct facts *facts, struct evbuffer *out)
    __attribute__((warn_unused_result));

#endif
