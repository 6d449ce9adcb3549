/* SPDX-License-Identifier: BSD-2-Clause */
/* The metrics, in the text format of Prometheus. */
#include "daemon/metrics.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log_limit.h"
#include "config.h"
#include "daemon/exposition.h"

/* A listener, and what drains under its name. */
struct subject {
	const struct ledger *ledger;
	const struct conf_listener *conf;
	bool has[2]; /* by enum conf_protocol */
	unsigned active[2];
	struct ledger_stats sum;
};

struct writer {
	const struct facts *facts;
	struct exposition text;
	struct subject *subjects;
	size_t subjects_count;
};

/* Whose series a metric has. */
enum scope { PROCESS, EVERY_LISTENER, TCP_LISTENER, UDP_LISTENER };

struct metric {
	const char *name;
	const char *type;
	const char *help;
	enum scope scope;
	/* Of the process, subject is NULL. */
	void (*write)(struct writer *writer, const struct metric *metric,
		      const struct subject *subject);
	size_t offset; /* of the counter or counters in struct stats */
};

/* ---- samples ---- */

/* NAME{listener="...",LABEL="..."} without its value; label NULL: without that one. */
static void put_series(struct writer *writer, const char *name, const struct subject *subject,
		       const char *label, const char *value)
{
	const struct exposition_label listener = {
	    .name = subject != NULL ? "listener" : NULL,
	    .value = subject != NULL ? subject->ledger->name : NULL,
	};

	exposition_series(&writer->text, name, listener, (struct exposition_label){label, value});
}

static void put_sample(struct writer *writer, const struct metric *metric,
		       const struct subject *subject, const char *label, const char *value,
		       uint64_t number)
{
	put_series(writer, metric->name, subject, label, value);
	exposition_u64(&writer->text, number);
}

/* ---- of the process ---- */

static void write_build_info(struct writer *writer, const struct metric *metric,
			     const struct subject *subject)
{
	put_sample(writer, metric, subject, "version", PACKAGE_VERSION, 1);
}

static void write_start_time(struct writer *writer, const struct metric *metric,
			     const struct subject *subject)
{
	put_sample(writer, metric, subject, NULL, NULL, (uint64_t)writer->facts->started);
}

static void write_workers(struct writer *writer, const struct metric *metric,
			  const struct subject *subject)
{
	put_sample(writer, metric, subject, NULL, NULL, writer->facts->serving->workers_count);
}

static void write_descriptors_open(struct writer *writer, const struct metric *metric,
				   const struct subject *subject)
{
	put_sample(writer, metric, subject, NULL, NULL, facts_descriptors_open());
}

static void write_descriptors_limit(struct writer *writer, const struct metric *metric,
				    const struct subject *subject)
{
	put_sample(writer, metric, subject, NULL, NULL, facts_descriptors_limit());
}

static void write_pipe_shortages(struct writer *writer, const struct metric *metric,
				 const struct subject *subject)
{
	put_sample(writer, metric, subject, NULL, NULL, facts_pipe_shortages(writer->facts));
}

static void write_reloads(struct writer *writer, const struct metric *metric,
			  const struct subject *subject)
{
	const struct reload_history *history = &writer->facts->serving->reloads;

	put_sample(writer, metric, subject, "result", "success", history->succeeded);
	put_sample(writer, metric, subject, "result", "failure", history->failed);
}

static void write_reload_failed(struct writer *writer, const struct metric *metric,
				const struct subject *subject)
{
	put_sample(writer, metric, subject, NULL, NULL,
		   writer->facts->serving->reloads.last_failed);
}

static void write_log_suppressed(struct writer *writer, const struct metric *metric,
				 const struct subject *subject)
{
	put_sample(writer, metric, subject, NULL, NULL, log_limit_suppressed());
}

static void write_log_left_out(struct writer *writer, const struct metric *metric,
			       const struct subject *subject)
{
	put_sample(writer, metric, subject, NULL, NULL, log_left_out());
}

