/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon: ordered start, signals, drain, ordered stop. */
#include "daemon/daemon.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "daemon/listen.h"
#include "daemon/privileges.h"
#include "daemon/report.h"
#include "daemon/signals.h"
#include "service/flow_registry.h"
#include "service/service.h"
#include "worker/worker.h"

/* How often log lines that were left out are looked for. */
#define LIMITS_INTERVAL_MS 1000

/* A worker's drain has come to its end. */
#define MESSAGE_DRAINED (1u << 0)

enum daemon_state { DAEMON_RUNNING, DAEMON_DRAINING, DAEMON_CLOSING };

struct daemon {
	struct conf *conf;
	struct event_base *base;
	struct mailbox mailbox;
	struct signals *signals;
	struct event *limits_timer;
	struct event *drain_timer;
	struct service **services; /* one a listener block */
	struct flow_registry *flows;
	struct listen_set *sockets;
	struct worker **workers;
	size_t workers_count;
	enum daemon_state state;
};

static size_t count_workers(const struct conf *conf)
{
	cpu_set_t cpus;

	if (conf->workers != 0)
		return conf->workers;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return 1;
	return (size_t)CPU_COUNT(&cpus);
}

static void tell_workers(struct daemon *daemon, enum worker_message message)
{
	for (size_t i = 0; i < daemon->workers_count; i++)
		worker_tell(daemon->workers[i], message);
}

/* ---- running ---- */

static void on_limits_timer(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < daemon->conf->listeners_count; i++)
		service_log_suppressed(daemon->services[i], clock_now_ms());
}

static void close_now(struct daemon *daemon)
{
	daemon->state = DAEMON_CLOSING;
	tell_workers(daemon, WORKER_CLOSE);
}

static void on_drain_timer(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)fd;
	(void)what;
	log_msg(LOG_LEVEL_INFO, "drain_timeout is over, closing what is left");
	close_now(daemon);
}

static void drain(struct daemon *daemon)
{
	uint32_t timeout_ms = daemon->conf->drain_timeout_ms;
	const struct timeval timeout = clock_timeval(timeout_ms);

	log_msg(LOG_LEVEL_INFO, "stopping: no new connections, %u s for those that are open",
		(unsigned)(timeout_ms / 1000));
	daemon->state = DAEMON_DRAINING;
	tell_workers(daemon, WORKER_DRAIN);
	(void)evtimer_add(daemon->drain_timer, &timeout);
}

static void on_request(enum signals_request request, void *arg)
{
	struct daemon *daemon = arg;

	switch (request) {
	case SIGNALS_STOP:
		if (daemon->state == DAEMON_RUNNING)
			drain(daemon);
		else if (daemon->state == DAEMON_DRAINING)
			close_now(daemon);
		else
			event_base_loopbreak(daemon->base);
		break;
	case SIGNALS_RELOAD:
		log_msg(LOG_LEVEL_WARN, "SIGHUP: this version cannot reload; restart to change the "
					"configuration");
		break;
	case SIGNALS_REOPEN_LOGS:
		if (log_reopen() < 0)
			log_msg(LOG_LEVEL_ERROR,
				"cannot open %s again: %s; going on with the former file",
				daemon->conf->log_target, strerror(errno));
		break;
	case SIGNALS_UPGRADE:
		log_msg(LOG_LEVEL_WARN,
			"SIGUSR2: this version cannot upgrade in place; restart it");
		break;
	}
}

static void on_message(unsigned message, void *arg)
{
	struct daemon *daemon = arg;

	(void)message;
	for (size_t i = 0; i < daemon->workers_count; i++)
		if (!worker_is_drained(daemon->workers[i]))
			return;
	event_base_loopbreak(daemon->base);
}

/* ---- starting ---- */

static int open_sockets(struct daemon *daemon)
{
	const struct conf *conf = daemon->conf;

	for (size_t i = 0; i < conf->listeners_count; i++)
		if (listen_set_open(&daemon->sockets[i], conf, &conf->listeners[i],
				    daemon->workers_count) < 0)
			return -1;
	return 0;
}

static int make_worker(struct daemon *daemon, size_t index)
{
	struct worker *worker = worker_new(daemon->flows, &daemon->mailbox, MESSAGE_DRAINED);

	if (worker == NULL)
		return -1;
	daemon->workers[index] = worker;
	for (size_t i = 0; i < daemon->conf->listeners_count; i++) {
		struct listen_set *set = &daemon->sockets[i];
		const int *fds = listen_set_of(set, index);
		int result = worker_add_listener(worker, daemon->services[i], fds, set->count);

		listen_set_taken(set, index);
		if (result < 0)
			return -1;
	}
	return 0;
}

