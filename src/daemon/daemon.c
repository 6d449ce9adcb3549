/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon: ordered start, signals, drain, ordered stop. */
#include "daemon/daemon.h"

#include <errno.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "daemon/activation.h"
#include "daemon/admin.h"
#include "daemon/leave.h"
#include "daemon/notify.h"
#include "daemon/privileges.h"
#include "daemon/report.h"
#include "daemon/serving.h"
#include "daemon/signals.h"
#include "daemon/status_line.h"
#include "daemon/takeover.h"
#include "daemon/upgrade.h"
#include "daemon/watchdog.h"
#include "net/sock.h"

/* How often the daemon looks at what is due. */
#define TICK_MS 1000

/*
 * The service manager waits this long for the next sign of a stop that goes on; there is one a
 * tick.
 */
#define STOP_EXTENSION_MS 30000

/* The workers need one turn of their loops to leave. One that is stuck must not keep the others. */
#define LEAVE_PATIENCE_MS 3000

enum daemon_state {
	DAEMON_RUNNING,
	DAEMON_SUCCEEDED, /* by another process: what is open goes on until it ends */
	DAEMON_LEAVING,
	DAEMON_DRAINING,
	DAEMON_CLOSING
};

struct daemon {
	const struct reload_source *source;
	struct event_base *base;
	struct mailbox mailbox;
	struct signals *signals;
	struct event *tick;
	struct event *drain_timer;
	struct serving serving;
	struct admin *admin;
	struct upgrade upgrade;
	int former;		   /* socket to the process that this one succeeds; -1: none */
	struct notify *notify;	   /* NULL: nobody asked to be told */
	struct watchdog *watchdog; /* NULL: nobody watches */
	struct status_line status;
	enum daemon_state state;
	bool reload_due;  /* asked for while a change was under way */
	bool leave_due;	  /* likewise */
	bool upgrade_due; /* likewise */
};

/* ---- running ---- */

static void tell_status(struct daemon *daemon, int64_t now_ms)
{
	struct status_counts counts = {0};
	const struct roster_entry *entry;

	if (daemon->notify == NULL || !status_line_is_due(&daemon->status, now_ms))
		return;
	TAILQ_FOREACH(entry, &daemon->serving.roster.entries, entry)
	{
		struct ledger_stats sum = {0};

		ledger_sum(entry->ledger, &sum);
		counts.up += stats_get(&sum.stats.bytes[STATS_UP]);
		counts.down += stats_get(&sum.stats.bytes[STATS_DOWN]);
		if (entry->ledger->protocol == CONF_PROTOCOL_UDP)
			counts.flows += ledger_active(entry->ledger);
		else
			counts.connections += ledger_active(entry->ledger);
	}
	status_line_update(&daemon->status, daemon->notify,
			   daemon->state == DAEMON_RUNNING ? "" : "stopping: ", &counts, now_ms);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;
	int64_t now_ms = clock_now_ms();

	(void)fd;
	(void)what;
	serving_tick(&daemon->serving, now_ms);
	if (daemon->state != DAEMON_RUNNING && daemon->state != DAEMON_SUCCEEDED)
		notify_extend(daemon->notify, STOP_EXTENSION_MS);
	tell_status(daemon, now_ms);
	(void)notify_flush(daemon->notify);
}

static void close_now(struct daemon *daemon)
{
	daemon->state = DAEMON_CLOSING;
	serving_tell_workers(&daemon->serving, WORKER_CLOSE);
}

static void start_drain_timer(struct daemon *daemon)
{
	const struct timeval timeout = clock_timeval(daemon->serving.conf->drain_timeout_ms);

	daemon->state = DAEMON_DRAINING;
	(void)evtimer_add(daemon->drain_timer, &timeout);
}

/* A worker is stuck, so this process drains itself. */
static void on_leave_late(struct daemon *daemon)
{
	log_msg(LOG_LEVEL_ERROR, "a worker does not answer: nothing is left to another process");
	start_drain_timer(daemon);
	leave_undo(&daemon->serving);
}

