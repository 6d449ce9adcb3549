/* SPDX-License-Identifier: BSD-2-Clause */
/* What every relay engine shares. */
#include "tcp/relay.h"

int relay_release(struct bufferevent *bev)
{
	int fd = bufferevent_getfd(bev);

	bufferevent_setfd(bev, -1);
	bufferevent_free(bev);
	return fd;
}