/* Returns 0, or -1 when memory or descriptors are out. */
static int make_parts(struct daemon *daemon)
{
	static const struct timeval interval = {.tv_sec = LIMITS_INTERVAL_MS / 1000};
	struct conf *conf = daemon->conf;

	daemon->base = event_base_new();
	daemon->flows = flow_registry_new();
	if (daemon->base == NULL || daemon->flows == NULL ||
	    mailbox_init(&daemon->mailbox, daemon->base, on_message, daemon) < 0)
		return -1;
	daemon->signals = signals_new(daemon->base, on_request, daemon);
	daemon->drain_timer = evtimer_new(daemon->base, on_drain_timer, daemon);
	daemon->limits_timer = event_new(daemon->base, -1, EV_PERSIST, on_limits_timer, daemon);
	if (daemon->signals == NULL || daemon->drain_timer == NULL ||
	    daemon->limits_timer == NULL || event_add(daemon->limits_timer, &interval) < 0)
		return -1;
	for (size_t i = 0; i < conf->listeners_count; i++) {
		daemon->services[i] = service_new(conf, &conf->listeners[i]);
		if (daemon->services[i] == NULL)
			return -1;
	}
	for (size_t i = 0; i < daemon->workers_count; i++)
		if (make_worker(daemon, i) < 0)
			return -1;
	return 0;
}

static int start_workers(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->workers_count; i++)
		if (worker_start(daemon->workers[i]) < 0)
			return -1;
	return 0;
}

static void warn(const char *text, void *arg)
{
	(void)arg;
	log_msg(LOG_LEVEL_WARN, "%s", text);
}

/* ---- stopping ---- */

static void stop_workers(struct daemon *daemon)
{
	tell_workers(daemon, WORKER_STOP);
	for (size_t i = 0; i < daemon->workers_count; i++)
		worker_join(daemon->workers[i]);
	for (size_t i = 0; i < daemon->conf->listeners_count; i++)
		service_log_suppressed(daemon->services[i], LOG_LIMIT_NOW);
	report_totals(daemon->conf, daemon->workers, daemon->workers_count);
}

static void free_parts(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->workers_count && daemon->workers != NULL; i++)
		worker_free(daemon->workers[i]);
	for (size_t i = 0; i < daemon->conf->listeners_count; i++) {
		if (daemon->services != NULL)
			service_free(daemon->services[i]);
		if (daemon->sockets != NULL)
			listen_set_close(&daemon->sockets[i]);
	}
	flow_registry_free(daemon->flows);
	free(daemon->workers);
	free(daemon->services);
	free(daemon->sockets);
}

/* Signals last: one that comes while the log is flushed is no reason to be killed by it. */
static void free_loop(struct daemon *daemon)
{
	signals_free(daemon->signals);
	if (daemon->limits_timer != NULL)
		event_free(daemon->limits_timer);
	if (daemon->drain_timer != NULL)
		event_free(daemon->drain_timer);
	mailbox_fini(&daemon->mailbox);
	if (daemon->base != NULL)
		event_base_free(daemon->base);
}

enum exit_code daemon_run(struct conf *conf)
{
	struct daemon daemon = {.conf = conf, .mailbox = {.fd = -1}};
	enum exit_code code = EXIT_RUNTIME;

	daemon.workers_count = count_workers(conf);
	daemon.workers = calloc(daemon.workers_count, sizeof(struct worker *));
	daemon.services = calloc(conf->listeners_count, sizeof(struct service *));
	daemon.sockets = calloc(conf->listeners_count, sizeof(struct listen_set));
	if (daemon.workers == NULL || daemon.services == NULL || daemon.sockets == NULL)
		goto out_of_memory;
	privileges_raise_descriptors();
	report_descriptors(conf, daemon.workers_count);
	if (privileges_check(conf) < 0 || open_sockets(&daemon) < 0 || privileges_drop(conf) < 0)
		goto out;
	if (make_parts(&daemon) < 0 || log_start_writer() < 0)
		goto out_of_memory;
	if (start_workers(&daemon) < 0) {
		log_msg(LOG_LEVEL_ERROR, "cannot start a thread: %s", strerror(errno));
		goto stop;
	}
	report_open_listeners(conf, warn, NULL);
	report_start(conf, daemon.workers_count);
	(void)event_base_dispatch(daemon.base);
	code = EXIT_STOPPED;

stop:
	stop_workers(&daemon);
	if (code == EXIT_STOPPED)
		log_msg(LOG_LEVEL_INFO, "stopped");
	goto out;

out_of_memory:
	log_msg(LOG_LEVEL_ERROR, "cannot start: %s", strerror(errno));
out:
	free_parts(&daemon);
	log_stop_writer();
	free_loop(&daemon);
	return code;
}
