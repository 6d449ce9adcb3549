/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon says of itself when it starts and when it ends. */
#include "daemon/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "conf/conf_keys.h"
#include "config.h"
#include "daemon/health.h"

/* A sentence about a listener, with its name of 64 characters and an address. */
#define SENTENCE_MAX 512

/* A connection has a socket on either side; bulk takes two more for a pipe if there are any. */
#define PER_CONNECTION 2

/* Standard streams, log, main thread; and a worker's event base, mailbox and epoll instances. */
#define OF_PROCESS 16
#define PER_WORKER 8

/* Room for listener, key and value. */
struct need {
	const char *key;
	uint32_t value;
	uint64_t descriptors;
	bool is_default;
};

static bool is_open(const struct conf_listener *listener, const struct addr **first)
{
	if (listener->allowed_subnets != NULL)
		return false;
	for (size_t i = 0; i < listener->listen_count; i++) {
		*first = &listener->listen[i];
		/* A TPROXY rule sends what was meant for any address to one on loopback. */
		if (listener->listen_transparent || !addr_is_loopback(*first))
			return true;
	}
	return false;
}

/* ---- descriptors ---- */

static uint32_t default_max_flows(void)
{
	const struct conf_key *key = conf_key_find(CONF_SCOPE_LISTENER, "max_flows");

	return (uint32_t)strtoul(key->fallback, NULL, 10);
}

static struct need need_of(const struct conf_listener *listener)
{
	if (listener->protocol == CONF_PROTOCOL_UDP)
		return (struct need){.key = "max_flows",
				     .value = listener->max_flows,
				     .descriptors = listener->max_flows,
				     .is_default = listener->max_flows == default_max_flows()};
	return (struct need){.key = "max_connections",
			     .value = listener->max_connections,
			     .descriptors = (uint64_t)listener->max_connections * PER_CONNECTION};
}

/* Returns the listening sockets of all listeners. */
static uint64_t report_sockets(const struct conf *conf, size_t workers, uint64_t room,
			       uint64_t limit)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];
		uint64_t sockets = (uint64_t)listener->listen_count * workers;

		sum += sockets;
		/* Those before it have their sockets already. */
		if (sum > room)
			log_msg(LOG_LEVEL_WARN,
				"listener %s: listen: %zu addresses, with a socket for each of %zu "
				"workers, take %llu descriptors, and the limit for all is %llu "
				"(RLIMIT_NOFILE)",
				listener->name, listener->listen_count, workers,
				(unsigned long long)sockets, (unsigned long long)limit);
	}
	return sum;
}

static void report_need(const struct conf_listener *listener, const struct need *need,
			uint64_t limit)
{
	log_msg(LOG_LEVEL_WARN,
		"listener %s: %s = %u needs %llu descriptors, and the limit for all is %llu "
		"(RLIMIT_NOFILE); what comes after that ends with out_of_descriptors",
		listener->name, need->key, need->value, (unsigned long long)need->descriptors,
		(unsigned long long)limit);
}

/* The limits of connections and flows, where this many descriptors are left for them. */
static void report_needs(const struct conf *conf, uint64_t room, uint64_t limit)
{
	uint64_t defaults = 0;
	uint64_t sum = 0;
	bool said = false;

	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct need need = need_of(&conf->listeners[i]);

		*(need.is_default ? &defaults : &sum) += need.descriptors;
		if (need.is_default || need.descriptors <= room)
			continue;
		report_need(&conf->listeners[i], &need, limit);
		said = true;
	}
	if (said)
		return;
	if (sum > room)
		log_msg(LOG_LEVEL_WARN,
			"max_connections and max_flows of all listeners together need %llu "
			"descriptors, and the limit is %llu (RLIMIT_NOFILE)",
			(unsigned long long)sum, (unsigned long long)limit);
	else if (sum + defaults > room)
		log_msg(LOG_LEVEL_INFO,
			"the limit of %llu descriptors (RLIMIT_NOFILE) comes before the default of "
			"max_flows, %u for each listener",
			(unsigned long long)limit, default_max_flows());
}

/* ---- the end ---- */

static void put_datagrams(struct log_line *line, const struct stats *sum)
{
	char key[64];

	log_line_u64(line, "up_datagrams", stats_get(&sum->datagrams[STATS_UP]));
	log_line_u64(line, "down_datagrams", stats_get(&sum->datagrams[STATS_DOWN]));
	log_line_u64(line, "icmp_errors", stats_get(&sum->icmp_errors));
	for (size_t i = 0; i < REASON_COUNT; i++) {
		if (stats_get(&sum->dropped[i]) == 0)
			continue;
		snprintf(key, sizeof(key), "dropped_%s", reason_name((enum close_reason)i));
		log_line_u64(line, key, stats_get(&sum->dropped[i]));
	}
}

