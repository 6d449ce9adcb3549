/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log says of flows. */
#ifndef MMPROXY_FLOW_LOG_H
#define MMPROXY_FLOW_LOG_H

#include "base/reason.h"
#include "udp/flow.h"

/* The line at a flow's end, unless the configuration or the limit of its reason keeps it back. */
void flow_log_end(const struct flow *flow, enum close_reason reason);

#endif
