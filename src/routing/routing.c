/* SPDX-License-Identifier: BSD-2-Clause */
/* The return routes of a configuration: set up, kept up and taken away. */
#include "routing/routing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "routing/return_sync.h"
#include "routing/routing_say.h"
#include "routing/routing_state.h"

/* ---- setting up ---- */

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

	if (routing_state_join_plans(routing, plan, &wanted) < 0) {
		routing_say_no_memory();
		return -1;
	}
	if (hold(routing, table) < 0 || routing_state_watch(routing, &wanted) < 0 ||
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
	if (routing_state_begin(routing) == 0 &&
	    install(routing, plan, manage ? conf->routing_table : 0) == 0) {
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
	routing_state_sweep(routing);
	routing_say_remarks(&plan);
	return 0;
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

void routing_tick(struct routing *routing)
{
	struct former *former = TAILQ_FIRST(&routing->formers);

	while (former != NULL) {
		struct former *next = TAILQ_NEXT(former, entry);

		/* Without memory it stays until the next time. */
		if (atomic_load(&former->conf->services) == 0 &&
		    return_plan_add(&routing->stale, &former->plan) == 0)
			routing_state_free_former(routing, former);
		former = next;
	}
	routing_state_sweep(routing);
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

	if (routing->conf == NULL || routing_state_join_plans(routing, &routing->stale, &all) < 0)
		goto out;
	if (!routing_state_others_hold(routing, &all)) {
		if (routing_state_has_mark(&all))
			return_marks_remove(&routing->marks, all.items[0].table);
		(void)remove_own(routing, &all, 0);
	}
	return_plan_fini(&all);
out:
	routing_release(routing);
}

int routing_clear(struct routing *routing, const struct conf *conf)
{
	int result = routing_state_begin(routing);

	if (result < 0)
		return -1;
	if (return_marks_is_own(conf->routing_table))
		result = return_marks_remove(&routing->marks, conf->routing_table);
	return remove_own(routing, NULL, conf->routing_table) < 0 ? -1 : result;
}

void routing_release(struct routing *routing)
{
	while (!TAILQ_EMPTY(&routing->formers))
		routing_state_free_former(routing, TAILQ_FIRST(&routing->formers));
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
