/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log says of flows and of datagrams that belong to none. */
#ifndef MMPROXY_FLOW_LOG_H
#define MMPROXY_FLOW_LOG_H

#include "base/reason.h"
#include "proxyproto/proxy_header.h"
#include "service/service.h"
#include "udp/flow.h"

/* The line at a flow's end, unless the configuration or the limit of its reason keeps it back. */
void flow_log_end(const struct flow *flow, enum close_reason reason);

/*
 * The same for a datagram that was dropped without a flow. client and backend may be no address;
 * error is that of its header.
 */
void flow_log_refused(struct service *service, const struct addr *peer, const struct addr *client,
		      const struct addr *backend, enum close_reason reason, enum proxy_error error);

#endif
