/* SPDX-License-Identifier: BSD-2-Clause */
/* The main thread's loop: what it does on signals, workers' news and time. */
#include "daemon/main_loop.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/leave.h"

/* How often the daemon looks at what is due. */
#define TICK_MS 1000

/*
 * The service manager waits this long for the next sign of a stop that goes on; there is one a
 * tick.
 */
#define STOP_EXTENSION_MS 30000

/* The workers need one turn of their loops to leave. One that is stuck must not keep the others. */
#define LEAVE_PATIENCE_MS 3000

/* ---- running ---- */

static void tell_status(struct main_loop *loop, int64_t now_ms)
{
	struct status_counts counts = {0};
	const struct roster_entry *entry;

	if (loop->notify == NULL || !status_line_is_due(&loop->status, now_ms))
		return;
	TAILQ_FOREACH(entry, &loop->serving->roster.entries, entry)
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
	status_line_update(&loop->status, loop->notify,
			   loop->state == MAIN_LOOP_RUNNING ? "" : "stopping: ", &counts, now_ms);
}

/* What this process says from now on would be taken for a stranger's. */
static void part_from_manager(struct main_loop *loop)
{
	notify_free(loop->notify);
	main_loop_meet_manager(loop, NULL);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct main_loop *loop = arg;
	int64_t now_ms = clock_now_ms();

	(void)fd;
	(void)what;
	serving_tick(loop->serving, now_ms);
	checkup_tick(loop->checkup, now_ms);
	if (loop->state != MAIN_LOOP_RUNNING && loop->state != MAIN_LOOP_SUCCEEDED)
		notify_extend(loop->notify, STOP_EXTENSION_MS);
	tell_status(loop, now_ms);
	(void)notify_flush(loop->notify);
}

static void close_now(struct main_loop *loop)
{
	loop->state = MAIN_LOOP_CLOSING;
	serving_tell_workers(loop->serving, WORKER_CLOSE);
}

static void start_drain_timer(struct main_loop *loop)
{
	const struct timeval timeout = clock_timeval(loop->serving->conf->drain_timeout_ms);

	loop->state = MAIN_LOOP_DRAINING;
	(void)evtimer_add(loop->drain_timer, &timeout);
}

/* A worker is stuck, so this process drains itself. */
static void on_leave_late(struct main_loop *loop)
{
	log_msg(LOG_LEVEL_ERROR, "a worker does not answer: nothing is left to another process");
	start_drain_timer(loop);
	leave_undo(loop->serving);
}

static void on_drain_timer(evutil_socket_t fd, short what, void *arg)
{
	struct main_loop *loop = arg;

	(void)fd;
	(void)what;
	if (loop->state == MAIN_LOOP_LEAVING) {
		on_leave_late(loop);
		return;
	}
	log_msg(LOG_LEVEL_INFO, "drain_timeout is over, closing what is left");
	close_now(loop);
}

static void drain(struct main_loop *loop)
{
	uint32_t timeout_ms = loop->serving->conf->drain_timeout_ms;

	upgrade_cancel(&loop->upgrade, "this process is stopping");
	checkup_end(loop->checkup);
	log_msg(LOG_LEVEL_INFO, "stopping: no new connections, %u s for those that are open",
		(unsigned)(timeout_ms / 1000));
	serving_drain(loop->serving);
	start_drain_timer(loop);
	notify_stopping(loop->notify);
}

static void start_reload(struct main_loop *loop)
{
	if (loop->state != MAIN_LOOP_RUNNING) {
		log_msg(LOG_LEVEL_WARN, "SIGHUP: not reloaded, since this process is stopping");
		return;
	}
	loop->reload_due = serving_is_changing(loop->serving);
	if (loop->reload_due)
		return;
	notify_reloading(loop->notify);
	if (reload(loop->serving, loop->admin, loop->source) < 0)
		notify_ready(loop->notify);
}

/* ---- leaving ---- */

