/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log says of a session. */
#include "tcp/session_log.h"

#include <string.h>

#include "base/clock.h"
#include "base/error_text.h"
#include "proxyproto/proxy_header.h"
#include "service/bad_header.h"
#include "service/pseudo_ipv4.h"
#include "tcp/tcp_listener.h"

static void put_ends(struct log_line *line, const struct session *session)
{
	log_line_str(line, "listener", session_conf(session)->name);
	log_line_addr(line, "peer", &session->peer);
	log_line_addr(line, "client", &session->client);
	pseudo_ipv4_log(&session->client, session->pseudo_ipv4, line);
	log_line_addr(line, "backend", &session->target);
}

void session_log_end(const struct session *session, enum close_reason reason,
		     const struct relay_progress *progress)
{
	int64_t now = clock_now_ms();
	int64_t connected = session->connected_ms != 0 ? session->connected_ms : now;
	struct log_line line;
	char error[128];

	if (!service_may_log(session->service, reason, now))
		return;
	log_line_begin(&line, reason_level(reason));
	put_ends(&line, session);
	log_line_str(&line, "reason", reason_name(reason));
	log_line_str(&line, "header", proxy_version_name(session->header_version));
	log_line_u64(&line, "up", progress->bytes[RELAY_UP]);
	log_line_u64(&line, "down", progress->bytes[RELAY_DOWN]);
	log_line_u64(&line, "connect_ms",
		     session->dialled_ms != 0 ? (uint64_t)(connected - session->dialled_ms) : 0);
	log_line_u64(&line, "duration_ms", (uint64_t)(now - session->accepted_ms));
	tlv_copy_log(session->tlvs, &line);
	if (session->any_port)
		log_line_str(&line, "source_port", "ephemeral");
	if (session->bad_header != NULL)
		bad_header_log(session->bad_header, &line);
	else if (session->error != 0)
		log_line_str(&line, "error", error_text(session->error, error, sizeof(error)));
	log_line_end(&line);
}

void session_log_step(const struct session *session, const char *step)
{
	struct log_line line;

	if (!log_enabled(LOG_LEVEL_DEBUG))
		return;
	log_line_begin(&line, LOG_LEVEL_DEBUG);
	put_ends(&line, session);
	log_line_str(&line, "step", step);
	log_line_end(&line);
}
