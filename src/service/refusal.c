/* SPDX-License-Identifier: BSD-2-Clause */
/* The line of a connection or datagram that was turned away. */
#include "service/refusal.h"

#include "base/clock.h"

static void put_known(struct log_line *line, const char *key, const struct addr *addr)
{
	if (addr != NULL && addr_is_set(addr))
		log_line_addr(line, key, addr);
}

void refusal_log(struct service *service, const struct refusal *refusal)
{
	struct log_line line;

	if (!service_may_log(service, refusal->reason, clock_now_ms()))
		return;
	log_line_begin(&line, reason_level(refusal->reason));
	log_line_str(&line, "listener", service->conf->name);
	log_line_addr(&line, "peer", refusal->peer);
	put_known(&line, "client", refusal->client);
	put_known(&line, "backend", refusal->backend);
	log_line_str(&line, "reason", reason_name(refusal->reason));
	bad_header_log(&refusal->bad, &line);
	log_line_end(&line);
}
