/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon does now. */
#include "daemon/status.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log_limit.h"
#include "config.h"
#include "daemon/json.h"
#include "daemon/table.h"

/* Networks of the deny list that people are shown; programs get them all. */
#define DENIED_SHOWN 20

static const char *protocol_name(const struct ledger *ledger)
{
	return ledger->protocol == CONF_PROTOCOL_UDP ? "udp" : "tcp";
}

static int64_t uptime_ms(const struct facts *facts)
{
	return clock_now_ms() - facts->started_ms;
}

static bool is_failure(size_t reason)
{
	return reason_level((enum close_reason)reason) >= LOG_LEVEL_WARN;
}

/* ---- JSON ---- */

static void put_counts(struct json *json, const char *key, const atomic_uint_fast64_t *counts,
		       bool failures_only)
{
	json_object(json, key);
	for (size_t i = 0; i < REASON_COUNT; i++)
		if (stats_get(&counts[i]) != 0 && (!failures_only || is_failure(i)))
			json_u64(json, reason_name((enum close_reason)i), stats_get(&counts[i]));
	json_object_end(json);
}

static void put_up_down(struct json *json, const char *key, uint64_t up, uint64_t down)
{
	json_object(json, key);
	json_u64(json, "up", up);
	json_u64(json, "down", down);
	json_object_end(json);
}

static void put_addresses(struct json *json, const struct conf_listener *conf)
{
	char text[CONF_RANGE_STRLEN];

	json_array(json, "listen");
	for (size_t i = 0; i < conf->listen_count;) {
		i += conf_listen_range(conf, i, text);
		json_str(json, NULL, text);
	}
	json_array_end(json);
	json_object(json, "targets");
	json_addr(json, "ipv4", &conf->target_ipv4);
	json_addr(json, "ipv6", &conf->target_ipv6);
	json_object_end(json);
}

static void put_rates(struct json *json, const struct facts *facts, const struct ledger *ledger)
{
	struct rate rate;

	if (!rates_find(facts->rates, ledger, &rate)) {
		json_null(json, "rates");
		return;
	}
	json_object(json, "rates");
	json_u64(json, "opened", rate.opened);
	json_u64(json, "failures", rate.failures);
	json_u64(json, "bytes_up", rate.bytes[STATS_UP]);
	json_u64(json, "bytes_down", rate.bytes[STATS_DOWN]);
	json_object_end(json);
}

static void put_header_errors(struct json *json, const struct ledger_stats *sum)
{
	json_object(json, "header_errors");
	for (size_t i = PROXY_ERROR_NONE + 1; i < PROXY_ERROR_COUNT; i++)
		if (stats_get(&sum->header_errors[i]) != 0)
			json_u64(json, proxy_error_name((enum proxy_error)i),
				 stats_get(&sum->header_errors[i]));
	json_object_end(json);
}

static void put_listener(struct json *json, const struct facts *facts,
			 const struct roster_entry *entry)
{
	const struct ledger *ledger = entry->ledger;
	struct ledger_stats sum = {0};

	ledger_sum(ledger, &sum);
	json_object(json, NULL);
	json_str(json, "name", ledger->name);
	json_str(json, "protocol", protocol_name(ledger));
	json_bool(json, "draining", !entry->configured);
	put_addresses(json, entry->service->conf);
	json_u64(json, "active", ledger_active(ledger));
	json_u64(json, "limit", service_limit(entry->service));
	json_u64(json, "opened", stats_get(&sum.stats.opened));
	put_up_down(json, "bytes", stats_get(&sum.stats.bytes[STATS_UP]),
		    stats_get(&sum.stats.bytes[STATS_DOWN]));
	if (ledger->protocol == CONF_PROTOCOL_UDP) {
		put_up_down(json, "datagrams", stats_get(&sum.stats.datagrams[STATS_UP]),
			    stats_get(&sum.stats.datagrams[STATS_DOWN]));
		put_counts(json, "dropped", sum.stats.dropped, false);
	}
	put_rates(json, facts, ledger);
	put_counts(json, "closed", sum.stats.closed, false);
	put_counts(json, "failures", sum.stats.closed, true);
	put_header_errors(json, &sum);
	json_object_end(json);
}

