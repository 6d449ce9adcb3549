/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions and flows as JSON for programs and as a table for people. */
#include "daemon/sessions_text.h"

#include "daemon/json.h"
#include "daemon/table.h"

/* A flow relays from its first datagram on. */
static const char *state_name(const struct sessions_row *row)
{
	if (row->relaying)
		return "relaying";
	return addr_is_set(&row->target) ? "connecting" : "header";
}

static const char *protocol_name(const struct sessions_row *row)
{
	return row->ledger->protocol == CONF_PROTOCOL_UDP ? "udp" : "tcp";
}

static void put_row(struct json *json, const struct sessions_row *row)
{
	json_object(json, NULL);
	json_str(json, "listener", row->ledger->name);
	json_str(json, "protocol", protocol_name(row));
	json_addr(json, "client", &row->client);
	json_addr(json, "peer", &row->peer);
	json_addr(json, "backend", &row->target);
	json_str(json, "state", state_name(row));
	if (row->ledger->protocol == CONF_PROTOCOL_UDP)
		json_str(json, "relay", row->carried ? "kernel" : "user");
	json_u64(json, "bytes_up", row->bytes[STATS_UP]);
	json_u64(json, "bytes_down", row->bytes[STATS_DOWN]);
	json_u64(json, "age_ms", row->age_ms);
	json_u64(json, "idle_ms", row->idle_ms);
	json_object_end(json);
}

int sessions_write_json(const struct sessions_row *rows, size_t count, struct evbuffer *out)
{
	struct json json;

	json_init(&json, out);
	json_object(&json, NULL);
	json_array(&json, "sessions");
	for (size_t i = 0; i < count; i++)
		put_row(&json, &rows[i]);
	json_array_end(&json);
	json_object_end(&json);
	return json_finish(&json);
}

int sessions_write_table(const struct sessions_row *rows, size_t count, struct evbuffer *out)
{
	struct table *table =
	    table_new("<CLIENT <LISTENER <PROTOCOL <STATE UP DOWN AGE IDLE <BACKEND <PEER");
	int result;

	if (table == NULL)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct sessions_row *row = &rows[i];

		table_addr(table, &row->client);
		table_text(table, row->ledger->name);
		table_text(table, protocol_name(row));
		table_text(table, row->carried ? "kernel" : state_name(row));
		table_bytes(table, row->bytes[STATS_UP]);
		table_bytes(table, row->bytes[STATS_DOWN]);
		table_duration(table, row->age_ms);
		table_duration(table, row->idle_ms);
		table_addr(table, &row->target);
		table_addr(table, &row->peer);
	}
	result = table_write(table, out);
	table_free(table);
	return result;
}
