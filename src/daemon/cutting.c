/* SPDX-License-Identifier: BSD-2-Clause */
/* Ending the sessions and flows of clients that may not be served any more. */
#include "daemon/cutting.h"

#include <stdlib.h>

#include "service/route.h"

/* The service that a session or flow would have now, or NULL. Called by workers. */
static const struct service *find_service(const struct cutting *cutting,
					  const struct service *former)
{
	for (size_t i = 0; i < cutting->services_count; i++)
		if (cutting->services[i]->ledger == former->ledger)
			return cutting->services[i];
	return NULL;
}

static enum close_reason judge(const struct listener_view *view, void *arg)
{
	const struct service *now = find_service(arg, view->service);

	if (!addr_is_set(view->client))
		return REASON_COUNT;
	/* Of whichever listener, also one that is not configured any more. */
	if (view->service->denied != NULL && deny_list_has(view->service->denied, view->client))
		return REASON_CLIENT_DENIED;
	if (now == NULL || route_allows_client(now->conf, view->client))
		return REASON_COUNT;
	return REASON_CLIENT_DENIED;
}

static size_t count_configured(const struct roster *roster)
{
	const struct roster_entry *entry;
	size_t count = 0;

	TAILQ_FOREACH(entry, &roster->entries, entry)
	count += entry->configured;
	return count;
}

static void take_services(struct cutting *cutting, const struct roster *roster)
{
	struct roster_entry *entry;

	TAILQ_FOREACH(entry, &roster->entries, entry)
	if (entry->configured)
		cutting->services[cutting->services_count++] = service_ref(entry->service);
}

void cutting_fini(struct cutting *cutting)
{
	for (size_t i = 0; i < cutting->services_count; i++)
		service_unref(cutting->services[i]);
	free(cutting->services);
	free(cutting->visits);
	*cutting = (struct cutting){0};
}

bool cutting_is_under_way(const struct cutting *cutting)
{
	return cutting->visits != NULL;
}

static void on_visited(struct mail *mail, void *arg)
{
	struct visit *visit = (struct visit *)(void *)mail;
	struct cutting *cutting = visit->arg;
	void (*on_done)(void *arg) = cutting->on_done;
	void *on_done_arg = cutting->on_done_arg;

	(void)arg;
	if (--cutting->left > 0)
		return;
	cutting_fini(cutting);
	on_done(on_done_arg);
}

int cutting_start(struct cutting *cutting, const struct roster *roster,
		  struct worker *const *workers, size_t workers_count, void (*on_done)(void *arg),
		  void *arg)
{
	cutting->services_count = 0;
	cutting->services = calloc(count_configured(roster) + 1, sizeof(struct service *));
	cutting->visits = calloc(workers_count, sizeof(*cutting->visits));
	if (cutting->services == NULL || cutting->visits == NULL) {
		free(cutting->services);
		free(cutting->visits);
		*cutting = (struct cutting){0};
		return -1;
	}
	take_services(cutting, roster);
	cutting->left = workers_count;
	cutting->on_done = on_done;
	cutting->on_done_arg = arg;
	for (size_t i = 0; i < workers_count; i++) {
		cutting->visits[i].done = on_visited;
		cutting->visits[i].visitor = judge;
		cutting->visits[i].arg = cutting;
		worker_send_visit(workers[i], &cutting->visits[i]);
	}
	return 0;
}