static void on_drain_timer(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)fd;
	(void)what;
	if (daemon->state == DAEMON_LEAVING) {
		on_leave_late(daemon);
		return;
	}
	log_msg(LOG_LEVEL_INFO, "drain_timeout is over, closing what is left");
	close_now(daemon);
}

static void drain(struct daemon *daemon)
{
	uint32_t timeout_ms = daemon->serving.conf->drain_timeout_ms;

	upgrade_cancel(&daemon->upgrade, "this process is stopping");
	log_msg(LOG_LEVEL_INFO, "stopping: no new connections, %u s for those that are open",
		(unsigned)(timeout_ms / 1000));
	serving_drain(&daemon->serving);
	start_drain_timer(daemon);
	notify_stopping(daemon->notify);
}

/* ---- leaving ---- */

/* Where nobody has the sockets for a next process, it is a drain like any other. */
static void leave(struct daemon *daemon)
{
	const struct timeval patience = clock_timeval(LEAVE_PATIENCE_MS);

	if (!listen_is_kept(&daemon->serving.room)) {
		drain(daemon);
		return;
	}
	upgrade_cancel(&daemon->upgrade, "this process is stopping");
	daemon->leave_due = serving_is_changing(&daemon->serving);
	if (daemon->leave_due)
		return;
	log_msg(
	    LOG_LEVEL_INFO,
	    "leaving: the service manager has the listening sockets; open connections have %u s",
	    (unsigned)(daemon->serving.conf->drain_timeout_ms / 1000));
	daemon->state = DAEMON_LEAVING;
	/* Now, so that the next process finds its address free. */
	admin_close(daemon->admin);
	notify_stopping(daemon->notify);
	watchdog_free(daemon->watchdog);
	daemon->watchdog = NULL;
	(void)evtimer_add(daemon->drain_timer, &patience);
	leave_begin(&daemon->serving);
}

static void check_drained(struct daemon *daemon)
{
	/* Workers that leave may have drained as well, and then both is news. */
	if (daemon->state != DAEMON_LEAVING && serving_is_drained(&daemon->serving))
		event_base_loopbreak(daemon->base);
}

static void on_left(struct daemon *daemon)
{
	/* Too late: it drains with the others. */
	if (daemon->state != DAEMON_LEAVING) {
		leave_undo(&daemon->serving);
		check_drained(daemon);
		return;
	}
	if (!leave_is_ready(&daemon->serving))
		return;
	if (serving_is_drained(&daemon->serving)) {
		event_base_loopbreak(daemon->base);
		return;
	}
	start_drain_timer(daemon);
	upgrade_forgo(&daemon->upgrade);
	if (leave_fork(&daemon->serving) < 0)
		return;
	/* The manager would take what this process says for a stranger's. */
	notify_free(daemon->notify);
	daemon->notify = NULL;
	daemon->serving.room.notify = NULL;
	log_msg(LOG_LEVEL_INFO, "draining beside the next process");
}

static void start_reload(struct daemon *daemon)
{
	if (daemon->state != DAEMON_RUNNING) {
		log_msg(LOG_LEVEL_WARN, "SIGHUP: not reloaded, since this process is stopping");
		return;
	}
	daemon->reload_due = serving_is_changing(&daemon->serving);
	if (daemon->reload_due)
		return;
	notify_reloading(daemon->notify);
	if (reload(&daemon->serving, daemon->admin, daemon->source) < 0)
		notify_ready(daemon->notify);
}

/* ---- upgrading ---- */

static void start_upgrade(struct daemon *daemon)
{
	if (daemon->state != DAEMON_RUNNING && daemon->state != DAEMON_SUCCEEDED) {
		log_msg(LOG_LEVEL_WARN, "SIGUSR2: not upgraded, since this process is stopping");
		return;
	}
	daemon->upgrade_due = serving_is_changing(&daemon->serving) &&
			      !upgrade_is_under_way(&daemon->upgrade) &&
			      daemon->state == DAEMON_RUNNING;
	if (!daemon->upgrade_due)
		(void)upgrade_start(&daemon->upgrade);
}

