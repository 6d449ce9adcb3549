/* SPDX-License-Identifier: BSD-2-Clause */
/* What mmproxy serves. */
#include "daemon/serving.h"

#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"
#include "daemon/report.h"

/* A plan for which a worker had no memory is tried again after this time. */
#define RETRY_MS 500

static size_t count_workers(const struct conf *conf)
{
	cpu_set_t cpus;

	if (conf->workers != 0)
		return conf->workers;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return 1;
	return (size_t)CPU_COUNT(&cpus);
}

/* ---- making and stopping ---- */

int serving_init(struct serving *serving, struct conf *conf, size_t workers)
{
	*serving = (struct serving){
	    .conf = conf_ref(conf),
	    .started = conf_ref(conf),
	    .workers_count = workers != 0 ? workers : count_workers(conf),
	};
	if (serving->workers_count != count_workers(conf))
		log_msg(LOG_LEVEL_WARN,
			"workers: going on with %zu, as the former process had; another number "
			"needs a restart",
			workers);
	listen_init(&serving->room, serving->workers_count);
	serving->flows = flow_registry_new();
	serving->routes = return_routes_new();
	serving->denied = deny_list_new();
	roster_init(&serving->roster, serving->workers_count, serving->denied);
	serving->workers = calloc(serving->workers_count, sizeof(struct worker *));
	return serving->flows != NULL && serving->routes != NULL && serving->denied != NULL &&
		       serving->workers != NULL
		   ? 0
		   : -1;
}

void serving_fini(struct serving *serving)
{
	for (size_t i = 0; i < serving->workers_count && serving->workers != NULL; i++)
		worker_free(serving->workers[i]);
	free(serving->workers);
	if (serving->retry != NULL)
		event_free(serving->retry);
	/* Behind the workers, whose connections may last until then. */
	return_routes_free(serving->routes);
	plan_free(serving->plan);
	plan_free(serving->farewell);
	cutting_fini(&serving->cutting);
	health_free(serving->health);
	carrying_close(&serving->carrying, serving->flows);
	listen_fini(&serving->room);
	roster_fini(&serving->roster);
	deny_list_free(serving->denied);
	flow_registry_free(serving->flows);
	conf_unref(serving->started);
	conf_unref(serving->conf);
}

int serving_open(struct serving *serving, struct event_base *base, bool succeeds)
{
	serving->health = health_new(base);
	if (serving->health == NULL) {
		log_msg(LOG_LEVEL_ERROR, "cannot start: memory is out");
		return -1;
	}
	if (succeeds)
		health_wait_for_addresses(serving->health);
	if (listen_open(&serving->room, serving->conf) < 0 ||
	    health_prepare(serving->health, serving->conf) < 0)
		return -1;
	listen_commit(&serving->room, serving->conf, clock_now_ms());
	return return_routes_apply(serving->routes, serving->conf);
}

int serving_start(struct serving *serving)
{
	for (size_t i = 0; i < serving->workers_count; i++)
		if (worker_start(serving->workers[i]) < 0)
			return -1;
	health_commit(serving->health, serving->conf);
	return 0;
}

void serving_wait(const struct serving *serving)
{
	for (size_t i = 0; i < serving->workers_count; i++)
		worker_wait(serving->workers[i]);
}

void serving_tell_workers(const struct serving *serving, enum worker_signal signal)
{
	for (size_t i = 0; i < serving->workers_count; i++)
		worker_tell(serving->workers[i], signal);
}

static void end_service(struct serving *serving, enum worker_signal signal)
{
	serving->draining = true;
	/* First, so that load balancers begin to go elsewhere. */
	health_free(serving->health);
	serving->health = NULL;
	serving_tell_workers(serving, signal);
}

void serving_drain(struct serving *serving)
{
	end_service(serving, WORKER_DRAIN);
}

void serving_leave(struct serving *serving)
{
	end_service(serving, WORKER_LEAVE);
}

bool serving_has_released(const struct serving *serving)
{
	for (size_t i = 0; i < serving->workers_count; i++)
		if (!worker_has_released(serving->workers[i]))
			return false;
	return true;
}

bool serving_is_drained(const struct serving *serving)
{
	for (size_t i = 0; i < serving->workers_count; i++)
		if (!worker_is_drained(serving->workers[i]))
			return false;
	return true;
}

void serving_stop(struct serving *serving)
{
	serving_tell_workers(serving, WORKER_STOP);
	for (size_t i = 0; i < serving->workers_count; i++)
		worker_join(serving->workers[i]);
}

/* ---- changing ---- */

bool serving_is_changing(const struct serving *serving)
{
	return serving->plan != NULL || cutting_is_under_way(&serving->cutting) ||
	       serving->passing_on;
}

static void on_cut(void *arg)
{
	struct serving *serving = arg;

	if (serving->on_changed != NULL)
		serving->on_changed(serving->on_changed_arg);
}

