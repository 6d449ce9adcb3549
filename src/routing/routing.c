/* SPDX-License-Identifier: BSD-2-Clause */
/* The return routes of a configuration: set up, kept up and taken away. */
#include "routing/routing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "routing/return_kernel.h"
#include "routing/return_marks.h"
#include "routing/return_plan.h"
#include "routing/return_sync.h"
#include "routing/route_holders.h"
#include "routing/routing_say.h"
#include "routing/target_place.h"

/* A look may be taken this long after a notification, since changes come in groups, */
#define LOOK_DELAY_MS 100

/* and this long after the look before it; twice as long after each one that had to restore. */
#define LOOK_INTERVAL_MS     1000
#define LOOK_INTERVAL_MAX_MS 60000

/* When as many looks in a row had to restore something, somebody else removes it on purpose. */
#define FIGHT_LOOKS 5

/* A snapshot that is not the newest, and what its services need. */
struct former {
	struct conf *conf;
	struct return_plan plan;
	TAILQ_ENTRY(former) entry;
};

struct routing {
	struct return_kernel *kernel; /* NULL: nothing was ever to be managed */
	struct route_watch watch;
	bool once; /* nothing is watched */
	bool rule_ports;
	struct conf *conf; /* NULL: none yet that is managed */
	struct return_plan plan;
	TAILQ_HEAD(, former) formers;
	/* What nobody needs here any more, or a former process left: to be removed once no other
	 * process uses the routes. */
	struct return_plan stale;
	struct route_holder holder;
	struct return_marks marks;
	int64_t looked_ms;
	int64_t restored_ms;
	unsigned restores; /* looks in a row that had to restore something */
	bool failing;	   /* which was said */
};

/* ---- plans ---- */

/* Interfaces and routes are asked for once a plan, and only if it has to know. */
static enum return_place find_place(void *arg, const struct addr *target, uint32_t mark)
{
	struct target_place **place = arg;

	if (*place == NULL)
		*place = target_place_new();
	return *place != NULL ? target_place_find(*place, target, mark) : RETURN_PLACE_NONE;
}

/* What all snapshots in use need, and this plan (NULL: none). */
static int join_plans(const struct routing *routing, const struct return_plan *more,
		      struct return_plan *joined)
{
	const struct former *former;

	memset(joined, 0, sizeof(*joined));
	if (return_plan_add(joined, &routing->plan) < 0)
		goto fail;
	TAILQ_FOREACH(former, &routing->formers, entry)
	if (return_plan_add(joined, &former->plan) < 0)
		goto fail;
	if (more == NULL || return_plan_add(joined, more) == 0)
		return 0;
fail:
	return_plan_fini(joined);
	return -1;
}

/* ---- stale routes ---- */

static bool has_mark(const struct return_plan *plan)
{
	for (size_t i = 0; i < plan->items_count; i++)
		if (plan->items[i].mark != 0)
			return true;
	return false;
}

static bool others_hold(const struct routing *routing, const struct return_plan *plan)
{
	for (size_t i = 0; i < plan->items_count; i++)
		if (route_holder_has_others(&routing->holder, plan->items[i].table))
			return true;
	return false;
}

/* Remove what is stale, unless another process may need it. */
static void sweep(struct routing *routing)
{
	struct return_plan *stale = &routing->stale;
	struct return_plan kept;
	struct return_item failed;
	int error;

	if (stale->items_count == 0 || others_hold(routing, stale) ||
	    join_plans(routing, NULL, &kept) < 0)
		return;
	/* A rule for marks is there as long as the table that marks. */
	if (has_mark(stale) && kept.markings_count == 0)
		return_marks_remove(&routing->marks, stale->items[0].table);
	else if (stale->markings_count > 0)
		return_marks_set(&routing->marks, &kept);
	error = return_sync_remove(routing->kernel, stale, &kept, &failed);
	if (error != 0)
		routing_say_failed("del", &failed, error);
	return_plan_fini(&kept);
	return_plan_fini(stale);
}

/* ---- setting up ---- */

static int begin(struct routing *routing)
{
	if (routing->kernel != NULL)
		return 0;
	routing->kernel = return_kernel_new();
	if (routing->kernel != NULL)
		return 0;
	routing_say_unreadable(errno);
	return -1;
}