static void report_listener(const struct ledger *listener, const struct stats *sum)
{
	bool udp = listener->protocol == CONF_PROTOCOL_UDP;
	struct log_line line;

	log_line_begin(&line, LOG_LEVEL_INFO);
	log_line_str(&line, "listener", listener->name);
	log_line_str(&line, "msg", "totals");
	log_line_u64(&line, udp ? "flows" : "connections", stats_get(&sum->opened));
	log_line_u64(&line, "up", stats_get(&sum->bytes[STATS_UP]));
	log_line_u64(&line, "down", stats_get(&sum->bytes[STATS_DOWN]));
	log_line_u64(&line, "source_fallbacks", stats_get(&sum->source_fallbacks));
	if (udp)
		log_line_u64(&line, "displaced", stats_get(&sum->displaced));
	else
		log_line_u64(&line, "accept_pauses", stats_get(&sum->accept_pauses));
	for (size_t i = 0; i < REASON_COUNT; i++)
		if (stats_get(&sum->closed[i]) != 0)
			log_line_u64(&line, reason_name((enum close_reason)i),
				     stats_get(&sum->closed[i]));
	if (udp)
		put_datagrams(&line, sum);
	log_line_end(&line);
}

static void report_pipe_shortages(struct worker *const *workers, size_t count)
{
	struct log_line line;
	uint64_t shortages = 0;

	for (size_t i = 0; i < count; i++)
		shortages += worker_pipe_shortages(workers[i]);
	if (shortages == 0)
		return;
	log_line_begin(&line, LOG_LEVEL_INFO);
	log_line_str(&line, "msg", "bulk was copied for want of pipes");
	log_line_u64(&line, "times", shortages);
	log_line_end(&line);
}

/* What it shows of clients (/sessions, /metrics) has no password. */
static void say_open_admin(const struct conf *conf, void (*say)(const char *text, void *arg),
			   void *arg)
{
	char sentence[SENTENCE_MAX];
	char text[ADDR_STRLEN];

	if (!addr_is_set(&conf->admin_addr) || addr_is_loopback(&conf->admin_addr))
		return;
	snprintf(sentence, sizeof(sentence),
		 "admin.listen: everybody who reaches %s can read there who the clients are; "
		 "listen on a UNIX socket or a loopback address, or keep others out by a firewall",
		 addr_format(&conf->admin_addr, text));
	say(sentence, arg);
}

void report_open_listeners(const struct conf *conf, void (*say)(const char *text, void *arg),
			   void *arg)
{
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];
		const struct addr *addr;
		char sentence[SENTENCE_MAX];
		char text[ADDR_STRLEN];

		if (!is_open(listener, &addr))
			continue;
		snprintf(
		    sentence, sizeof(sentence),
		    "listener %s: without allowed_subnets, every peer that reaches %s may name "
		    "any client; list the load balancers there",
		    listener->name, addr_format(addr, text));
		say(sentence, arg);
	}
	say_open_admin(conf, say, arg);
}

/* UINT32_MAX where the system does not say, as some containers do not. */
static uint32_t buffer_limit(const char *name)
{
	char path[sizeof("/proc/sys/net/core/rmem_max")];
	uint32_t limit = UINT32_MAX;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/core/%s", name);
	file = fopen(path, "re");
	if (file == NULL)
		return limit;
	if (fscanf(file, "%" SCNu32, &limit) != 1)
		limit = UINT32_MAX;
	fclose(file);
	return limit;
}

void report_buffers(const struct conf *conf, void (*say)(const char *text, void *arg), void *arg)
{
	static const char *const names[] = {"rmem_max", "wmem_max"};

	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];
		uint32_t bytes = listener->backend_buffer;

		if (listener->protocol != CONF_PROTOCOL_TCP || bytes == CONF_BUFFER_AUTO)
			continue;
		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
			uint32_t limit = buffer_limit(names[j]);
			char sentence[SENTENCE_MAX];

			if (bytes <= limit)
				continue;
			snprintf(sentence, sizeof(sentence),
				 "listener %s: backend_buffer = %u is cut to %u, the system's "
				 "limit; to mend it: sysctl -w net.core.%s=%u",
				 listener->name, bytes, limit, names[j], bytes);
			say(sentence, arg);
		}
	}
}

void report_descriptors(const struct conf *conf, size_t workers)
{
	const uint64_t own = OF_PROCESS + PER_WORKER * (uint64_t)workers;
	struct rlimit limit;
	uint64_t room;
	uint64_t sockets;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return;
	room = limit.rlim_cur > own ? limit.rlim_cur - own : 0;
	sockets = report_sockets(conf, workers, room, limit.rlim_cur) + health_descriptors(conf);
	report_needs(conf, room > sockets ? room - sockets : 0, limit.rlim_cur);
}

void report_start(const struct conf *conf, size_t workers)
{
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];
		size_t len;

		for (size_t j = 0; j < listener->listen_count; j += len) {
			char text[CONF_RANGE_STRLEN];

			len = conf_listen_range(listener, j, text);
			log_msg(LOG_LEVEL_INFO, "listener %s: listening on %s", listener->name,
				text);
		}
	}
	log_msg(LOG_LEVEL_INFO, "mmproxy %s is ready, workers: %zu", PACKAGE_VERSION, workers);
}

void report_ledger(const struct ledger *ledger)
{
	struct ledger_stats sum = {0};

	ledger_sum(ledger, &sum);
	report_listener(ledger, &sum.stats);
}

void report_totals(const struct roster *roster, struct worker *const *workers, size_t count)
{
	const struct roster_entry *entry;

	TAILQ_FOREACH(entry, &roster->entries, entry)
	report_ledger(entry->ledger);
	report_pipe_shortages(workers, count);
}