static void on_plan_done(struct plan *plan, void *arg)
{
	const struct timeval delay = clock_timeval(RETRY_MS);
	struct serving *serving = arg;

	/* Workers may have left it undone. */
	if (serving->draining) {
		serving->plan = NULL;
		plan_free(plan);
		return;
	}
	if (plan->failed) {
		if (!serving->plan_warned)
			log_msg(LOG_LEVEL_ERROR, "memory is out: a worker still serves what was "
						 "configured before; trying again");
		serving->plan_warned = true;
		if (evtimer_add(serving->retry, &delay) < 0)
			plan_send(plan, serving->workers, on_plan_done, serving);
		return;
	}
	serving->plan_warned = false;
	serving->plan = NULL;
	plan_free(plan);
	/* No worker knows of them any more. */
	listen_close_unwanted(&serving->room);
	if (cutting_start(&serving->cutting, &serving->roster, serving->workers,
			  serving->workers_count, on_cut, serving) < 0) {
		log_msg(LOG_LEVEL_ERROR,
			"memory is out: clients that are denied now keep what they have open");
		on_cut(serving);
	}
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct serving *serving = arg;

	(void)fd;
	(void)what;
	plan_send(serving->plan, serving->workers, on_plan_done, serving);
}

int serving_make_workers(struct serving *serving, struct event_base *base, struct mailbox *news)
{
	serving->retry = evtimer_new(base, on_retry, serving);
	if (serving->retry == NULL || return_routes_watch(serving->routes, base) < 0 ||
	    roster_prepare(&serving->roster, serving->conf) < 0)
		return -1;
	roster_commit(&serving->roster, serving->conf);
	serving->plan = plan_new(&serving->room, &serving->roster);
	if (serving->plan == NULL)
		return -1;
	for (size_t i = 0; i < serving->workers_count; i++) {
		serving->workers[i] = worker_new(i, serving->flows, news);
		if (serving->workers[i] == NULL ||
		    worker_configure(serving->workers[i], &serving->plan->parts[i].plan) < 0)
			return -1;
	}
	plan_free(serving->plan);
	serving->plan = NULL;
	return 0;
}

/* The rest of a change, behind what may fail for other reasons than memory. */
static int commit(struct serving *serving, struct conf *conf)
{
	struct conf *former = serving->conf;

	if (roster_prepare(&serving->roster, conf) < 0)
		return -1;
	listen_commit(&serving->room, conf, clock_now_ms());
	roster_commit(&serving->roster, conf);
	health_commit(serving->health, conf);
	serving->conf = conf_ref(conf);
	conf_unref(former);
	return 0;
}

/* Tell the workers. Without memory that waits for the next tick. */
static void send_plan(struct serving *serving)
{
	serving->plan = plan_new(&serving->room, &serving->roster);
	serving->plan_due = serving->plan == NULL;
	if (serving->plan != NULL)
		plan_send(serving->plan, serving->workers, on_plan_done, serving);
}

int serving_change(struct serving *serving, struct conf *conf)
{
	if (listen_open(&serving->room, conf) < 0)
		return -1;
	if (health_prepare(serving->health, conf) < 0) {
		listen_undo(&serving->room);
		return -1;
	}
	if (return_routes_apply(serving->routes, conf) < 0) {
		health_undo(serving->health);
		listen_undo(&serving->room);
		return -1;
	}
	if (commit(serving, conf) < 0) {
		log_msg(LOG_LEVEL_ERROR, "cannot change the configuration: memory is out");
		health_undo(serving->health);
		listen_undo(&serving->room);
		if (return_routes_apply(serving->routes, serving->conf) < 0)
			log_msg(LOG_LEVEL_ERROR, "what the return routes have too much stays");
		return -1;
	}
	send_plan(serving);
	return 0;
}

/* ---- passing on ---- */

int serving_prepare_pass_on(struct serving *serving)
{
	serving->farewell = plan_new(&serving->room, &serving->roster);
	return serving->farewell != NULL ? 0 : -1;
}

/* Taking sockets away needs no memory. */
static void on_farewell_done(struct plan *plan, void *arg)
{
	struct serving *serving = arg;

	plan_free(plan);
	serving->farewell = NULL;
	listen_close_passed_on(&serving->room);
	serving->on_passed_on(serving->on_passed_on_arg);
}

void serving_pass_on(struct serving *serving, void (*on_done)(void *arg), void *arg)
{
	serving->on_passed_on = on_done;
	serving->on_passed_on_arg = arg;
	plan_send(serving->farewell, serving->workers, on_farewell_done, serving);
}

void serving_undo_pass_on(struct serving *serving)
{
	struct listen_address *address;

	for (address = serving->room.addresses; address != NULL; address = address->hh.next)
		address->passed_on = false;
	plan_free(serving->farewell);
	serving->farewell = NULL;
}

/* ---- once a second ---- */

void serving_tick(struct serving *serving, int64_t now_ms)
{
	deny_list_expire(serving->denied, deny_list_clock_ms());
	roster_log_suppressed(&serving->roster, now_ms);
	roster_forget_ended(&serving->roster, report_ledger);
	return_routes_tick(serving->routes);
	if (serving->draining || serving_is_changing(serving))
		return;
	if (listen_leave(&serving->room, now_ms - serving->conf->drain_timeout_ms) ||
	    serving->plan_due)
		send_plan(serving);
}