static void write_denied_networks(struct writer *writer, const struct metric *metric,
				  const struct subject *subject)
{
	put_sample(writer, metric, subject, NULL, NULL,
		   deny_list_count(writer->facts->serving->denied));
}

/* ---- of a listener ---- */

static void write_counter(struct writer *writer, const struct metric *metric,
			  const struct subject *subject)
{
	const char *stats = (const char *)&subject->sum.stats;

	put_sample(writer, metric, subject, NULL, NULL,
		   stats_get((const atomic_uint_fast64_t *)(const void *)(stats + metric->offset)));
}

static void write_reasons(struct writer *writer, const struct metric *metric,
			  const struct subject *subject)
{
	const atomic_uint_fast64_t *counters = metric->offset == offsetof(struct stats, closed)
						   ? subject->sum.stats.closed
						   : subject->sum.stats.dropped;

	for (size_t i = 0; i < REASON_COUNT; i++)
		put_sample(writer, metric, subject, "reason", reason_name((enum close_reason)i),
			   stats_get(&counters[i]));
}

static void write_directions(struct writer *writer, const struct metric *metric,
			     const struct subject *subject)
{
	const char *stats = (const char *)&subject->sum.stats;
	const atomic_uint_fast64_t *counters =
	    (const atomic_uint_fast64_t *)(const void *)(stats + metric->offset);

	put_sample(writer, metric, subject, "direction", "up", stats_get(&counters[STATS_UP]));
	put_sample(writer, metric, subject, "direction", "down", stats_get(&counters[STATS_DOWN]));
}

static void write_active(struct writer *writer, const struct metric *metric,
			 const struct subject *subject)
{
	put_sample(
	    writer, metric, subject, NULL, NULL,
	    subject->active[metric->scope == UDP_LISTENER ? CONF_PROTOCOL_UDP : CONF_PROTOCOL_TCP]);
}

static void write_limit(struct writer *writer, const struct metric *metric,
			const struct subject *subject)
{
	put_sample(writer, metric, subject, NULL, NULL,
		   metric->scope == UDP_LISTENER ? subject->conf->max_flows
						 : subject->conf->max_connections);
}

static void write_header_errors(struct writer *writer, const struct metric *metric,
				const struct subject *subject)
{
	for (size_t i = PROXY_ERROR_NONE + 1; i < PROXY_ERROR_COUNT; i++)
		put_sample(writer, metric, subject, "error", proxy_error_name((enum proxy_error)i),
			   stats_get(&subject->sum.header_errors[i]));
}

static void write_connect_time(struct writer *writer, const struct metric *metric,
			       const struct subject *subject)
{
	const struct stats *stats = &subject->sum.stats;
	char name[64];
	char bound[32];
	uint64_t count = 0;

	snprintf(name, sizeof(name), "%s_bucket", metric->name);
	for (size_t i = 0; i < STATS_CONNECT_CLASSES; i++) {
		count += stats_get(&stats->connected[i]);
		if (i < STATS_CONNECT_CLASSES - 1)
			snprintf(bound, sizeof(bound), "%g",
				 (double)stats_connect_bounds_us[i] / 1e6);
		else
			snprintf(bound, sizeof(bound), "+Inf");
		put_series(writer, name, subject, "le", bound);
		exposition_u64(&writer->text, count);
	}
	snprintf(name, sizeof(name), "%s_sum", metric->name);
	put_series(writer, name, subject, NULL, NULL);
	exposition_seconds(&writer->text, stats_get(&stats->connect_us));
	snprintf(name, sizeof(name), "%s_count", metric->name);
	put_series(writer, name, subject, NULL, NULL);
	exposition_u64(&writer->text, count);
}

/* ---- the table ---- */

#define COUNTER(field) write_counter, offsetof(struct stats, field)

