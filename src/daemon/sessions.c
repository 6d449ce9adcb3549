/* SPDX-License-Identifier: BSD-2-Clause */
/* The sessions and flows that stand out, of all workers. */
#include "daemon/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Rows that a worker's part has room for at first. */
#define ROOM_FIRST 128

/* What one worker gathers: a heap with the row of the lowest rank at its top. */
struct part {
	struct visit visit; /* first: its mail is the part's */
	struct sessions *sessions;
	size_t limit;
	enum sessions_order order;
	int64_t now_ms; /* of all parts, or a worker that comes late would have older sessions */
	struct sessions_row *rows;
	size_t count;
	size_t room;
	bool failed; /* memory was out */
};

struct sessions {
	struct worker *const *workers;
	size_t workers_count;
	size_t left; /* parts that have not come back; 0: nothing is under way */
	STAILQ_HEAD(, sessions_request) requests; /* the first one is under way */
	struct part parts[];
};

/* ---- the workers ---- */

static void swap(struct part *part, size_t a, size_t b)
{
	struct sessions_row row = part->rows[a];

	part->rows[a] = part->rows[b];
	part->rows[b] = row;
}

static void rise(struct part *part, size_t place)
{
	while (place > 0 && part->rows[(place - 1) / 2].rank > part->rows[place].rank) {
		swap(part, place, (place - 1) / 2);
		place = (place - 1) / 2;
	}
}

static void sink(struct part *part, size_t place)
{
	size_t child;

	while ((child = 2 * place + 1) < part->count) {
		if (child + 1 < part->count && part->rows[child + 1].rank < part->rows[child].rank)
			child++;
		if (part->rows[child].rank >= part->rows[place].rank)
			break;
		swap(part, place, child);
		place = child;
	}
}

static void empty(struct part *part)
{
	for (size_t i = 0; i < part->count; i++)
		ledger_unref(part->rows[i].ledger);
	part->count = 0;
}

/* Returns 0, or -1 when memory is out. */
static int make_room(struct part *part)
{
	size_t room = part->room == 0 ? ROOM_FIRST : 2 * part->room;
	struct sessions_row *rows;

	if (part->count < part->room)
		return 0;
	if (room > part->limit)
		room = part->limit;
	rows = reallocarray(part->rows, room, sizeof(*rows));
	if (rows == NULL)
		return -1;
	part->rows = rows;
	part->room = room;
	return 0;
}

static uint64_t since(int64_t then_ms, int64_t now_ms)
{
	return now_ms > then_ms ? (uint64_t)(now_ms - then_ms) : 0;
}

static uint64_t rank_of(const struct listener_view *view, enum sessions_order order, int64_t now_ms)
{
	switch (order) {
	case SESSIONS_BY_AGE:
		return since(view->opened_ms, now_ms);
	case SESSIONS_BY_IDLE:
		return since(view->active_ms, now_ms);
	case SESSIONS_BY_BYTES:
		break;
	}
	return view->bytes[STATS_UP] + view->bytes[STATS_DOWN];
}

static void fill_in(struct sessions_row *row, const struct listener_view *view, uint64_t rank,
		    int64_t now_ms)
{
	*row = (struct sessions_row){
	    .ledger = ledger_ref(view->service->ledger),
	    .peer = *view->peer,
	    .client = *view->client,
	    .target = *view->target,
	    .bytes = {view->bytes[STATS_UP], view->bytes[STATS_DOWN]},
	    .age_ms = since(view->opened_ms, now_ms),
	    .idle_ms = since(view->active_ms, now_ms),
	    .rank = rank,
	    .relaying = view->relaying,
	    .carried = view->carried,
	};
}

static void begin(void *arg)
{
	empty(arg);
}

static enum close_reason gather(const struct listener_view *view, void *arg)
{
	struct part *part = arg;
	uint64_t rank = rank_of(view, part->order, part->now_ms);

