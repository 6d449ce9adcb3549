/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers requests to the admin endpoint. */
#include "daemon/admin_desk.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "daemon/admin_door.h"
#include "daemon/admin_query.h"
#include "daemon/admin_waiting.h"
#include "daemon/metrics.h"
#include "daemon/sessions_text.h"
#include "daemon/status.h"

#define JSON_CONTENT "application/json"

struct admin_desk {
	const struct facts *facts;
	struct sessions *sessions;
	struct pulse *pulse;
	struct admin_waiting_list waiting;
};

struct page {
	const char *path;
	enum evhttp_cmd_type method;
	unsigned parameters;
	void (*answer)(struct admin_desk *desk, struct evhttp_request *request,
		       const struct admin_query *query);
};

/* ---- answers ---- */

static void answer_no_memory(struct evhttp_request *request)
{
	admin_door_say(request, HTTP_SERVUNAVAIL, "Memory is out.");
}

/* What a writer has come to. Takes body. */
static void answer_written(struct evhttp_request *request, const char *content, int result,
			   struct evbuffer *body)
{
	if (result < 0)
		answer_no_memory(request);
	else
		admin_door_answer(request, HTTP_OK, content, body);
	evbuffer_free(body);
}

/* ---- pages without workers ---- */

static void answer_metrics(struct admin_desk *desk, struct evhttp_request *request,
			   const struct admin_query *query)
{
	struct evbuffer *body = evbuffer_new();

	(void)query;
	if (body == NULL)
		answer_no_memory(request);
	else
		answer_written(request, METRICS_CONTENT_TYPE, metrics_write(desk->facts, body),
			       body);
}

static void answer_status(struct admin_desk *desk, struct evhttp_request *request,
			  const struct admin_query *query)
{
	struct evbuffer *body = evbuffer_new();

	if (body == NULL)
		answer_no_memory(request);
	else if (query->table)
		answer_written(request, ADMIN_DOOR_TEXT, status_write_table(desk->facts, body),
			       body);
	else
		answer_written(request, JSON_CONTENT, status_write_json(desk->facts, body), body);
}

/* ---- sessions ---- */

static void on_sessions(struct sessions_request *sessions, const struct sessions_row *rows,
			size_t count)
{
	struct admin_waiting *waiting =
	    (struct admin_waiting *)(void *)((char *)sessions -
					     offsetof(struct admin_waiting, sessions));
	bool table = waiting->table;
	struct evhttp_request *request = admin_waiting_release(waiting);
	struct evbuffer *body;

	if (request == NULL)
		return;
	body = evbuffer_new();
	if (body == NULL || rows == NULL) {
		answer_no_memory(request);
		if (body != NULL)
			evbuffer_free(body);
	} else if (table) {
		answer_written(request, ADMIN_DOOR_TEXT, sessions_write_table(rows, count, body),
			       body);
	} else {
		answer_written(request, JSON_CONTENT, sessions_write_json(rows, count, body), body);
	}
}

static void answer_sessions(struct admin_desk *desk, struct evhttp_request *request,
			    const struct admin_query *query)
{
	struct admin_waiting *waiting = admin_waiting_new(&desk->waiting, request, desk);

	if (waiting == NULL)
		return;
	waiting->table = query->table;
	waiting->sessions.limit = query->limit;
	waiting->sessions.order = query->order;
	waiting->sessions.done = on_sessions;
	sessions_ask(desk->sessions, &waiting->sessions);
}

/* ---- health ---- */

static void on_pulse(struct pulse_request *pulse, size_t silent)
{
	struct admin_waiting *waiting =
	    (struct admin_waiting *)(void *)((char *)pulse - offsetof(struct admin_waiting, pulse));
	size_t count = waiting->desk->facts->serving->workers_count;
	struct evhttp_request *request = admin_waiting_release(waiting);

	if (request == NULL)
		return;
	if (silent == 0)
		admin_door_say(request, HTTP_OK, "All workers answer.");
	else
		admin_door_say(request, HTTP_SERVUNAVAIL,
			       "Of %zu workers %zu did not answer within a second.", count, silent);
}

static void answer_healthz(struct admin_desk *desk, struct evhttp_request *request,
			   const struct admin_query *query)
{
	struct admin_waiting *waiting = admin_waiting_new(&desk->waiting, request, desk);

	(void)query;
	if (waiting == NULL)
		return;
	waiting->pulse.done = on_pulse;
	if (pulse_ask(desk->pulse, &waiting->pulse) < 0)
		answer_no_memory(admin_waiting_release(waiting));
}

/* ---- denying and ending ---- */

static void on_evicted(void *arg, size_t ended)
{
	struct admin_waiting *waiting = arg;
	struct evhttp_request *request;
	char sentence[DENY_LIST_ANSWER_LEN];

	memcpy(sentence, waiting->sentence, sizeof(sentence));
	request = admin_waiting_release(waiting);
	if (request != NULL)
		admin_door_say(request, HTTP_OK, "%s; connections and flows ended: %zu", sentence,
			       ended);
}

/* End what the network has, and answer with the sentence then. */
static void evict(struct admin_waiting *waiting, const struct network *network,
		  enum close_reason reason)
{
	const struct serving *serving = waiting->desk->facts->serving;

	waiting->eviction = eviction_start(network, reason, serving->workers,
					   serving->workers_count, on_evicted, waiting);
	if (waiting->eviction == NULL) {
		struct evhttp_request *request = waiting->request;

		admin_door_say(request, HTTP_SERVUNAVAIL,
			       "%s; but memory is out, and what is open goes on",
			       waiting->sentence);
		(void)admin_waiting_release(waiting);
	}
}