static void put_denied(struct json *json, struct deny_list *list)
{
	int64_t now_ms = deny_list_clock_ms();

	json_array(json, "denied");
	for (size_t i = 0; i < deny_list_count(list); i++) {
		struct deny_list_row row;
		char text[NETWORK_STRLEN];

		deny_list_row(list, i, now_ms, &row);
		json_object(json, NULL);
		json_str(json, "network", network_format(&row.network, text));
		if (row.seconds == 0)
			json_null(json, "seconds_left");
		else
			json_u64(json, "seconds_left", (uint64_t)row.seconds);
		json_u64(json, "hits", row.hits);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_reloads(struct json *json, const struct reload_history *history)
{
	char text[FACTS_TIME_LEN];

	json_object(json, "reloads");
	json_u64(json, "succeeded", history->succeeded);
	json_u64(json, "failed", history->failed);
	if (history->last != 0) {
		json_object(json, "last");
		json_str(json, "time", facts_format_time(history->last, text));
		json_str(json, "result", history->last_failed ? "failure" : "success");
		json_str(json, "error", history->last_failed ? history->error : NULL);
		json_object_end(json);
	} else {
		json_null(json, "last");
	}
	json_object_end(json);
}

int status_write_json(const struct facts *facts, struct evbuffer *out)
{
	const struct serving *serving = facts->serving;
	const struct roster_entry *entry;
	char text[FACTS_TIME_LEN];
	struct json json;

	json_init(&json, out);
	json_object(&json, NULL);
	json_str(&json, "version", PACKAGE_VERSION);
	json_u64(&json, "pid", (uint64_t)getpid());
	json_str(&json, "started", facts_format_time(facts->started, text));
	json_u64(&json, "uptime_s", (uint64_t)uptime_ms(facts) / 1000);
	json_u64(&json, "workers", serving->workers_count);
	json_object(&json, "descriptors");
	json_u64(&json, "open", facts_descriptors_open());
	json_u64(&json, "limit", facts_descriptors_limit());
	json_object_end(&json);
	json_array(&json, "listeners");
	TAILQ_FOREACH(entry, &serving->roster.entries, entry)
	put_listener(&json, facts, entry);
	json_array_end(&json);
	put_denied(&json, serving->denied);
	put_reloads(&json, &serving->reloads);
	json_object(&json, "log");
	json_u64(&json, "suppressed", log_limit_suppressed());
	json_u64(&json, "lost", log_left_out());
	json_object_end(&json);
	json_u64(&json, "pipe_shortages", facts_pipe_shortages(facts));
	json_object_end(&json);
	return json_finish(&json);
}

/* ---- for people ---- */

static void put_rate(struct table *table, bool known, uint64_t bytes)
{
	char unit[TABLE_UNIT_LEN];
	char text[TABLE_UNIT_LEN + 2];

	if (!known) {
		table_text(table, "-");
		return;
	}
	snprintf(text, sizeof(text), "%s/s", table_format_bytes(bytes, unit));
	table_text(table, text);
}

static void put_row(struct table *table, const struct facts *facts,
		    const struct roster_entry *entry)
{
	struct ledger_stats sum = {0};
	struct rate rate = {0};
	bool known = rates_find(facts->rates, entry->ledger, &rate);
	uint64_t failures = 0;
	char text[TABLE_UNIT_LEN];

	ledger_sum(entry->ledger, &sum);
	for (size_t i = 0; i < REASON_COUNT; i++)
		if (is_failure(i))
			failures +=
			    stats_get(&sum.stats.closed[i]) + stats_get(&sum.stats.dropped[i]);
	table_text(table, entry->ledger->name);
	table_text(table, protocol_name(entry->ledger));
	table_u64(table, ledger_active(entry->ledger));
	snprintf(text, sizeof(text), known ? "%llu/s" : "-", (unsigned long long)rate.opened);
	table_text(table, text);
	put_rate(table, known, rate.bytes[STATS_UP]);
	put_rate(table, known, rate.bytes[STATS_DOWN]);
	table_u64(table, stats_get(&sum.stats.opened));
	table_bytes(table, stats_get(&sum.stats.bytes[STATS_UP]));
	table_bytes(table, stats_get(&sum.stats.bytes[STATS_DOWN]));
	table_u64(table, failures);
}

static int put_listeners(const struct facts *facts, struct evbuffer *out)
{
	struct table *table =
	    table_new("<LISTENER <PROTOCOL ACTIVE NEW UP/S DOWN/S OPENED UP DOWN FAILURES");
	const struct roster_entry *entry;
	int result;

	if (table == NULL)
		return -1;
	TAILQ_FOREACH(entry, &facts->serving->roster.entries, entry)
	put_row(table, facts, entry);
	result = table_write(table, out);
	table_free(table);
	return result;
}

/* Of connections, and of datagrams that had no flow or could not be sent. */
static size_t put_failures(struct table *table, const struct ledger *ledger)
{
	struct ledger_stats sum = {0};
	size_t rows = 0;

	ledger_sum(ledger, &sum);
	for (size_t i = 0; i < REASON_COUNT; i++) {
		uint64_t closed = stats_get(&sum.stats.closed[i]);
		uint64_t dropped = stats_get(&sum.stats.dropped[i]);

		if (!is_failure(i) || closed + dropped == 0)
			continue;
		table_text(table, ledger->name);
		table_text(table, reason_name((enum close_reason)i));
		table_u64(table, closed);
		table_u64(table, dropped);
		table_text(table, reason_sentence((enum close_reason)i));
		rows++;
	}
	return rows;
}

static int put_all_failures(const struct facts *facts, struct evbuffer *out)
{
	struct table *table = table_new("<LISTENER <FAILURE CONNECTIONS DATAGRAMS <MEANING");
	const struct roster_entry *entry;
	size_t rows = 0;
	int result = 0;

	if (table == NULL)
		return -1;
	TAILQ_FOREACH(entry, &facts->serving->roster.entries, entry)
	rows += put_failures(table, entry->ledger);
	if (rows > 0 && (evbuffer_add(out, "\n", 1) < 0 || table_write(table, out) < 0))
		result = -1;
	table_free(table);
	return result;
}

static int put_all_denied(struct deny_list *list, struct evbuffer *out)
{
	size_t count = deny_list_count(list);
	int64_t now_ms = deny_list_clock_ms();
	struct table *table;
	int result;

	if (count == 0)
		return 0;
	table = table_new("<DENIED LEFT REFUSED");
	if (table == NULL)
		return -1;
	for (size_t i = 0; i < count && i < DENIED_SHOWN; i++) {
		struct deny_list_row row;
		char text[NETWORK_STRLEN];

		deny_list_row(list, i, now_ms, &row);
		table_text(table, network_show(&row.network, text));
		if (row.seconds == 0)
			table_text(table, "for ever");
		else
			table_duration(table, (uint64_t)row.seconds * 1000);
		table_u64(table, row.hits);
	}
	result = evbuffer_add(out, "\n", 1) < 0 ? -1 : table_write(table, out);
	if (count > DENIED_SHOWN &&
	    evbuffer_add_printf(out, "and %zu more\n", count - DENIED_SHOWN) < 0)
		result = -1;
	table_free(table);
	return result;
}

static int put_head(const struct facts *facts, struct evbuffer *out)
{
	const struct reload_history *history = &facts->serving->reloads;
	char text[FACTS_TIME_LEN];
	char uptime[TABLE_UNIT_LEN];
	int added = evbuffer_add_printf(
	    out,
	    "mmproxy " PACKAGE_VERSION
	    ", pid %ld, up %s, workers: %zu, descriptors: %llu of %llu\n",
	    (long)getpid(), table_format_duration((uint64_t)uptime_ms(facts), uptime),
	    facts->serving->workers_count, (unsigned long long)facts_descriptors_open(),
	    (unsigned long long)facts_descriptors_limit());

	if (added >= 0 && history->last_failed)
		added = evbuffer_add_printf(out, "the reload of %s was refused: %s\n",
					    facts_format_time(history->last, text), history->error);
	else if (added >= 0 && history->last != 0)
		added = evbuffer_add_printf(out, "reloaded %s\n",
					    facts_format_time(history->last, text));
	return added < 0 || evbuffer_add(out, "\n", 1) < 0 ? -1 : 0;
}

int status_write_table(const struct facts *facts, struct evbuffer *out)
{
	if (put_head(facts, out) < 0 || put_listeners(facts, out) < 0 ||
	    put_all_failures(facts, out) < 0)
		return -1;
	return put_all_denied(facts->serving->denied, out);
}