/* Where nobody has the sockets for a next process, it is a drain like any other. */
static void leave(struct main_loop *loop)
{
	const struct timeval patience = clock_timeval(LEAVE_PATIENCE_MS);

	if (!listen_is_kept(&loop->serving->room)) {
		drain(loop);
		return;
	}
	upgrade_cancel(&loop->upgrade, "this process is stopping");
	loop->leave_due = serving_is_changing(loop->serving);
	if (loop->leave_due)
		return;
	log_msg(
	    LOG_LEVEL_INFO,
	    "leaving: the service manager has the listening sockets; open connections have %u s",
	    (unsigned)(loop->serving->conf->drain_timeout_ms / 1000));
	loop->state = MAIN_LOOP_LEAVING;
	checkup_end(loop->checkup);
	/* Now, so that the next process finds its address free. */
	admin_close(loop->admin);
	notify_stopping(loop->notify);
	watchdog_free(loop->watchdog);
	loop->watchdog = NULL;
	(void)evtimer_add(loop->drain_timer, &patience);
	leave_begin(loop->serving);
}

static void check_drained(struct main_loop *loop)
{
	/* Workers that leave may have drained as well, and then both is news. */
	if (loop->state != MAIN_LOOP_LEAVING && serving_is_drained(loop->serving))
		event_base_loopbreak(loop->base);
}

static void on_left(struct main_loop *loop)
{
	/* Too late: it drains with the others. */
	if (loop->state != MAIN_LOOP_LEAVING) {
		leave_undo(loop->serving);
		check_drained(loop);
		return;
	}
	if (!leave_is_ready(loop->serving))
		return;
	if (serving_is_drained(loop->serving)) {
		event_base_loopbreak(loop->base);
		return;
	}
	start_drain_timer(loop);
	upgrade_forgo(&loop->upgrade);
	/* Its thread would not be in the child, but what that had open would. */
	checkup_join(loop->checkup);
	if (leave_fork(loop->serving) < 0)
		return;
	part_from_manager(loop);
	log_msg(LOG_LEVEL_INFO, "draining beside the next process");
}

/* ---- upgrading ---- */

static void start_upgrade(struct main_loop *loop)
{
	if (loop->state != MAIN_LOOP_RUNNING && loop->state != MAIN_LOOP_SUCCEEDED) {
		log_msg(LOG_LEVEL_WARN, "SIGUSR2: not upgraded, since this process is stopping");
		return;
	}
	loop->upgrade_due = serving_is_changing(loop->serving) &&
			    !upgrade_is_under_way(&loop->upgrade) &&
			    loop->state == MAIN_LOOP_RUNNING;
	if (!loop->upgrade_due)
		(void)upgrade_start(&loop->upgrade);
}

/* The manager accepts what the successor says of itself from then on. */
static bool on_successor_ready(pid_t successor, void *arg)
{
	struct main_loop *loop = arg;
	bool reload;

	/* A SIGHUP came behind SIGUSR2, and the successor may have read the file before. */
	signals_flush(loop->signals);
	reload = loop->reload_due;
	loop->reload_due = false;
	watchdog_free(loop->watchdog);
	loop->watchdog = NULL;
	if (admin_share(loop->admin) < 0)
		log_msg(LOG_LEVEL_WARN, "the successor cannot have admin.listen: %s",
			strerror(errno));
	listen_forget_rest(&loop->serving->room);
	notify_main_pid(loop->notify, successor);
	return reload;
}

static void on_changed(void *arg);

static void on_upgrade_end(pid_t successor, void *arg)
{
	struct main_loop *loop = arg;

	if (successor == 0) {
		on_changed(loop);
		return;
	}
	if (loop->reload_due)
		log_msg(LOG_LEVEL_WARN,
			"SIGHUP: not reloaded: process %d serves now, send it there",
			(int)successor);
	/* It came while flows were being passed on, and is refused with the reason. */
	if (loop->upgrade_due)
		(void)upgrade_start(&loop->upgrade);
	loop->upgrade_due = false;
	admin_close(loop->admin);
	/* The successor looks. */
	checkup_end(loop->checkup);
	part_from_manager(loop);
	if (loop->state == MAIN_LOOP_RUNNING)
		loop->state = MAIN_LOOP_SUCCEEDED;
	serving_drain(loop->serving);
}

