/* SPDX-License-Identifier: BSD-2-Clause */
/* What the relays of one worker share. One worker thread. */
#ifndef MMPROXY_RELAY_CONTEXT_H
#define MMPROXY_RELAY_CONTEXT_H

#include "tcp/pipe_pool.h"
#include "tcp/relay_poll.h"

struct relay_context {
	struct event_base *base;
	struct relay_poll poll;
	struct pipe_pool pipes;
};

/* Returns 0, or -1 with errno, with nothing left behind. */
int relay_context_init(struct relay_context *context, struct event_base *base)
    __attribute__((warn_unused_result));

/* After the last relay. */
void relay_context_fini(struct relay_context *context);

#endif