/* Open it before the kernel is read, so that no change falls between. */
static int watch(struct routing *routing, const struct return_plan *wanted)
{
	if (routing->once)
		return 0;
	routing->watch.places = wanted->asked_about_places;
	if (route_watch_open(&routing->watch, wanted->markings_count > 0) == 0)
		return 0;
	if (errno == EPERM)
		routing_say_not_permitted();
	else
		log_msg(LOG_LEVEL_ERROR, "routing: cannot listen to changes of routes: %s",
			strerror(errno));
	return -1;
}

/* Keep others from removing what is there already. */
static int hold(struct routing *routing, uint32_t table)
{
	if (routing->once || table == 0 || route_holder_join(&routing->holder, table) == 0)
		return 0;
	log_msg(LOG_LEVEL_ERROR, "routing: cannot make a socket: %s", strerror(errno));
	return -1;
}

/* Take back what was added. */
static void undo(struct routing *routing, const struct return_plan *added)
{
	struct return_item failed;
	int error = return_sync_remove(routing->kernel, added, NULL, &failed);

	if (error != 0)
		routing_say_failed("del", &failed, error);
}

/* Whether it failed because the kernel knows rules by address only; the next plan has no others. */
static bool has_refused_ports(struct routing *routing, const struct return_item *failed, int error)
{
	if (failed->ipproto == 0 || (error != EINVAL && error != EOPNOTSUPP))
		return false;
	routing->rule_ports = false;
	return true;
}

/* Add what is missing, all or nothing. Returns 0, or an errno value having logged it. */
static int add_all(struct routing *routing, const struct return_sync *sync,
		   const struct return_plan *wanted)
{
	struct return_plan added = {.items = NULL};
	struct return_item failed;
	int error = return_sync_add(sync, routing->kernel, wanted, &added, &failed);

	if (error != 0 && !has_refused_ports(routing, &failed, error))
		routing_say_failed("add", &failed, error);
	else if (error == 0 && wanted->markings_count > 0 &&
		 return_marks_set(&routing->marks, wanted) < 0)
		error = EIO;
	if (error != 0)
		undo(routing, &added);
	return_plan_fini(&added);
	return error;
}

/* Have what the plan needs besides what is needed already. -1: logged, and nothing has changed. */
static int install(struct routing *routing, const struct return_plan *plan, uint32_t table)
{
	struct return_sync sync = {.foreign = ""};
	struct return_plan wanted;
	int result = -1;
	int error;

	if (join_plans(routing, plan, &wanted) < 0) {
		routing_say_no_memory();
		return -1;
	}
	if (hold(routing, table) < 0 || watch(routing, &wanted) < 0 ||
	    !return_marks_may_set(&routing->marks, &wanted))
		goto out;
	error = return_sync_read(&sync, routing->kernel, &wanted, table);
	if (error != 0) {
		routing_say_unreadable(error);
		goto out;
	}
	if (sync.foreign[0] != '\0') {
		routing_say_foreign_route(&sync);
		goto out;
	}
	/* First of all what a former process left is noted, so that memory cannot be out later. */
	if (routing->conf == NULL && return_plan_add(&routing->stale, &sync.own) < 0) {
		routing_say_no_memory();
		goto out;
	}
	if (add_all(routing, &sync, &wanted) != 0)
		goto out;
	result = 0;
out:
	/* What nobody manages is not removed either. */
	if (result < 0 && routing->conf == NULL)
		return_plan_fini(&routing->stale);
	return_sync_fini(&sync);
	return_plan_fini(&wanted);
	return result;
}

/* Make the plan and set it up. -1: logged, and nothing has changed. */
static int plan_and_install(struct routing *routing, const struct conf *conf, bool manage,
			    struct return_plan *plan)
{
	bool rule_ports = routing->rule_ports;

	memset(plan, 0, sizeof(*plan));
	if (manage && routing_plan(routing, conf, plan) < 0) {
		routing_say_no_memory();
		return -1;
	}
	if (begin(routing) == 0 && install(routing, plan, manage ? conf->routing_table : 0) == 0) {
		if (!routing->rule_ports && manage)
			routing_say_wide_rules();
		return 0;
	}
	return_plan_fini(plan);
	if (rule_ports && !routing->rule_ports)
		return plan_and_install(routing, conf, manage, plan);
	return -1;
}

