/* SPDX-License-Identifier: BSD-2-Clause */
/* What a request to the admin endpoint asks for: its path and its parameters. Main thread. */
#ifndef MMPROXY_ADMIN_QUERY_H
#define MMPROXY_ADMIN_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/http.h>

#include "base/network.h"
#include "daemon/sessions.h"

#define ADMIN_QUERY_WHY_MAX 256

/* What parameters said; what was not there has its default. */
struct admin_query {
	bool table; /* format=table: for people, not JSON */
	size_t limit;
	enum sessions_order order;
	struct network network;
	bool has_network;
	int64_t seconds; /* of "for"; 0: for ever */
};

/* Parameters that a path has, as bits. */
enum admin_parameter {
	ADMIN_FORMAT = 1 << 0,
	ADMIN_LIMIT = 1 << 1,
	ADMIN_BY = 1 << 2,
	ADMIN_NETWORK = 1 << 3, /* has to be there */
	ADMIN_FOR = 1 << 4,
};

/*
 * Read the parameters of the request's address and, of a POST, of its body, each in the form of
 * HTML's forms. Returns 0, or -1 with a sentence in why: one of them is not in the set, is there
 * twice, or has no value that is accepted.
 */
int admin_query_read(struct evhttp_request *request, unsigned set, struct admin_query *query,
		     char why[static ADMIN_QUERY_WHY_MAX]) __attribute__((warn_unused_result));

/*
 * Read "600", "600s", "10m", "2h" or "7d" as seconds, 1 to DENY_LIST_SECONDS_MAX. Returns 0, or -1
 * (and *seconds untouched) for text of another form.
 */
int admin_query_parse_seconds(const char *text, int64_t *seconds)
    __attribute__((warn_unused_result));

#endif
