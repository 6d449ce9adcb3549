/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of a flow, written down for another process. */
#include "udp/flow_record.h"

#include <string.h>

#include "service/flow_batch.h"

/* 8 of lengths, 64 of times and counters, a key, 6 addresses, 64 of the rest, and origins. */
_Static_assert(sizeof(struct flow_record) == 8 + 64 + 40 + 6 * 28 + 64 + FLOW_ORIGINS_MAX * 68,
	       "no padding: another layout is another version");
_Static_assert(sizeof(struct flow_record) % 8 == 0, "records follow each other");
_Static_assert(PROXY_SPP_LEN <= sizeof(((struct flow_record *)NULL)->header), "it fits");
_Static_assert(FLOW_RECORD_MAX *FLOW_BATCH_MAX <= FLOW_BATCH_BYTES, "a batch has room for all");

/* The address of a number; none when it has been taken away. */
static void put_listening(const struct flow_group *group, uint32_t number, struct addr *listening)
{
	const struct udp_socket *socket = flow_group_socket(group, number);

	if (socket != NULL)
		*listening = socket->entry.lent.addr;
}

/* They are listed latest first. */
static void put_origins(const struct flow *flow, struct flow_record *record)
{
	const struct flow_origin *origin;
	uint32_t at = flow->links.origins_count;

	record->origins_count = at;
	LIST_FOREACH(origin, &flow->links.origins, entry)
	{
		struct flow_record_origin *to = &record->origins[--at];

		to->key = origin->key;
		put_listening(flow->group, origin->key.kind, &to->listening);
	}
}

size_t flow_record_write(const struct flow *flow, uint8_t bytes[static FLOW_RECORD_MAX])
{
	struct flow_record *record = (struct flow_record *)(void *)bytes;
	const struct reply_path *reply = &flow->reply;
	size_t tlvs_len = tlv_copy_write(flow->tlvs, bytes + sizeof(*record));

	memset(record, 0, sizeof(*record));
	record->len = (uint32_t)((sizeof(*record) + tlvs_len + 7) / 8 * 8);
	memset(bytes + sizeof(*record) + tlvs_len, 0, record->len - sizeof(*record) - tlvs_len);
	record->tlvs_len = (uint32_t)tlvs_len;
	record->opened_ms = flow->opened_ms;
	record->active_ms = flow->links.active_ms;
	for (size_t i = 0; i < 2; i++) {
		record->datagrams[i] = flow->datagrams[i];
		record->bytes[i] = flow->bytes[i];
	}
	record->dropped = flow->dropped;
	record->icmp_errors = flow->icmp_errors;
	record->key = flow->links.key;
	record->client = flow->client;
	record->source = route_source(&flow->client, &flow->target, flow->pseudo_ipv4);
	record->target = flow->target;
	record->peer = reply->path.peer;
	record->local = reply->path.local;
	record->interface = reply->path.interface;
	put_listening(flow->group, reply->socket, &record->listening);
	record->header_len = reply->header_len;
	memcpy(record->header, reply->header, reply->header_len);
	record->header_version = flow->header_version;
	record->any_port = flow->any_port;
	record->is_check = flow->is_check;
	put_origins(flow, record);
	return record->len;
}

bool flow_record_is_whole(const struct flow_record *record, size_t len)
{
	return len >= sizeof(*record) && record->len <= len && record->len % 8 == 0 &&
	       record->len >= sizeof(*record) &&
	       record->tlvs_len <= record->len - sizeof(*record) &&
	       record->header_len <= PROXY_SPP_LEN && record->origins_count <= FLOW_ORIGINS_MAX;
}

int flow_record_read(struct flow *flow, const struct flow_record *record, size_t len)
{
	const uint8_t *tlvs = (const uint8_t *)record + sizeof(*record);

	if (!flow_record_is_whole(record, len) ||
	    tlv_copy_read(tlvs, record->tlvs_len, &flow->tlvs) < 0)
		return -1;
	flow->opened_ms = record->opened_ms;
	for (size_t i = 0; i < 2; i++) {
		flow->datagrams[i] = record->datagrams[i];
		flow->bytes[i] = record->bytes[i];
	}
	flow->dropped = record->dropped;
	flow->icmp_errors = record->icmp_errors;
	flow->links.key = record->key;
	flow->client = record->client;
	flow->target = record->target;
	flow->reply.path.peer = record->peer;
	flow->reply.path.local = record->local;
	flow->reply.path.interface = record->interface;
	flow->reply.header_len = record->header_len;
	memcpy(flow->reply.header, record->header, record->header_len);
	flow->header_version = record->header_version;
	flow->any_port = record->any_port != 0;
	flow->is_check = record->is_check != 0;
	return 0;
}
