/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeping return routes up. */
#include "routing/routing_look.h"

#include "base/log.h"
#include "routing/return_sync.h"
#include "routing/routing_say.h"
#include "routing/routing_state.h"

/* A look may be taken this long after a notification, since changes come in groups, */
#define LOOK_DELAY_MS 100

/* and this long after the look before it; twice as long after each one that had to restore. */
#define LOOK_INTERVAL_MS     1000
#define LOOK_INTERVAL_MAX_MS 60000

/* When as many looks in a row had to restore something, somebody else removes it on purpose. */
#define FIGHT_LOOKS 5

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
	if (replan(routing) == 0 && routing_state_join_plans(routing, NULL, &wanted) == 0) {
		if (routing_state_watch(routing, &wanted) == 0 &&
		    return_marks_may_set(&routing->marks, &wanted))
			missing = restore(routing, &wanted);
		return_plan_fini(&wanted);
	}
	routing->failing = missing < 0;
	if (missing > 0)
		say_restored(routing, missing, now_ms);
	return missing < 0;
}
