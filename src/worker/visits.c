/* SPDX-License-Identifier: BSD-2-Clause */
/* Rounds of visits to all sessions and flows of a worker. */
#include "worker/visits.h"

/* Sessions or flows that are visited in one pass of the loop. */
#define TURN 128

static struct visit *visit_of(struct mail *mail)
{
	return (struct visit *)(void *)mail;
}

static void begin(const struct visits *visits, struct visit *visit)
{
	visit->listener = 0;
	visit->begun = false;
	visit->version = visits->lineup->version;
	if (visit->begin != NULL)
		visit->begin(visit->arg);
}

/* Returns whether there are more to visit. */
static bool visit_some(const struct visits *visits, struct visit *visit)
{
	const struct lineup *lineup = visits->lineup;
	struct listener *listener;

	/* Listeners may have changed their places. */
	if (visit->version != lineup->version)
		begin(visits, visit);
	if (visit->listener >= lineup->count)
		return false;
	listener = lineup->listeners[visit->listener];
	visit->begun =
	    listener->kind->visit(listener, !visit->begun, TURN, visit->visitor, visit->arg);
	if (!visit->begun)
		visit->listener++;
	return visit->listener < lineup->count;
}

static void schedule(const struct visits *visits)
{
	static const struct timeval next_pass = {0};

	if (evtimer_add(visits->turn, &next_pass) < 0)
		event_active(visits->turn, EV_TIMEOUT, 0);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct visits *visits = arg;
	struct visit *visit = visit_of(STAILQ_FIRST(&visits->waiting));

	(void)fd;
	(void)what;
	if (!visit_some(visits, visit)) {
		STAILQ_REMOVE_HEAD(&visits->waiting, entry);
		visit->mail.open = visit->done;
		mailbox_send(visits->done, &visit->mail);
		visit = visit_of(STAILQ_FIRST(&visits->waiting));
		if (visit == NULL)
			return;
		begin(visits, visit);
	}
	schedule(visits);
}

int visits_init(struct visits *visits, struct event_base *base, struct lineup *lineup,
		struct mailbox *done)
{
	STAILQ_INIT(&visits->waiting);
	visits->lineup = lineup;
	visits->done = done;
	visits->turn = evtimer_new(base, on_turn, visits);
	return visits->turn != NULL ? 0 : -1;
}

void visits_fini(struct visits *visits)
{
	if (visits->turn != NULL)
		event_free(visits->turn);
	visits->turn = NULL;
}

void visits_add(struct visits *visits, struct visit *visit)
{
	STAILQ_INSERT_TAIL(&visits->waiting, &visit->mail, entry);
	if (STAILQ_FIRST(&visits->waiting) != &visit->mail)
		return;
	begin(visits, visit);
	schedule(visits);
}
