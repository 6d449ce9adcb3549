/* SPDX-License-Identifier: BSD-2-Clause */
/* What the relays of one worker share. */
#include "tcp/relay_context.h"

#include <stdlib.h>

int relay_context_init(struct relay_context *context, struct event_base *base)
{
	int pool;
	int poll;
	int deliveries;
	int gather;

	context->base = base;
	context->read_buffer = malloc(RELAY_COPY_MAX);
	pool = pipe_pool_init(&context->pipes, base);
	poll = relay_poll_init(&context->poll, base);
	deliveries = relay_deliveries_init(&context->deliveries, base);
	gather = relay_gather_init(&context->gather, base);
	if (pool == 0 && poll == 0 && deliveries == 0 && gather == 0 &&
	    context->read_buffer != NULL)
		return 0;
	relay_context_fini(context);
	return -1;
}

void relay_context_fini(struct relay_context *context)
{
	relay_gather_fini(&context->gather);
	relay_deliveries_fini(&context->deliveries);
	relay_poll_fini(&context->poll);
	pipe_pool_fini(&context->pipes);
	free(context->read_buffer);
}