/* The one place that knows a metric; tests hold manual page and dashboards against it. */
static const struct metric metrics[] = {
    {"mmproxy_build_info", "gauge", "The version that runs; always 1.", PROCESS, write_build_info,
     0},
    {"mmproxy_start_time_seconds", "gauge", "When the process started, in seconds since 1970.",
     PROCESS, write_start_time, 0},
    {"mmproxy_workers", "gauge", "Threads that serve connections and flows.", PROCESS,
     write_workers, 0},
    {"mmproxy_descriptors_open", "gauge", "Descriptors that the process has open.", PROCESS,
     write_descriptors_open, 0},
    {"mmproxy_descriptors_limit", "gauge",
     "Descriptors that the process may have open; 0: no limit.", PROCESS, write_descriptors_limit,
     0},
    {"mmproxy_connections_total", "counter",
     "Connections accepted, or flows opened by a UDP listener.", EVERY_LISTENER, COUNTER(opened)},
    {"mmproxy_connections_active", "gauge",
     "Connections that are open, those that wait for a header or a backend included.", TCP_LISTENER,
     write_active, 0},
    {"mmproxy_connections_limit", "gauge", "max_connections of the listener; 0: no limit.",
     TCP_LISTENER, write_limit, 0},
    {"mmproxy_connections_closed_total", "counter",
     "Connections and flows that ended or were refused, by reason.", EVERY_LISTENER, write_reasons,
     offsetof(struct stats, closed)},
    {"mmproxy_bytes_total", "counter",
     "Bytes that the backend (up) and the load balancer's side (down) have taken.", EVERY_LISTENER,
     write_directions, offsetof(struct stats, bytes)},
    {"mmproxy_header_errors_total", "counter", "PROXY headers that were not valid, by mistake.",
     EVERY_LISTENER, write_header_errors, 0},
    {"mmproxy_backend_connect_seconds", "histogram",
     "How long connecting to the backend took, waiting for the client's port included.",
     TCP_LISTENER, write_connect_time, 0},
    {"mmproxy_source_fallbacks_total", "counter",
     "Connections and flows that had another port than the client's because that was taken.",
     EVERY_LISTENER, COUNTER(source_fallbacks)},
    {"mmproxy_accept_pauses_total", "counter",
     "Pauses in accepting because of a flood of connections that came to nothing.", TCP_LISTENER,
     COUNTER(accept_pauses)},
    {"mmproxy_pipe_shortages_total", "counter",
     "How often bulk was copied because no pipe was to be had for splicing.", PROCESS,
     write_pipe_shortages, 0},
    {"mmproxy_udp_flows_active", "gauge", "UDP flows that are open.", UDP_LISTENER, write_active,
     0},
    {"mmproxy_udp_flows_limit", "gauge", "max_flows of the listener.", UDP_LISTENER, write_limit,
     0},
    {"mmproxy_udp_flows_displaced_total", "counter",
     "UDP flows that ended to make room for another.", UDP_LISTENER, COUNTER(displaced)},
    {"mmproxy_udp_datagrams_total", "counter",
     "Datagrams sent to the backend (up) and to the load balancer (down).", UDP_LISTENER,
     write_directions, offsetof(struct stats, datagrams)},
    {"mmproxy_udp_carried_flows", "gauge", "UDP flows that the kernel carries.", UDP_LISTENER,
     COUNTER(carried_flows)},
    {"mmproxy_udp_carried_datagrams_total", "counter",
     "Of the datagrams sent, those that the kernel has carried.", UDP_LISTENER, write_directions,
     offsetof(struct stats, carried)},
    {"mmproxy_udp_demoted_total", "counter",
     "UDP flows taken back from the kernel because nothing came back.", UDP_LISTENER,
     COUNTER(demoted)},
    {"mmproxy_udp_dropped_total", "counter", "Datagrams dropped, by reason.", UDP_LISTENER,
     write_reasons, offsetof(struct stats, dropped)},
    {"mmproxy_udp_icmp_errors_total", "counter",
     "Datagrams that the backend's host or a router said it had not delivered.", UDP_LISTENER,
     COUNTER(icmp_errors)},
    {"mmproxy_reloads_total", "counter", "Reloads of the configuration, by result.", PROCESS,
     write_reloads, 0},
    {"mmproxy_last_reload_failed", "gauge",
     "1 when the configuration on disk was refused the last time, 0 otherwise.", PROCESS,
     write_reload_failed, 0},
    {"mmproxy_log_suppressed_total", "counter",
     "Log lines left out by the limit of ten a second, listener and reason.", PROCESS,
     write_log_suppressed, 0},
    {"mmproxy_log_lines_lost_total", "counter",
     "Log lines left out because they could not be written in time.", PROCESS, write_log_left_out,
     0},
    {"mmproxy_denied_networks", "gauge", "Networks of the live deny list.", PROCESS,
     write_denied_networks, 0},
};