/* Use the snapshot, as one that is managed or is not. -1: logged, and nothing has changed. */
static int use(struct routing *routing, struct conf *conf, bool manage)
{
	struct former *former = calloc(1, sizeof(*former));
	struct return_plan plan;

	if (former == NULL) {
		routing_say_no_memory();
		return -1;
	}
	if (plan_and_install(routing, conf, manage, &plan) < 0) {
		if (routing->conf != NULL && routing->conf->routing_manage)
			(void)hold(routing, routing->conf->routing_table);
		free(former);
		return -1;
	}
	if (routing->conf != NULL) {
		former->conf = routing->conf;
		former->plan = routing->plan;
		TAILQ_INSERT_TAIL(&routing->formers, former, entry);
	} else {
		free(former);
	}
	routing->conf = conf_ref(conf);
	routing->plan = plan;
	sweep(routing);
	routing_say_remarks(&plan);
	return 0;
}

int routing_plan(const struct routing *routing, const struct conf *conf, struct return_plan *plan)
{
	struct target_place *place = NULL;
	const struct return_host host = {.ipv6 = return_kernel_has_ipv6(),
					 .rule_ports = routing->rule_ports,
					 .place = find_place,
					 .arg = &place};
	int result = return_plan_init(plan, conf, &host);

	target_place_free(place);
	return result;
}

int routing_apply(struct routing *routing, struct conf *conf)
{
	if (!conf->routing_manage && routing->conf == NULL)
		return 0;
	if (use(routing, conf, conf->routing_manage) < 0)
		return -1;
	if (conf->routing_manage)
		routing_say_plan(&routing->plan, conf->routing_table);
	return 0;
}

int routing_apply_once(struct routing *routing, struct conf *conf)
{
	routing->once = true;
	return use(routing, conf, true);
}

/* ---- taking away ---- */

static void free_former(struct routing *routing, struct former *former)
{
	TAILQ_REMOVE(&routing->formers, former, entry);
	return_plan_fini(&former->plan);
	conf_unref(former->conf);
	free(former);
}

void routing_tick(struct routing *routing)
{
	struct former *former = TAILQ_FIRST(&routing->formers);

	while (former != NULL) {
		struct former *next = TAILQ_NEXT(former, entry);

		/* Without memory it stays until the next time. */
		if (atomic_load(&former->conf->services) == 0 &&
		    return_plan_add(&routing->stale, &former->plan) == 0)
			free_former(routing, former);
		former = next;
	}
	sweep(routing);
}

/* Delete those of the kernel's own items that wanted has (NULL: all). -1: logged. */
static int remove_own(struct routing *routing, const struct return_plan *wanted, uint32_t table)
{
	static const struct return_plan nothing = {.items = NULL};
	struct return_plan gone = {.items = NULL};
	struct return_sync sync;
	struct return_item failed;
	int error;

	error = return_sync_read(&sync, routing->kernel, wanted != NULL ? wanted : &nothing, table);
	for (size_t i = 0; i < sync.own.items_count && error == 0; i++) {
		struct return_item *item = &sync.own.items[i];
		const struct return_plan one = {.items = item, .items_count = 1};

		if ((wanted == NULL || return_plan_has_item(wanted, item)) &&
		    return_plan_add(&gone, &one) < 0)
			error = ENOMEM;
	}
	if (error != 0) {
		routing_say_unreadable(error);
	} else {
		error = return_sync_remove(routing->kernel, &gone, NULL, &failed);
		if (error != 0)
			routing_say_failed("del", &failed, error);
	}
	return_plan_fini(&gone);
	return_sync_fini(&sync);
	return error == 0 ? 0 : -1;
}

void routing_remove(struct routing *routing)
{
	struct return_plan all;

	if (routing->conf == NULL || join_plans(routing, &routing->stale, &all) < 0)
		goto out;
	if (!others_hold(routing, &all)) {
		if (has_mark(&all))
			return_marks_remove(&routing->marks, all.items[0].table);
		(void)remove_own(routing, &all, 0);
	}
	return_plan_fini(&all);
out:
	routing_release(routing);
}

int routing_clear(struct routing *routing, const struct conf *conf)
{
	int result = begin(routing);

	if (result < 0)
		return -1;
	if (return_marks_is_own(conf->routing_table))
		result = return_marks_remove(&routing->marks, conf->routing_table);
	return remove_own(routing, NULL, conf->routing_table) < 0 ? -1 : result;
}

