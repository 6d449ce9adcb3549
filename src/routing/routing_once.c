/* SPDX-License-Identifier: BSD-2-Clause */
/* Return routes for scripts. */
#include "routing/routing_once.h"

#include "routing/return_text.h"
#include "routing/routing.h"
#include "routing/routing_say.h"

int routing_once_set_up(struct conf *conf)
{
	struct routing *routing = routing_new();
	int result = -1;

	if (routing != NULL)
		result = routing_apply_once(routing, conf);
	else
		routing_say_no_memory();
	routing_free(routing);
	return result;
}

int routing_once_clear(struct conf *conf)
{
	struct routing *routing = routing_new();
	int result = -1;

	if (routing != NULL)
		result = routing_clear(routing, conf);
	else
		routing_say_no_memory();
	routing_free(routing);
	return result;
}

int routing_once_print(struct conf *conf, FILE *out)
{
	struct routing *routing = routing_new();
	struct return_plan plan;

	if (routing == NULL || routing_plan(routing, conf, &plan) < 0) {
		routing_say_no_memory();
		routing_free(routing);
		return -1;
	}
	routing_say_remarks(&plan);
	return_text_commands(&plan, out);
	return_plan_fini(&plan);
	routing_free(routing);
	return 0;
}
