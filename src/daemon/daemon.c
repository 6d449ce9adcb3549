/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon: ordered start, signals, drain, ordered stop. */
#include "daemon/daemon.h"

#include <errno.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "daemon/privileges.h"
#include "daemon/report.h"
#include "daemon/serving.h"
#include "daemon/signals.h"

/* How often the daemon looks at what is due. */
#define TICK_MS 1000

enum daemon_state { DAEMON_RUNNING, DAEMON_DRAINING, DAEMON_CLOSING };

struct daemon {
	const struct reload_source *source;
	struct event_base *base;
	struct mailbox mailbox;
	struct signals *signals;
	struct event *tick;
	struct event *drain_timer;
	struct serving serving;
	enum daemon_state state;
	bool reload_due; /* asked for while a change was under way */
};

/* ---- running ---- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)fd;
	(void)what;
	serving_tick(&daemon->serving, clock_now_ms());
}

static void close_now(struct daemon *daemon)
{
	daemon->state = DAEMON_CLOSING;
	serving_tell_workers(&daemon->serving, WORKER_CLOSE);
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
	uint32_t timeout_ms = daemon->serving.conf->drain_timeout_ms;
	const struct timeval timeout = clock_timeval(timeout_ms);

	log_msg(LOG_LEVEL_INFO, "stopping: no new connections, %u s for those that are open",
		(unsigned)(timeout_ms / 1000));
	daemon->state = DAEMON_DRAINING;
	serving_drain(&daemon->serving);
	(void)evtimer_add(daemon->drain_timer, &timeout);
}

static void start_reload(struct daemon *daemon)
{
	if (daemon->state != DAEMON_RUNNING) {
		log_msg(LOG_LEVEL_WARN, "SIGHUP: not reloaded, since this process is stopping");
		return;
	}
	daemon->reload_due = serving_is_changing(&daemon->serving);
	if (!daemon->reload_due)
		(void)reload(&daemon->serving, daemon->source);
}

static void on_changed(void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->reload_due)
		start_reload(daemon);
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
		start_reload(daemon);
		break;
	case SIGNALS_REOPEN_LOGS:
		if (log_reopen() < 0)
			log_msg(LOG_LEVEL_ERROR,
				"cannot open %s again: %s; going on with the former file",
				daemon->serving.conf->log_target, strerror(errno));
		break;
	case SIGNALS_UPGRADE:
		log_msg(LOG_LEVEL_WARN,
			"SIGUSR2: this version cannot upgrade in place; restart it");
		break;
	}
}

static void on_news(unsigned news, void *arg)
{
	struct daemon *daemon = arg;

	switch ((enum worker_news)news) {
	case WORKER_HAS_RELEASED:
		/* Not before the last worker has: a connection to what is closed is refused. */
		if (serving_has_released(&daemon->serving))
			listen_close_tcp(&daemon->serving.room);
		break;
	case WORKER_IS_DRAINED:
		if (serving_is_drained(&daemon->serving))
			event_base_loopbreak(daemon->base);
		break;
	}
}

/* ---- starting and stopping ---- */

/* Returns 0, or -1 when memory or descriptors are out. */
static int make_parts(struct daemon *daemon)
{
	static const struct timeval interval = {.tv_sec = TICK_MS / 1000};

	if (mailbox_init(&daemon->mailbox, daemon->base, on_news, daemon) < 0)
		return -1;
	daemon->signals = signals_new(daemon->base, on_request, daemon);
	daemon->drain_timer = evtimer_new(daemon->base, on_drain_timer, daemon);
	daemon->tick = event_new(daemon->base, -1, EV_PERSIST, on_tick, daemon);
	if (daemon->signals == NULL || daemon->drain_timer == NULL || daemon->tick == NULL ||
	    event_add(daemon->tick, &interval) < 0)
		return -1;
	daemon->serving.on_changed = on_changed;
	daemon->serving.on_changed_arg = daemon;
	return serving_make_workers(&daemon->serving, daemon->base, &daemon->mailbox);
}

/* Behind the workers' threads: nobody posts any more. */
static void free_loop(struct daemon *daemon)
{
	/* First, since a signal that comes while the log is flushed is no reason to be killed by
	 * it. */
	log_stop_writer();
	signals_free(daemon->signals);
	if (daemon->tick != NULL)
		event_free(daemon->tick);
	if (daemon->drain_timer != NULL)
		event_free(daemon->drain_timer);
	mailbox_fini(&daemon->mailbox);
	if (daemon->base != NULL)
		event_base_free(daemon->base);
}

static void warn(const char *text, void *arg)
{
	(void)arg;
	log_msg(LOG_LEVEL_WARN, "%s", text);
}

static void stop_workers(struct serving *serving)
{
	serving_stop(serving);
	roster_log_suppressed(&serving->roster, LOG_LIMIT_NOW);
	report_totals(&serving->roster, serving->workers, serving->workers_count);
}

enum exit_code daemon_run(struct conf *conf, const struct reload_source *source)
{
	struct daemon daemon = {.source = source, .mailbox = {.fd = -1}};
	struct serving *serving = &daemon.serving;
	enum exit_code code = EXIT_RUNTIME;

	daemon.base = event_base_new();
	if (serving_init(serving, conf) < 0 || daemon.base == NULL)
		goto out_of_memory;
	privileges_raise_descriptors();
	report_descriptors(conf, serving->workers_count);
	if (privileges_check(conf) < 0 || serving_open(serving, daemon.base) < 0 ||
	    privileges_drop(conf) < 0)
		goto out;
	if (make_parts(&daemon) < 0 || log_start_writer() < 0)
		goto out_of_memory;
	if (serving_start(serving) < 0) {
		log_msg(LOG_LEVEL_ERROR, "cannot start a thread: %s", strerror(errno));
		goto stop;
	}
	report_open_listeners(conf, warn, NULL);
	report_start(conf, serving->workers_count);
	(void)event_base_dispatch(daemon.base);
	code = EXIT_STOPPED;

stop:
	stop_workers(serving);
	if (code == EXIT_STOPPED)
		log_msg(LOG_LEVEL_INFO, "stopped");
	goto out;

out_of_memory:
	log_msg(LOG_LEVEL_ERROR, "cannot start: %s", strerror(errno));
out:
	serving_fini(serving);
	free_loop(&daemon);
	return code;
}