void routing_release(struct routing *routing)
{
	while (!TAILQ_EMPTY(&routing->formers))
		free_former(routing, TAILQ_FIRST(&routing->formers));
	return_plan_fini(&routing->plan);
	return_plan_fini(&routing->stale);
	route_holder_fini(&routing->holder);
	conf_unref(routing->conf);
	routing->conf = NULL;
	return_marks_fini(&routing->marks);
	route_watch_fini(&routing->watch);
	return_kernel_free(routing->kernel);
	routing->kernel = NULL;
}

/* ---- keeping up ---- */

struct route_watch *routing_watch(struct routing *routing)
{
	return &routing->watch;
}

static int64_t interval_ms(const struct routing *routing)
{
	int64_t interval = LOOK_INTERVAL_MS;

	for (unsigned i = 1; i < routing->restores && interval < LOOK_INTERVAL_MAX_MS; i++)
		interval *= 2;
	return interval < LOOK_INTERVAL_MAX_MS ? interval : LOOK_INTERVAL_MAX_MS;
}

unsigned routing_look_delay_ms(const struct routing *routing, int64_t now_ms)
{
	int64_t delay = routing->looked_ms + interval_ms(routing) - now_ms;

	if (routing->looked_ms == 0 || delay < LOOK_DELAY_MS)
		return LOOK_DELAY_MS;
	return (unsigned)delay;
}

/* Returns how much was missing, or -1 having logged it if it is news. */
static int restore(struct routing *routing, const struct return_plan *wanted)
{
	struct return_plan added = {.items = NULL};
	struct return_sync sync;
	struct return_item failed;
	int missing = -1;
	int marks;
	int error = return_sync_read(&sync, routing->kernel, wanted, 0);

	if (error != 0) {
		if (!routing->failing)
			routing_say_unreadable(error);
		goto out;
	}
	error = return_sync_add(&sync, routing->kernel, wanted, &added, &failed);
	if (error != 0) {
		if (!routing->failing)
			routing_say_failed("add", &failed, error);
		goto out;
	}
	marks = return_marks_restore(&routing->marks, wanted);
	if (marks >= 0)
		missing = (int)added.items_count + marks;
out:
	return_plan_fini(&added);
	return_sync_fini(&sync);
	return missing;
}

/* Let the plan grow by what a change of the network calls for. */
static int replan(struct routing *routing)
{
	struct return_plan plan;
	int result;

	if (!routing->conf->routing_manage)
		return 0;
	if (routing_plan(routing, routing->conf, &plan) < 0)
		return -1;
	result = return_plan_add(&routing->plan, &plan);
	return_plan_fini(&plan);
	return result;
}

static void say_restored(struct routing *routing, int missing, int64_t now_ms)
{
	if (now_ms - routing->restored_ms > 2 * LOOK_INTERVAL_MAX_MS)
		routing->restores = 0;
	routing->restored_ms = now_ms;
	routing->restores++;
	if (routing->restores == 1)
		log_msg(LOG_LEVEL_WARN,
			"return routes were missing and are there again (%d); another program "
			"may have removed them",
			missing);
	else if (routing->restores == FIGHT_LOOKS)
		log_msg(LOG_LEVEL_WARN,
			"another program removes the return routes again and again; they are "
			"restored less and less often, down to once a minute");
}

bool routing_look(struct routing *routing, int64_t now_ms)
{
	struct return_plan wanted;
	int missing = -1;

	routing->looked_ms = now_ms;
	if (routing->conf == NULL)
		return false;
	if (replan(routing) == 0 && join_plans(routing, NULL, &wanted) == 0) {
		if (watch(routing, &wanted) == 0 && return_marks_may_set(&routing->marks, &wanted))
			missing = restore(routing, &wanted);
		return_plan_fini(&wanted);
	}
	routing->failing = missing < 0;
	if (missing > 0)
		say_restored(routing, missing, now_ms);
	return missing < 0;
}

/* ---- making and freeing ---- */

bool routing_is_built(void)
{
	return true;
}

struct routing *routing_new(void)
{
	struct routing *routing = calloc(1, sizeof(*routing));

	if (routing == NULL)
		return NULL;
	TAILQ_INIT(&routing->formers);
	route_watch_init(&routing->watch);
	route_holder_init(&routing->holder);
	routing->rule_ports = return_kernel_has_rule_ports();
	return routing;
}

void routing_free(struct routing *routing)
{
	if (routing == NULL)
		return;
	routing_release(routing);
	free(routing);
}
