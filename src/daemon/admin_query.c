/* SPDX-License-Identifier: BSD-2-Clause */
/* What a request to the admin endpoint asks for. */
#include "daemon/admin_query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#include "daemon/admin_door.h"
#include "service/deny_list.h"

struct reader {
	struct admin_query *query;
	unsigned set;
	unsigned seen;
	char *why;
};

struct parameter {
	const char *name;
	unsigned bit;
	const char *accepted;
	int (*set)(struct admin_query *query, const char *value);
};

static int fail(const struct reader *reader, const char *format, const char *a, const char *b)
{
	snprintf(reader->why, ADMIN_QUERY_WHY_MAX, format, a, b);
	return -1;
}

/* ---- values ---- */

/* Digits alone. */
static int parse_number(const char *text, uint64_t max, uint64_t *number)
{
	uint64_t value = 0;

	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || value > max / 10)
			return -1;
		value = value * 10 + (uint64_t)(*text - '0');
	}
	if (value > max)
		return -1;
	*number = value;
	return 0;
}

int admin_query_parse_seconds(const char *text, int64_t *seconds)
{
	static const char units[] = "smhd";
	static const uint64_t factors[] = {1, 60, 3600, 86400};
	size_t len = strlen(text);
	const char *unit = len > 0 ? strchr(units, text[len - 1]) : NULL;
	uint64_t factor = unit != NULL ? factors[unit - units] : 1;
	char digits[24];
	uint64_t number;

	if (len >= sizeof(digits))
		return -1;
	snprintf(digits, sizeof(digits), "%.*s", (int)(unit != NULL ? len - 1 : len), text);
	if (parse_number(digits, (uint64_t)DENY_LIST_SECONDS_MAX / factor, &number) < 0 ||
	    number == 0)
		return -1;
	*seconds = (int64_t)(number * factor);
	return 0;
}

static int set_format(struct admin_query *query, const char *value)
{
	query->table = strcmp(value, "table") == 0;
	return query->table || strcmp(value, "json") == 0 ? 0 : -1;
}

static int set_limit(struct admin_query *query, const char *value)
{
	uint64_t limit;

	if (parse_number(value, SESSIONS_LIMIT_MAX, &limit) < 0 || limit == 0)
		return -1;
	query->limit = (size_t)limit;
	return 0;
}

static int set_by(struct admin_query *query, const char *value)
{
	static const char *const names[] = {
	    [SESSIONS_BY_BYTES] = "bytes", [SESSIONS_BY_AGE] = "age", [SESSIONS_BY_IDLE] = "idle"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		query->order = (enum sessions_order)i;
		return 0;
	}
	return -1;
}

static int set_network(struct admin_query *query, const char *value)
{
	query->has_network = true;
	return network_parse(&query->network, value);
}

static int set_for(struct admin_query *query, const char *value)
{
	return admin_query_parse_seconds(value, &query->seconds);
}

static const struct parameter parameters[] = {
    {"format", ADMIN_FORMAT, "json or table", set_format},
    {"limit", ADMIN_LIMIT, "a number from 1 to 10000", set_limit},
    {"by", ADMIN_BY, "bytes, age or idle", set_by},
    {"network", ADMIN_NETWORK, "an address or a network such as 203.0.113.0/24", set_network},
    {"for", ADMIN_FOR, "seconds, or a number with s, m, h or d behind it", set_for},
};

_Static_assert(SESSIONS_LIMIT_MAX == 10000, "the sentence of limit says so");

/* ---- parameters ---- */

static int take(struct reader *reader, const char *name, const char *value)
{
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		const struct parameter *parameter = &parameters[i];

		if (strcmp(name, parameter->name) != 0 || (reader->set & parameter->bit) == 0)
			continue;
		if (reader->seen & parameter->bit)
			return fail(reader, "%s is there twice.%s", parameter->name, "");
		reader->seen |= parameter->bit;
		if (parameter->set(reader->query, value) < 0)
			return fail(reader, "%s has to be %s.", parameter->name,
				    parameter->accepted);
		return 0;
	}
	return fail(reader, "This path has no such parameter.%s%s", "", "");
}

static int read_form(struct reader *reader, const char *text)
{
	struct evkeyvalq pairs;
	const struct evkeyval *pair;
	int result = 0;

	TAILQ_INIT(&pairs);
	if (evhttp_parse_query_str(text, &pairs) < 0)
		result = fail(reader, "The parameters cannot be read.%s%s", "", "");
	TAILQ_FOREACH(pair, &pairs, next)
	if (result == 0)
		result = take(reader, pair->key, pair->value);
	evhttp_clear_headers(&pairs);
	return result;
}

static int read_body(struct reader *reader, struct evbuffer *body)
{
	char text[ADMIN_DOOR_BODY_MAX + 1];
	size_t len = evbuffer_get_length(body);

	if (len > ADMIN_DOOR_BODY_MAX || evbuffer_copyout(body, text, len) < 0)
		return fail(reader, "The body cannot be read.%s%s", "", "");
	text[len] = '\0';
	/* As a text file has it. */
	text[strcspn(text, "\r\n")] = '\0';
	return *text != '\0' ? read_form(reader, text) : 0;
}

int admin_query_read(struct evhttp_request *request, unsigned set, struct admin_query *query,
		     char why[static ADMIN_QUERY_WHY_MAX])
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *text = evhttp_uri_get_query(uri);
	struct reader reader = {.query = query, .set = set};

	reader.why = why;
	*query = (struct admin_query){.limit = SESSIONS_LIMIT_DEFAULT};
	if (text != NULL && *text != '\0' && read_form(&reader, text) < 0)
		return -1;
	if (evhttp_request_get_command(request) == EVHTTP_REQ_POST &&
	    read_body(&reader, evhttp_request_get_input_buffer(request)) < 0)
		return -1;
	if ((set & ADMIN_NETWORK) && !query->has_network)
		return fail(&reader, "network is missing: %s.%s",
			    "an address or a network such as 203.0.113.0/24", "");
	return 0;
}
