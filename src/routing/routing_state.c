/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rooms of routing share. */
#include "routing/routing_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "routing/return_sync.h"
#include "routing/routing.h"
#include "routing/routing_say.h"
#include "routing/target_place.h"

/* Interfaces and routes are asked for once a plan, and only if it has to know. */
static enum return_place find_place(void *arg, const struct addr *target, uint32_t mark)
{
	struct target_place **place = arg;

	if (*place == NULL)
		*place = target_place_new();
	return *place != NULL ? target_place_find(*place, target, mark) : RETURN_PLACE_NONE;
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

int routing_state_join_plans(const struct routing *routing, const struct return_plan *more,
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

bool routing_state_has_mark(const struct return_plan *plan)
{
	for (size_t i = 0; i < plan->items_count; i++)
		if (plan->items[i].mark != 0)
			return true;
	return false;
}

bool routing_state_others_hold(const struct routing *routing, const struct return_plan *plan)
{
	for (size_t i = 0; i < plan->items_count; i++)
		if (route_holder_has_others(&routing->holder, plan->items[i].table))
			return true;
	return false;
}

void routing_state_sweep(struct routing *routing)
{
	struct return_plan *stale = &routing->stale;
	struct return_plan kept;
	struct return_item failed;
	int error;

	if (stale->items_count == 0 || routing_state_others_hold(routing, stale) ||
	    routing_state_join_plans(routing, NULL, &kept) < 0)
		return;
	/* A rule for marks is there as long as the table that marks. */
	if (routing_state_has_mark(stale) && kept.markings_count == 0)
		return_marks_remove(&routing->marks, stale->items[0].table);
	else if (stale->markings_count > 0)
		return_marks_set(&routing->marks, &kept);
	error = return_sync_remove(routing->kernel, stale, &kept, &failed);
	if (error != 0)
		routing_say_failed("del", &failed, error);
	return_plan_fini(&kept);
	return_plan_fini(stale);
}

int routing_state_begin(struct routing *routing)
{
	if (routing->kernel != NULL)
		return 0;
	routing->kernel = return_kernel_new();
	if (routing->kernel != NULL)
		return 0;
	routing_say_unreadable(errno);
	return -1;
}

int routing_state_watch(struct routing *routing, const struct return_plan *wanted)
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

void routing_state_free_former(struct routing *routing, struct former *former)
{
	TAILQ_REMOVE(&routing->formers, former, entry);
	return_plan_fini(&former->plan);
	conf_unref(former->conf);
	free(former);
}