	if (part->failed)
		return REASON_COUNT;
	if (part->count < part->limit) {
		if (make_room(part) < 0) {
			part->failed = true;
			return REASON_COUNT;
		}
		fill_in(&part->rows[part->count++], view, rank, part->now_ms);
		rise(part, part->count - 1);
	} else if (rank > part->rows[0].rank) {
		ledger_unref(part->rows[0].ledger);
		fill_in(&part->rows[0], view, rank, part->now_ms);
		sink(part, 0);
	}
	return REASON_COUNT;
}

/* ---- the main thread ---- */

static int compare(const void *a, const void *b)
{
	const struct sessions_row *first = a;
	const struct sessions_row *second = b;

	return (first->rank < second->rank) - (first->rank > second->rank);
}

/* All rows as one list, the highest rank first. Returns NULL when memory is out. */
static struct sessions_row *join(const struct sessions *sessions, size_t *count)
{
	struct sessions_row *rows;

	*count = 0;
	for (size_t i = 0; i < sessions->workers_count; i++) {
		if (sessions->parts[i].failed)
			return NULL;
		*count += sessions->parts[i].count;
	}
	/* One more, so that no rows are not NULL. */
	rows = reallocarray(NULL, *count + 1, sizeof(*rows));
	if (rows == NULL)
		return NULL;
	*count = 0;
	for (size_t i = 0; i < sessions->workers_count; i++) {
		const struct part *part = &sessions->parts[i];

		if (part->count > 0)
			memcpy(rows + *count, part->rows, part->count * sizeof(*rows));
		*count += part->count;
	}
	qsort(rows, *count, sizeof(*rows), compare);
	return rows;
}

static void reset(struct part *part)
{
	empty(part);
	free(part->rows);
	part->rows = NULL;
	part->room = 0;
	part->failed = false;
}

static void start(struct sessions *sessions);

static void finish(struct sessions *sessions)
{
	struct sessions_request *request = STAILQ_FIRST(&sessions->requests);
	size_t count;
	struct sessions_row *rows = join(sessions, &count);

	STAILQ_REMOVE_HEAD(&sessions->requests, entry);
	if (rows == NULL)
		request->done(request, NULL, 0);
	else
		request->done(request, rows, count < request->limit ? count : request->limit);
	free(rows);
	for (size_t i = 0; i < sessions->workers_count; i++)
		reset(&sessions->parts[i]);
	if (!STAILQ_EMPTY(&sessions->requests))
		start(sessions);
}

static void on_part_done(struct mail *mail, void *arg)
{
	struct part *part = (struct part *)(void *)mail;

	(void)arg;
	if (--part->sessions->left == 0)
		finish(part->sessions);
}

static void start(struct sessions *sessions)
{
	const struct sessions_request *request = STAILQ_FIRST(&sessions->requests);
	const int64_t now_ms = clock_now_ms();

	sessions->left = sessions->workers_count;
	for (size_t i = 0; i < sessions->workers_count; i++) {
		struct part *part = &sessions->parts[i];

		part->sessions = sessions;
		part->limit = request->limit;
		part->order = request->order;
		part->now_ms = now_ms;
		part->visit.done = on_part_done;
		part->visit.begin = begin;
		part->visit.visitor = gather;
		part->visit.arg = part;
		worker_send_visit(sessions->workers[i], &part->visit);
	}
}

struct sessions *sessions_new(struct worker *const *workers, size_t count)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions) + count * sizeof(struct part));

	if (sessions == NULL)
		return NULL;
	sessions->workers = workers;
	sessions->workers_count = count;
	STAILQ_INIT(&sessions->requests);
	return sessions;
}

void sessions_free(struct sessions *sessions)
{
	if (sessions == NULL)
		return;
	for (size_t i = 0; i < sessions->workers_count; i++)
		reset(&sessions->parts[i]);
	free(sessions);
}

void sessions_ask(struct sessions *sessions, struct sessions_request *request)
{
	bool first = STAILQ_EMPTY(&sessions->requests);

	STAILQ_INSERT_TAIL(&sessions->requests, request, entry);
	if (first)
		start(sessions);
}