/* The manager accepts what the successor says of itself from then on. */
static void on_successor_ready(pid_t successor, void *arg)
{
	struct daemon *daemon = arg;

	watchdog_free(daemon->watchdog);
	daemon->watchdog = NULL;
	if (admin_share(daemon->admin) < 0)
		log_msg(LOG_LEVEL_WARN, "the successor cannot have admin.listen: %s",
			strerror(errno));
	listen_forget_rest(&daemon->serving.room);
	notify_main_pid(daemon->notify, successor);
}

static void on_changed(void *arg);

static void on_upgrade_end(bool succeeded, void *arg)
{
	struct daemon *daemon = arg;

	if (!succeeded) {
		on_changed(daemon);
		return;
	}
	admin_close(daemon->admin);
	/* What this process says from now on is a stranger's. */
	notify_free(daemon->notify);
	daemon->notify = NULL;
	daemon->serving.room.notify = NULL;
	if (daemon->state == DAEMON_RUNNING)
		daemon->state = DAEMON_SUCCEEDED;
	serving_drain(&daemon->serving);
}

static void on_changed(void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->state != DAEMON_RUNNING)
		return;
	listen_keep(&daemon->serving.room);
	if (daemon->leave_due)
		leave(daemon);
	else if (daemon->upgrade_due)
		start_upgrade(daemon);
	else if (daemon->reload_due)
		start_reload(daemon);
	else
		notify_ready(daemon->notify);
}

static void on_request(enum signals_request request, void *arg)
{
	struct daemon *daemon = arg;

	switch (request) {
	case SIGNALS_STOP:
		if (daemon->state == DAEMON_RUNNING || daemon->state == DAEMON_SUCCEEDED)
			drain(daemon);
		else if (daemon->state == DAEMON_DRAINING || daemon->state == DAEMON_LEAVING)
			close_now(daemon);
		else
			event_base_loopbreak(daemon->base);
		break;
	case SIGNALS_LEAVE:
		if (daemon->state == DAEMON_RUNNING)
			leave(daemon);
		else if (daemon->state == DAEMON_SUCCEEDED)
			drain(daemon);
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
		start_upgrade(daemon);
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
		check_drained(daemon);
		break;
	case WORKER_HAS_LEFT:
		on_left(daemon);
		break;
	}
}

/* ---- starting and stopping ---- */

/* Returns 0, or -1 when memory or descriptors are out. */
static int make_parts(struct daemon *daemon)
{
	static const struct timeval interval = {.tv_sec = TICK_MS / 1000};
	const struct upgrade_owner owner = {
	    .on_ready = on_successor_ready, .on_end = on_upgrade_end, .arg = daemon};

	if (mailbox_init(&daemon->mailbox, daemon->base, on_news, daemon) < 0)
		return -1;
	daemon->signals = signals_new(daemon->base, on_request, daemon);
	daemon->drain_timer = evtimer_new(daemon->base, on_drain_timer, daemon);
	daemon->tick = event_new(daemon->base, -1, EV_PERSIST, on_tick, daemon);
	if (daemon->signals == NULL || daemon->drain_timer == NULL || daemon->tick == NULL ||
	    event_add(daemon->tick, &interval) < 0)
		return -1;
	if (upgrade_init(&daemon->upgrade, daemon->base, &daemon->serving, &owner) < 0)
		return -1;
	daemon->serving.on_changed = on_changed;
	daemon->serving.on_changed_arg = daemon;
	if (serving_make_workers(&daemon->serving, daemon->base, &daemon->mailbox) < 0)
		return -1;
	daemon->admin = admin_new(daemon->base, &daemon->serving);
	return daemon->admin != NULL ? 0 : -1;
}

