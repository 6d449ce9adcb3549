/* SPDX-License-Identifier: BSD-2-Clause */
/* What every relay engine shares. */
#include "tcp/relay.h"

void relay_release(struct bufferevent *bev, struct relay_side *side)
{
	struct evbuffer *output = bufferevent_get_output(bev);

	side->fd = bufferevent_getfd(bev);
	side->undelivered = NULL;
	/* Also thaws the ends of the buffers, which a bufferevent keeps frozen for others. */
	bufferevent_setfd(bev, -1);
	if (evbuffer_get_length(output) > 0) {
		side->undelivered = evbuffer_new();
		if (side->undelivered != NULL)
			evbuffer_add_buffer(side->undelivered, output);
	}
	bufferevent_free(bev);
}
