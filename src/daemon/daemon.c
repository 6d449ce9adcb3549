/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon: ordered start and stop, with the main loop between them. */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "daemon/activation.h"
#include "daemon/main_loop.h"
#include "daemon/privileges.h"
#include "daemon/report.h"
#include "daemon/sandbox.h"
#include "daemon/takeover.h"
#include "net/sock.h"

struct daemon {
	int former; /* socket to the process that this one succeeds; -1: none */
	struct serving serving;
	struct main_loop loop;
};

/* Returns 0, or -1 when memory or descriptors are out. */
static int make_parts(struct daemon *daemon, const char *set_up)
{
	struct event_base *base = daemon->loop.base;

	if (main_loop_init(&daemon->loop) < 0 ||
	    serving_make_workers(&daemon->serving, base, &daemon->loop.mailbox) < 0)
		return -1;
	if (carrying_begin(&daemon->serving.carrying, base) < 0)
		return -1;
	daemon->loop.admin = admin_new(base, &daemon->serving);
	daemon->loop.checkup = checkup_new(&daemon->serving, &daemon->loop.mailbox, set_up);
	return daemon->loop.admin != NULL && daemon->loop.checkup != NULL ? 0 : -1;
}

static void warn(const char *text, void *arg)
{
	(void)arg;
	log_msg(LOG_LEVEL_WARN, "%s", text);
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
	main_loop_meet_manager(&daemon->loop, notify);
	return result;
}

/*
 * Start the workers' threads; where there is a former process, when they have its flows, and let
 * them begin when that one has stopped. Returns 0, or -1 having logged why.
 */
static int start_workers(struct daemon *daemon)
{
	struct serving *serving = &daemon->serving;
	bool reload;

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
	if (takeover_begin(daemon->former, &reload) < 0)
		return -1;
	serving_tell_workers(serving, WORKER_BEGIN);
	/* The loop finds it when all is ready. */
	if (reload)
		(void)raise(SIGHUP);
	sock_close(daemon->former);
	main_loop_meet_manager(&daemon->loop, notify_new());
	return 0;
}

/* Returns 0, or -1 having logged why. */
static int open_admin(struct daemon *daemon)
{
	if (admin_prepare(daemon->loop.admin, daemon->serving.conf, daemon->former >= 0) < 0)
		return -1;
	admin_commit(daemon->loop.admin);
	return 0;
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
	struct daemon daemon = {.former = origin->former, .loop = MAIN_LOOP_INITIALIZER};
	struct serving *serving = &daemon.serving;
	enum exit_code code = EXIT_RUNTIME;

	daemon.loop.source = source;
	daemon.loop.serving = serving;
	daemon.loop.base = event_base_new();
	if (init_serving(&daemon, conf) < 0 || daemon.loop.base == NULL)
		goto out_of_memory;
	privileges_close_inherited(conf);
	privileges_raise_descriptors();
	report_descriptors(conf, serving->workers_count);
	if (privileges_check(conf) < 0 ||
	    serving_open(serving, daemon.loop.base, daemon.former >= 0) < 0)
		goto out;
	carrying_open(&serving->carrying, conf, serving->flows);
	if (privileges_drop(conf) < 0)
		goto out;
	upgrade_prepare(&daemon.loop.upgrade, origin->argv);
	sandbox_start(conf, serving->carrying.fastpath != NULL);
	if (make_parts(&daemon, origin->set_up) < 0)
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
	report_buffers(conf, warn, NULL);
	report_start(conf, serving->workers_count);
	main_loop_tell_ready(&daemon.loop);
	(void)event_base_dispatch(daemon.loop.base);
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
		notify_failed(daemon.loop.notify, errno);
	activation_free(serving->room.activation);
	checkup_free(daemon.loop.checkup);
	admin_free(daemon.loop.admin);
	serving_fini(serving);
	/* While signals are still handled: one that comes now must not cost the last lines. */
	log_stop_writer();
	main_loop_fini(&daemon.loop);
	if (daemon.loop.base != NULL)
		event_base_free(daemon.loop.base);
	return code;
}
