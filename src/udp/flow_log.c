/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log says of flows. */
#include "udp/flow_log.h"

#include "base/clock.h"
#include "base/stats.h"
#include "service/pseudo_ipv4.h"

void flow_log_end(const struct flow *flow, enum close_reason reason)
{
	struct service *service = flow->service;
	int64_t now = clock_now_ms();
	struct addr peer = flow->reply.path.peer;
	struct log_line line;

	if (!service_may_log(service, reason, now))
		return;
	addr_unmap(&peer);
	log_line_begin(&line, reason_level(reason));
	log_line_str(&line, "listener", service->conf->name);
	log_line_addr(&line, "peer", &peer);
	log_line_addr(&line, "client", &flow->client);
	pseudo_ipv4_log(&flow->client, flow->pseudo_ipv4, &line);
	log_line_addr(&line, "backend", &flow->target);
	log_line_str(&line, "reason", reason_name(reason));
	log_line_str(&line, "header", proxy_version_name(flow->header_version));
	log_line_u64(&line, "up", flow->bytes[STATS_UP]);
	log_line_u64(&line, "down", flow->bytes[STATS_DOWN]);
	log_line_u64(&line, "up_datagrams", flow->datagrams[STATS_UP]);
	log_line_u64(&line, "down_datagrams", flow->datagrams[STATS_DOWN]);
	if (flow->dropped != 0)
		log_line_u64(&line, "dropped", flow->dropped);
	if (flow->icmp_errors != 0)
		log_line_u64(&line, "icmp_errors", flow->icmp_errors);
	log_line_u64(&line, "duration_ms", (uint64_t)(now - flow->opened_ms));
	tlv_copy_log(flow->tlvs, &line);
	if (flow->any_port)
		log_line_str(&line, "source_port", "ephemeral");
	log_line_end(&line);
}