static void log_change(const char *what, const char *sentence)
{
	log_msg(LOG_LEVEL_INFO, "admin: %s: %s", what, sentence);
}

static void answer_deny(struct admin_desk *desk, struct evhttp_request *request,
			const struct admin_query *query)
{
	/* Before anything changes: who cannot be told of it has not done it. */
	struct admin_waiting *waiting = admin_waiting_new(&desk->waiting, request, desk);
	enum deny_list_result result;

	if (waiting == NULL)
		return;
	result = deny_list_add(desk->facts->serving->denied, &query->network, query->seconds,
			       deny_list_clock_ms(), waiting->sentence);
	if (result != DENY_LIST_DONE && result != DENY_LIST_REPLACED) {
		admin_door_say(request, HTTP_SERVUNAVAIL, "%s", waiting->sentence);
		(void)admin_waiting_release(waiting);
		return;
	}
	log_change("deny", waiting->sentence);
	evict(waiting, &query->network, REASON_CLIENT_DENIED);
}

static void answer_allow(struct admin_desk *desk, struct evhttp_request *request,
			 const struct admin_query *query)
{
	char sentence[DENY_LIST_ANSWER_LEN];

	switch (deny_list_remove(desk->facts->serving->denied, &query->network, sentence)) {
	case DENY_LIST_COVERED:
		admin_door_say(request, 409, "%s", sentence);
		break;
	case DENY_LIST_ABSENT:
		admin_door_say(request, HTTP_NOTFOUND, "%s", sentence);
		break;
	default:
		log_change("allow", sentence);
		admin_door_say(request, HTTP_OK, "%s", sentence);
		break;
	}
}

static void answer_kick(struct admin_desk *desk, struct evhttp_request *request,
			const struct admin_query *query)
{
	struct admin_waiting *waiting = admin_waiting_new(&desk->waiting, request, desk);
	char network[NETWORK_STRLEN];

	if (waiting == NULL)
		return;
	snprintf(waiting->sentence, sizeof(waiting->sentence), "%s is kicked",
		 network_show(&query->network, network));
	log_change("kick", waiting->sentence);
	evict(waiting, &query->network, REASON_KICKED);
}

/* ---- pages ---- */

static const struct page pages[] = {
    {"/metrics", EVHTTP_REQ_GET, 0, answer_metrics},
    {"/status", EVHTTP_REQ_GET, ADMIN_FORMAT, answer_status},
    {"/sessions", EVHTTP_REQ_GET, ADMIN_FORMAT | ADMIN_LIMIT | ADMIN_BY, answer_sessions},
    {"/healthz", EVHTTP_REQ_GET, 0, answer_healthz},
    {"/deny", EVHTTP_REQ_POST, ADMIN_NETWORK | ADMIN_FOR, answer_deny},
    {"/allow", EVHTTP_REQ_POST, ADMIN_NETWORK, answer_allow},
    {"/kick", EVHTTP_REQ_POST, ADMIN_NETWORK, answer_kick},
};

static const struct page *find_page(const char *path)
{
	for (size_t i = 0; path != NULL && i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcmp(path, pages[i].path) == 0)
			return &pages[i];
	return NULL;
}

static void refuse_method(struct evhttp_request *request, const struct page *page)
{
	const char *method = page->method == EVHTTP_REQ_POST ? "POST" : "GET";

	(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", method);
	admin_door_say(request, HTTP_BADMETHOD, "%s takes %s only.", page->path, method);
}

void admin_desk_handle(struct admin_desk *desk, struct evhttp_request *request, bool may_change,
		       const void *owner)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const struct page *page = find_page(uri != NULL ? evhttp_uri_get_path(uri) : NULL);
	char why[ADMIN_QUERY_WHY_MAX];
	struct admin_query query;

	desk->waiting.owner = owner;
	if (page == NULL)
		admin_door_say(
		    request, HTTP_NOTFOUND,
		    "There are /metrics, /status, /sessions and /healthz, and to be posted "
		    "to /deny, /allow and /kick.");
	else if (evhttp_request_get_command(request) != page->method)
		refuse_method(request, page);
	else if (page->method == EVHTTP_REQ_POST && !may_change)
		admin_door_say(request, 403, "%s is taken by a UNIX socket only.", page->path);
	else if (admin_query_read(request, page->parameters, &query, why) < 0)
		admin_door_say(request, HTTP_BADREQUEST, "%s", why);
	else
		page->answer(desk, request, &query);
}

/* ---- life ---- */

struct admin_desk *admin_desk_new(struct event_base *base, const struct facts *facts)
{
	const struct serving *serving = facts->serving;
	struct admin_desk *desk = calloc(1, sizeof(*desk));

	if (desk == NULL)
		return NULL;
	admin_waiting_init(&desk->waiting);
	desk->facts = facts;
	desk->sessions = sessions_new(serving->workers, serving->workers_count);
	desk->pulse = pulse_new(base, serving->workers, serving->workers_count);
	if (desk->sessions == NULL || desk->pulse == NULL) {
		admin_desk_free(desk);
		return NULL;
	}
	return desk;
}

void admin_desk_free(struct admin_desk *desk)
{
	if (desk == NULL)
		return;
	admin_waiting_fini(&desk->waiting);
	sessions_free(desk->sessions);
	pulse_free(desk->pulse);
	free(desk);
}

void admin_desk_tick(struct admin_desk *desk, int64_t now_ms)
{
	admin_waiting_tick(&desk->waiting, now_ms);
}

void admin_desk_forget(struct admin_desk *desk, const void *owner)
{
	admin_waiting_forget(&desk->waiting, owner);
}
