/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing JSON into an evbuffer. */
#include "daemon/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"

/* Bytes that are escaped together. */
#define PIECE 256

static void put(struct json *json, const char *bytes, size_t len)
{
	if (evbuffer_add(json->out, bytes, len) < 0)
		json->failed = true;
}

static void put_text(struct json *json, const char *text)
{
	put(json, text, strlen(text));
}

static void put_quoted(struct json *json, const char *text)
{
	char piece[PIECE];
	size_t len = 0;

	put(json, "\"", 1);
	for (; *text != '\0'; text++) {
		if (len + ESCAPE_MAX > sizeof(piece)) {
			put(json, piece, len);
			len = 0;
		}
		len += escape_byte((unsigned char)*text, true, piece + len);
	}
	put(json, piece, len);
	put(json, "\"", 1);
}

/* What stands before a value. */
static void begin(struct json *json, const char *key)
{
	if (json->comma)
		put(json, ",", 1);
	json->comma = true;
	if (key == NULL)
		return;
	put_quoted(json, key);
	put(json, ":", 1);
}

static void open_bracket(struct json *json, const char *key, const char *bracket)
{
	begin(json, key);
	put_text(json, bracket);
	json->comma = false;
}

static void close_bracket(struct json *json, const char *bracket)
{
	put_text(json, bracket);
	json->comma = true;
}

void json_init(struct json *json, struct evbuffer *out)
{
	*json = (struct json){.out = out};
}

void json_object(struct json *json, const char *key)
{
	open_bracket(json, key, "{");
}

void json_object_end(struct json *json)
{
	close_bracket(json, "}");
}

void json_array(struct json *json, const char *key)
{
	open_bracket(json, key, "[");
}

void json_array_end(struct json *json)
{
	close_bracket(json, "]");
}

void json_str(struct json *json, const char *key, const char *value)
{
	if (value == NULL) {
		json_null(json, key);
		return;
	}
	begin(json, key);
	put_quoted(json, value);
}

void json_addr(struct json *json, const char *key, const struct addr *addr)
{
	char text[ADDR_STRLEN];

	json_str(json, key, addr_is_set(addr) ? addr_format(addr, text) : NULL);
}

void json_u64(struct json *json, const char *key, uint64_t value)
{
	char digits[24];

	begin(json, key);
	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	put_text(json, digits);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin(json, key);
	put_text(json, value ? "true" : "false");
}

void json_null(struct json *json, const char *key)
{
	begin(json, key);
	put_text(json, "null");
}

int json_finish(struct json *json)
{
	put(json, "\n", 1);
	return json->failed ? -1 : 0;
}
