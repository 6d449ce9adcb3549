/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing JSON into an evbuffer. Keys are the program's own words; values may be any bytes. A key
 * of NULL is for an element of an array. One thread.
 */
#ifndef MMPROXY_JSON_H
#define MMPROXY_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/buffer.h>

#include "base/addr.h"

struct json {
	struct evbuffer *out; /* borrowed */
	bool comma;	      /* before the next value */
	bool failed;	      /* memory was out: what was written is no JSON */
};

void json_init(struct json *json, struct evbuffer *out);

void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);

/* NULL is null. */
void json_str(struct json *json, const char *key, const char *value);

/* As text; no address is null. */
void json_addr(struct json *json, const char *key, const struct addr *addr);
void json_u64(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

/* Close the line. Returns 0, or -1 when memory was out at any time. */
int json_finish(struct json *json) __attribute__((warn_unused_result));

#endif