/* ---- all of them ---- */

static struct subject *find_subject(struct writer *writer, const char *name)
{
	for (size_t i = 0; i < writer->subjects_count; i++)
		if (strcmp(writer->subjects[i].ledger->name, name) == 0)
			return &writer->subjects[i];
	return NULL;
}

/*
 * A listener that drains may have the name of one of the other protocol that is configured now.
 * They have one series, since nothing in its labels tells them apart.
 */
static void add_subject(struct writer *writer, const struct roster_entry *entry)
{
	struct subject *subject = find_subject(writer, entry->ledger->name);
	enum conf_protocol protocol = entry->ledger->protocol;

	if (subject == NULL) {
		subject = &writer->subjects[writer->subjects_count++];
		subject->ledger = entry->ledger;
		subject->conf = entry->service->conf;
	}
	subject->has[protocol] = true;
	subject->active[protocol] += ledger_active(entry->ledger);
	ledger_sum(entry->ledger, &subject->sum);
}

static int add_subjects(struct writer *writer)
{
	const struct roster *roster = &writer->facts->serving->roster;
	const struct roster_entry *entry;
	size_t count = 0;

	TAILQ_FOREACH(entry, &roster->entries, entry)
	count++;
	writer->subjects =
	    aligned_alloc(_Alignof(struct subject), (count + 1) * sizeof(writer->subjects[0]));
	if (writer->subjects == NULL)
		return -1;
	memset(writer->subjects, 0, (count + 1) * sizeof(writer->subjects[0]));
	TAILQ_FOREACH(entry, &roster->entries, entry)
	add_subject(writer, entry);
	return 0;
}

static bool has_series(const struct metric *metric, const struct subject *subject)
{
	switch (metric->scope) {
	case TCP_LISTENER:
		return subject->has[CONF_PROTOCOL_TCP];
	case UDP_LISTENER:
		return subject->has[CONF_PROTOCOL_UDP];
	case EVERY_LISTENER:
		return true;
	case PROCESS:
		break;
	}
	return false;
}

static void write_metric(struct writer *writer, const struct metric *metric)
{
	exposition_head(&writer->text, metric->name, metric->type, metric->help);
	if (metric->scope == PROCESS)
		metric->write(writer, metric, NULL);
	for (size_t i = 0; i < writer->subjects_count; i++)
		if (has_series(metric, &writer->subjects[i]))
			metric->write(writer, metric, &writer->subjects[i]);
}

int metrics_write(const struct facts *facts, struct evbuffer *out)
{
	struct writer writer = {.facts = facts, .text.out = out};

	if (add_subjects(&writer) < 0)
		return -1;
	for (size_t i = 0; i < metrics_count(); i++)
		write_metric(&writer, &metrics[i]);
	free(writer.subjects);
	return writer.text.failed ? -1 : 0;
}

size_t metrics_count(void)
{
	return sizeof(metrics) / sizeof(metrics[0]);
}

struct metrics_row metrics_row(size_t index)
{
	const struct metric *metric = &metrics[index];

	return (struct metrics_row){metric->name, metric->type, metric->help};
}
