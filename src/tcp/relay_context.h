/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the relays of one worker share: readiness of sockets, pipes, the deadlines of deliveries,
 * streams that are gathered, and the one buffer that sockets are read into, also by the header
 * stage. One worker thread.
 */
#ifndef MMPROXY_RELAY_CONTEXT_H
#define MMPROXY_RELAY_CONTEXT_H

#include "tcp/pipe_pool.h"
#include "tcp/relay_delivery.h"
#include "tcp/relay_gather.h"
#include "tcp/relay_poll.h"

/*
 * Bytes of a read. One that comes back full turns its direction to bulk, so it is large enough for
 * whole messages of chatty protocols and small enough to stay in the processor's cache.
 */
#define RELAY_READ_MAX PIPE_POOL_CAPACITY_MIN

/* Bytes of a read while bulk is copied: as much as a core's own cache holds beside all else. */
#define RELAY_COPY_MAX (4 * RELAY_READ_MAX)

struct relay_context {
	struct event_base *base;
	struct relay_poll poll;
	struct pipe_pool pipes;
	struct relay_deliveries deliveries;
	struct relay_gather gather;
	unsigned char *read_buffer; /* RELAY_COPY_MAX bytes; in use within one callback only */
};

/* Returns 0, or -1 with errno, with nothing left behind. */
int relay_context_init(struct relay_context *context, struct event_base *base)
    __attribute__((warn_unused_result));

/* After the last relay. */
void relay_context_fini(struct relay_context *context);

#endif
