/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log says of a session. */
#include "tcp/session_log.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "proxyproto/proxy_tlv.h"
#include "tcp/tcp_listener.h"

/*
 * Text from a header can be as long as header_max; a line shows this much of it. 255 is the longest
 * host name (RFC 1035, section 2.3.4); unique ids end at 128 (section 2.2.5 of the PROXY protocol).
 */
#define SHOWN_MAX 255

struct shown {
	size_t len;
	uint8_t bytes[SHOWN_MAX];
};

struct session_tlvs {
	struct shown authority;
	struct shown unique_id;
	struct shown vpce;
};

static bool show(struct shown *shown, bool found, const struct proxy_tlv *tlv)
{
	if (!found)
		return false;
	shown->len = tlv->len < SHOWN_MAX ? tlv->len : SHOWN_MAX;
	if (shown->len > 0)
		memcpy(shown->bytes, tlv->value, shown->len);
	return true;
}

struct session_tlvs *session_tlvs_new(const struct proxy_header *header)
{
	struct session_tlvs *tlvs;
	struct proxy_tlv tlv;
	bool any;

	if (header->tlvs_len == 0)
		return NULL;
	tlvs = calloc(1, sizeof(*tlvs));
	if (tlvs == NULL)
		return NULL;
	any = show(&tlvs->authority, proxy_tlv_find(header, PROXY_TLV_AUTHORITY, &tlv), &tlv);
	any |= show(&tlvs->unique_id, proxy_tlv_find(header, PROXY_TLV_UNIQUE_ID, &tlv), &tlv);
	any |= show(&tlvs->vpce, proxy_tlv_aws_vpce(header, &tlv), &tlv);
	if (!any) {
		free(tlvs);
		return NULL;
	}
	return tlvs;
}

void session_tlvs_free(struct session_tlvs *tlvs)
{
	free(tlvs);
}

static const char *header_text(const struct session *session)
{
	switch (session->header_version) {
	case 1:
		return "v1";
	case 2:
		return "v2";
	default:
		return "none";
	}
}

static void put_shown(struct log_line *line, const char *key, const struct shown *shown)
{
	if (shown->len > 0)
		log_line_bytes(line, key, shown->bytes, shown->len);
}

static void put_ends(struct log_line *line, const struct session *session)
{
	log_line_str(line, "listener", session->listener->service->conf->name);
	log_line_addr(line, "peer", &session->peer);
	log_line_addr(line, "client", &session->source);
	log_line_addr(line, "backend", &session->target);
}

void session_log_end(const struct session *session, enum close_reason reason,
		     const struct relay_progress *progress)
{
	int64_t now = clock_now_ms();
	int64_t connected = session->connected_ms != 0 ? session->connected_ms : now;
	struct log_line line;
	char error[128];

	if (!tcp_service_may_log(session->listener->service, reason, now))
		return;
	log_line_begin(&line, reason_level(reason));
	put_ends(&line, session);
	log_line_str(&line, "reason", reason_name(reason));
	log_line_str(&line, "header", header_text(session));
	log_line_u64(&line, "up", progress->bytes[RELAY_UP]);
	log_line_u64(&line, "down", progress->bytes[RELAY_DOWN]);
	log_line_u64(&line, "connect_ms",
		     session->dialled_ms != 0 ? (uint64_t)(connected - session->dialled_ms) : 0);
	log_line_u64(&line, "duration_ms", (uint64_t)(now - session->accepted_ms));
	if (session->tlvs != NULL) {
		put_shown(&line, "tlv_authority", &session->tlvs->authority);
		put_shown(&line, "tlv_unique_id", &session->tlvs->unique_id);
		put_shown(&line, "tlv_vpce", &session->tlvs->vpce);
	}
	if (session->any_port)
		log_line_str(&line, "source_port", "ephemeral");
	if (session->header_error != PROXY_ERROR_NONE)
		log_line_str(&line, "error", proxy_error_name(session->header_error));
	else if (session->error != 0)
		log_line_str(&line, "error", strerror_r(session->error, error, sizeof(error)));
	log_line_end(&line);
}

void session_log_refused(struct tcp_service *service, const struct addr *peer,
			 enum close_reason reason)
{
	struct log_line line;

	if (!tcp_service_may_log(service, reason, clock_now_ms()))
		return;
	log_line_begin(&line, reason_level(reason));
	log_line_str(&line, "listener", service->conf->name);
	log_line_addr(&line, "peer", peer);
	log_line_str(&line, "reason", reason_name(reason));
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
