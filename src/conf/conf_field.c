/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields of a snapshot, whatever their types. */
#include "conf/conf_field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

_Static_assert(CONF_TEXT_MAX > sizeof(CONF_UNIX_PREFIX) + CONF_SOCKET_PATH_MAX &&
		   CONF_TEXT_MAX >= ADDR_STRLEN,
	       "what is not a string fits");

void *conf_field_of(const struct conf_key *key, void *base)
{
	return (char *)base + key->offset;
}

char **conf_field_path(const struct conf_key *key, void *base)
{
	return (char **)(void *)((char *)base + key->path);
}

static const char *path_text(const struct conf_key *key, const void *base)
{
	return *(char *const *)(const void *)((const char *)base + key->path);
}

void conf_field_clear(const struct conf_key *key, void *base)
{
	struct conf_listener *listener;
	struct netset **set;
	char **string;

	if (key->planned)
		return;
	switch (key->type) {
	case CONF_TYPE_ACCOUNT:
	case CONF_TYPE_NAME:
	case CONF_TYPE_LOG_TARGET:
		string = conf_field_of(key, base);
		free(*string);
		*string = NULL;
		break;
	case CONF_TYPE_LISTEN:
		listener = base;
		free(listener->listen);
		listener->listen = NULL;
		listener->listen_count = 0;
		break;
	case CONF_TYPE_SUBNETS_FILE:
		string = conf_field_path(key, base);
		free(*string);
		*string = NULL;
		/* fallthrough */
	case CONF_TYPE_SUBNETS:
		set = conf_field_of(key, base);
		netset_free(*set);
		*set = NULL;
		break;
	case CONF_TYPE_ADMIN:
		string = conf_field_path(key, base);
		free(*string);
		*string = NULL;
		/* fallthrough */
	case CONF_TYPE_IPV4_TARGET:
	case CONF_TYPE_IPV6_TARGET:
	case CONF_TYPE_ADDRESS:
		memset(conf_field_of(key, base), 0, sizeof(struct addr));
		break;
	case CONF_TYPE_BOOL:
	case CONF_TYPE_INTEGER:
	case CONF_TYPE_DURATION:
	case CONF_TYPE_BUFFER:
	case CONF_TYPE_WORD:
		break;
	}
}

static bool is_same_string(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same_listen(const struct conf_listener *a, const struct conf_listener *b)
{
	if (a->listen_count != b->listen_count)
		return false;
	for (size_t i = 0; i < a->listen_count; i++) {
		if (!addr_equal(&a->listen[i], &b->listen[i]))
			return false;
	}
	return true;
}

static bool is_same_set(const struct netset *a, const struct netset *b)
{
	return a == NULL || b == NULL ? a == b : netset_equal(a, b);
}

bool conf_field_equal(const struct conf_key *key, const void *a, const void *b)
{
	const void *field = (const char *)a + key->offset;
	const void *other = (const char *)b + key->offset;

	switch (key->type) {
	case CONF_TYPE_BOOL:
		return *(const bool *)field == *(const bool *)other;
	case CONF_TYPE_INTEGER:
	case CONF_TYPE_DURATION:
	case CONF_TYPE_BUFFER:
	case CONF_TYPE_WORD:
		return memcmp(field, other, sizeof(uint32_t)) == 0;
	case CONF_TYPE_ACCOUNT:
	case CONF_TYPE_NAME:
	case CONF_TYPE_LOG_TARGET:
		return is_same_string(*(char *const *)field, *(char *const *)other);
	case CONF_TYPE_ADMIN:
		if (!is_same_string(path_text(key, a), path_text(key, b)))
			return false;
		/* fallthrough */
	case CONF_TYPE_IPV4_TARGET:
	case CONF_TYPE_IPV6_TARGET:
	case CONF_TYPE_ADDRESS:
		return addr_equal(field, other);
	case CONF_TYPE_LISTEN:
		return is_same_listen(a, b);
	case CONF_TYPE_SUBNETS:
		return is_same_set(*(struct netset *const *)field, *(struct netset *const *)other);
	case CONF_TYPE_SUBNETS_FILE:
		return true;
	}
	return false;
}

const char *conf_field_text(const struct conf_key *key, const void *base,
			    char buf[static CONF_TEXT_MAX])
{
	const void *field = (const char *)base + key->offset;
	const struct addr *addr = field;
	uint32_t number;

	switch (key->type) {
	case CONF_TYPE_BOOL:
		return *(const bool *)field ? "true" : "false";
	case CONF_TYPE_BUFFER:
		if (*(const uint32_t *)field == CONF_BUFFER_AUTO)
			return "auto";
		/* fallthrough */
	case CONF_TYPE_INTEGER:
		snprintf(buf, CONF_TEXT_MAX, "%u", *(const uint32_t *)field);
		return buf;
	case CONF_TYPE_DURATION:
		return conf_duration_format(*(const uint32_t *)field, buf);
	case CONF_TYPE_WORD:
		memcpy(&number, field, sizeof(number));
		return key->words[number];
	case CONF_TYPE_ACCOUNT:
	case CONF_TYPE_NAME:
	case CONF_TYPE_LOG_TARGET:
		return *(char *const *)field;
	case CONF_TYPE_ADMIN:
		if (path_text(key, base) != NULL) {
			snprintf(buf, CONF_TEXT_MAX, "%s%s", CONF_UNIX_PREFIX,
				 path_text(key, base));
			return buf;
		}
		/* fallthrough */
	case CONF_TYPE_IPV4_TARGET:
	case CONF_TYPE_IPV6_TARGET:
	case CONF_TYPE_ADDRESS:
		return addr_is_set(addr) ? addr_format(addr, buf) : NULL;
	case CONF_TYPE_SUBNETS_FILE:
		return path_text(key, base);
	case CONF_TYPE_LISTEN:
	case CONF_TYPE_SUBNETS:
		break;
	}
	return NULL;
}