static void on_changed(void *arg)
{
	struct main_loop *loop = arg;

	if (loop->state != MAIN_LOOP_RUNNING)
		return;
	listen_keep(&loop->serving->room);
	checkup_begin(loop->checkup);
	if (loop->leave_due)
		leave(loop);
	else if (loop->upgrade_due)
		start_upgrade(loop);
	else if (loop->reload_due)
		start_reload(loop);
	else
		notify_ready(loop->notify);
}

static void on_request(enum signals_request request, void *arg)
{
	struct main_loop *loop = arg;

	switch (request) {
	case SIGNALS_STOP:
		if (loop->state == MAIN_LOOP_RUNNING || loop->state == MAIN_LOOP_SUCCEEDED)
			drain(loop);
		else if (loop->state == MAIN_LOOP_DRAINING || loop->state == MAIN_LOOP_LEAVING)
			close_now(loop);
		else
			event_base_loopbreak(loop->base);
		break;
	case SIGNALS_LEAVE:
		if (loop->state == MAIN_LOOP_RUNNING)
			leave(loop);
		else if (loop->state == MAIN_LOOP_SUCCEEDED)
			drain(loop);
		break;
	case SIGNALS_RELOAD:
		start_reload(loop);
		break;
	case SIGNALS_REOPEN_LOGS:
		if (log_reopen() < 0)
			log_msg(LOG_LEVEL_ERROR,
				"cannot open %s again: %s; going on with the former file",
				loop->serving->conf->log_target, strerror(errno));
		break;
	case SIGNALS_UPGRADE:
		start_upgrade(loop);
		break;
	}
}

static void on_news(unsigned news, void *arg)
{
	struct main_loop *loop = arg;

	switch ((enum worker_news)news) {
	case WORKER_HAS_RELEASED:
		/* Not before the last worker has: a connection to what is closed is refused. */
		if (serving_has_released(loop->serving))
			listen_close_tcp(&loop->serving->room);
		break;
	case WORKER_IS_DRAINED:
		check_drained(loop);
		break;
	case WORKER_HAS_LEFT:
		on_left(loop);
		break;
	}
}

/* ---- making and freeing ---- */

int main_loop_init(struct main_loop *loop)
{
	static const struct timeval interval = {.tv_sec = TICK_MS / 1000};
	const struct upgrade_owner owner = {
	    .on_ready = on_successor_ready, .on_end = on_upgrade_end, .arg = loop};

	if (mailbox_init(&loop->mailbox, loop->base, on_news, loop) < 0)
		return -1;
	loop->signals = signals_new(loop->base, on_request, loop);
	loop->drain_timer = evtimer_new(loop->base, on_drain_timer, loop);
	loop->tick = event_new(loop->base, -1, EV_PERSIST, on_tick, loop);
	if (loop->signals == NULL || loop->drain_timer == NULL || loop->tick == NULL ||
	    event_add(loop->tick, &interval) < 0)
		return -1;
	if (upgrade_init(&loop->upgrade, loop->base, loop->serving, &owner) < 0)
		return -1;
	loop->serving->on_changed = on_changed;
	loop->serving->on_changed_arg = loop;
	return 0;
}

void main_loop_fini(struct main_loop *loop)
{
	signals_free(loop->signals);
	upgrade_fini(&loop->upgrade);
	watchdog_free(loop->watchdog);
	if (loop->tick != NULL)
		event_free(loop->tick);
	if (loop->drain_timer != NULL)
		event_free(loop->drain_timer);
	mailbox_fini(&loop->mailbox);
	notify_free(loop->notify);
}

void main_loop_meet_manager(struct main_loop *loop, struct notify *notify)
{
	loop->notify = notify;
	loop->serving->room.notify = notify;
}

void main_loop_tell_ready(struct main_loop *loop)
{
	listen_keep(&loop->serving->room);
	loop->watchdog = watchdog_new(loop->base, loop->notify, loop->serving->workers,
				      loop->serving->workers_count);
	notify_ready(loop->notify);
	tell_status(loop, clock_now_ms());
	checkup_begin(loop->checkup);
}
