/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams that arrived. */
#include "udp/arrival.h"

#include "service/refusal.h"

void arrival_drop(const struct intake *intake, const struct arrival *arrival,
		  enum close_reason reason)
{
	const struct refusal refusal = {
	    .peer = &intake->peer,
	    .client = &arrival->route.client,
	    .backend = &arrival->route.target,
	    .bad = {.error = arrival->error, .bytes = arrival->bytes, .len = arrival->len},
	    .reason = reason,
	};

	stats_add(&intake->group->stats->dropped[reason], 1);
	if (reason == REASON_HEADER_INVALID)
		stats_add(&intake->group->header_errors[arrival->error], 1);
	/* A drain turns every new client away; one line each would be a flood. */
	if (reason != REASON_SHUTDOWN)
		refusal_log(intake->group->service, &refusal);
}
