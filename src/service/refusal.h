/* SPDX-License-Identifier: BSD-2-Clause */
/* The line of a connection or datagram that was turned away before it had a session or flow. Any
 * thread. */
#ifndef MMPROXY_REFUSAL_H
#define MMPROXY_REFUSAL_H

#include "base/addr.h"
#include "base/reason.h"
#include "service/bad_header.h"
#include "service/service.h"

struct refusal {
	const struct addr *peer;
	const struct addr *client;  /* NULL or no address: not known */
	const struct addr *backend; /* as client */
	struct bad_header bad;	    /* all zero: its header is not the reason */
	enum close_reason reason;
};

/* Write the line, unless the configuration or the limit of its reason keeps it back. */
void refusal_log(struct service *service, const struct refusal *refusal);

#endif