/* Behind the workers' threads: nobody posts any more. */
static void free_loop(struct daemon *daemon)
{
	/* First, since a signal that comes while the log is flushed is no reason to be killed by
	 * it. */
	log_stop_writer();
	signals_free(daemon->signals);
	upgrade_fini(&daemon->upgrade);
	watchdog_free(daemon->watchdog);
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

/* What others tell this process, and what it tells them. */
static void meet_manager(struct daemon *daemon, struct notify *notify)
{
	daemon->notify = notify;
	daemon->serving.room.notify = notify;
}

/* Sockets that were there before this process, and as many workers as a former one had. */
static int init_serving(struct daemon *daemon, struct conf *conf)
{
	struct notify *notify = NULL;
	struct activation *activation;
	size_t workers;
	int result;

	/* Until it takes over, the manager listens to the former process alone. */
	if (daemon->former < 0)
		notify = notify_new();
	activation = activation_new(notify);
	workers = daemon->former >= 0 ? activation_workers(activation) : 0;
	activation_close_unwanted(activation, conf);
	result = serving_init(&daemon->serving, conf, workers);
	daemon->serving.room.activation = activation;
	meet_manager(daemon, notify);
	return result;
}

/*
 * Start the workers' threads; where there is a former process, when they have its flows, and let
 * them begin when that one has stopped. Returns 0, or -1 having logged why.
 */
static int start_workers(struct daemon *daemon)
{
	struct serving *serving = &daemon->serving;

	if (daemon->former >= 0) {
		serving_wait(serving);
		if (takeover_take_flows(daemon->former, serving) < 0)
			return -1;
	}
	if (serving_start(serving) < 0) {
		log_msg(LOG_LEVEL_ERROR, "cannot start a thread: %s", strerror(errno));
		return -1;
	}
	if (daemon->former < 0)
		return 0;
	if (takeover_begin(daemon->former) < 0)
		return -1;
	serving_tell_workers(serving, WORKER_BEGIN);
	sock_close(daemon->former);
	meet_manager(daemon, notify_new());
	return 0;
}

/* Returns 0, or -1 having logged why. */
static int open_admin(struct daemon *daemon)
{
	if (admin_prepare(daemon->admin, daemon->serving.conf, daemon->former >= 0) < 0)
		return -1;
	admin_commit(daemon->admin);
	return 0;
}

/* Nothing is said of a start before all of it has come to its good end. */
static void tell_ready(struct daemon *daemon)
{
	struct listen_room *room = &daemon->serving.room;

	listen_keep(room);
	daemon->watchdog = watchdog_new(daemon->base, daemon->notify, daemon->serving.workers,
					daemon->serving.workers_count);
	notify_ready(daemon->notify);
	tell_status(daemon, clock_now_ms());
}

static void stop_workers(struct serving *serving)
{
	serving_stop(serving);
	roster_log_suppressed(&serving->roster, LOG_LIMIT_NOW);
	report_totals(&serving->roster, serving->workers, serving->workers_count);
}

enum exit_code daemon_run(struct conf *conf, const struct reload_source *source,
			  const struct daemon_origin *origin)
{
	struct daemon daemon = {.source = source,
				.mailbox = {.fd = -1},
				.former = origin->former,
				.upgrade = UPGRADE_INITIALIZER};
	struct serving *serving = &daemon.serving;
	enum exit_code code = EXIT_RUNTIME;

	daemon.base = event_base_new();
	if (init_serving(&daemon, conf) < 0 || daemon.base == NULL)
		goto out_of_memory;
	privileges_raise_descriptors();
	report_descriptors(conf, serving->workers_count);
	if (privileges_check(conf) < 0 ||
	    serving_open(serving, daemon.base, daemon.former >= 0) < 0 || privileges_drop(conf) < 0)
		goto out;
	upgrade_prepare(&daemon.upgrade, origin->argv);
	if (make_parts(&daemon) < 0)
		goto out_of_memory;
	if (daemon.former < 0 && open_admin(&daemon) < 0)
		goto out;
	if (log_start_writer() < 0)
		goto out_of_memory;
	if (start_workers(&daemon) < 0)
		goto stop;
	/* It was the former process's until now; that it cannot be had is no reason to end. */
	if (daemon.former >= 0)
		(void)open_admin(&daemon);
	activation_close_rest(serving->room.activation);
	report_open_listeners(conf, warn, NULL);
	report_start(conf, serving->workers_count);
	tell_ready(&daemon);
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
	if (code == EXIT_RUNTIME && errno != 0)
		notify_failed(daemon.notify, errno);
	activation_free(serving->room.activation);
	admin_free(daemon.admin);
	serving_fini(serving);
	free_loop(&daemon);
	notify_free(daemon.notify);
	return code;
}
