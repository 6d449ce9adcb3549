/* SPDX-License-Identifier: BSD-2-Clause */
/* Values: one parser a type, for file, flags and defaults alike. */
#include "conf/conf_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "conf/conf.h"
#include "conf/conf_addr.h"
#include "conf/conf_field.h"

#define NAME_LEN_MAX 64

static const char out_of_memory[] = "cannot be kept: memory is out";

_Static_assert(sizeof(enum log_level) == sizeof(unsigned), "words are stored as unsigned");
_Static_assert(CONF_SOCKET_PATH_MAX + 1 == sizeof(((struct sockaddr_un *)0)->sun_path),
	       "the longest path has room for its NUL");

/* What the table calls a duration's field, an integer's or a word's. */
static uint32_t *u32_field(const struct conf_key *key, void *base)
{
	return (uint32_t *)((char *)base + key->offset);
}

static int refuse(char *why, const char *reason)
{
	snprintf(why, CONF_WHY_MAX, "%s", reason);
	return -1;
}

static int not_accepted(const struct conf_key *key, char *why)
{
	char accepts[CONF_ACCEPTS_MAX];

	snprintf(why, CONF_WHY_MAX, "is not %s", conf_key_accepts(key, accepts));
	return -1;
}

/* "is not supported by this version of mmproxy (auto and buffered are)" */
static int not_built(const struct conf_key *key, char *why)
{
	size_t len =
	    (size_t)snprintf(why, CONF_WHY_MAX, "is not supported by this version of mmproxy (");
	size_t named = 0;

	for (size_t i = 0; key->words[i] != NULL; i++) {
		if (strcmp(key->words[i], key->planned_word) == 0)
			continue;
		len += (size_t)snprintf(why + len, CONF_WHY_MAX - len, "%s%s",
					named++ > 0 ? " and " : "", key->words[i]);
	}
	snprintf(why + len, CONF_WHY_MAX - len, " %s)", named > 1 ? "are" : "is");
	return -1;
}

static int set_bool(const struct conf_key *key, const char *text, void *base, char *why)
{
	bool value = strcmp(text, "true") == 0;

	if (!value && strcmp(text, "false") != 0)
		return not_accepted(key, why);
	*(bool *)conf_field_of(key, base) = value;
	return 0;
}

static int set_integer(const struct conf_key *key, const char *text, void *base, char *why)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	size_t len = strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789");
	unsigned long long value;

	if (len == 0 || digits[len] != '\0')
		return not_accepted(key, why);
	errno = 0;
	value = strtoull(digits, NULL, hex ? 16 : 10);
	if (errno != 0 || value < key->min || value > key->max)
		return not_accepted(key, why);
	*u32_field(key, base) = (uint32_t)value;
	return 0;
}

/* Milliseconds of a unit, 0 for what is none; a bare number is seconds. */
static double unit_ms(const char *unit)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {{"", 1e3}, {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i].name) == 0)
			return units[i].ms;
	}
	return 0;
}

static int set_duration(const struct conf_key *key, const char *text, void *base, char *why)
{
	size_t len = strspn(text, "0123456789.");
	double factor = unit_ms(text + len);
	double number;
	double ms;
	char *end;

	if (len == 0 || factor == 0)
		return not_accepted(key, why);
	number = strtod(text, &end);
	if (end != text + len)
		return not_accepted(key, why);
	ms = number * factor;
	if (number != 0 || !key->or_never) {
		/* A half is added below; nothing that is more than 0 may become 0, "never". */
		if (ms < key->min || ms > key->max || (number > 0 && ms < 1))
			return not_accepted(key, why);
	}
	*u32_field(key, base) = (uint32_t)(ms + 0.5);
	return 0;
}

static int set_buffer(const struct conf_key *key, const char *text, void *base, char *why)
{
	if (strcmp(text, "auto") == 0)
		*u32_field(key, base) = CONF_BUFFER_AUTO;
	else if (strcmp(text, "0") == 0)
		*u32_field(key, base) = 0;
	else
		return set_integer(key, text, base, why);
	return 0;
}

static int set_word(const struct conf_key *key, const char *text, void *base, char *why)
{
	for (uint32_t i = 0; key->words[i] != NULL; i++) {
		if (strcmp(key->words[i], text) == 0) {
			/* Every field of this type is an enum, and those are unsigned here. */
			memcpy(conf_field_of(key, base), &i, sizeof(i));
			return 0;
		}
	}
	return not_accepted(key, why);
}

static int set_string(const struct conf_key *key, const char *text, void *base, char *why)
{
	char **field = conf_field_of(key, base);
	char *copy = strdup(text);

	if (copy == NULL)
		return refuse(why, out_of_memory);
	free(*field);
	*field = copy;
	return 0;
}

static int set_account(const struct conf_key *key, const char *text, void *base, char *why)
{
	if (text[0] == '\0')
		return not_accepted(key, why);
	return set_string(key, text, base, why);
}

static int set_name(const struct conf_key *key, const char *text, void *base, char *why)
{
	size_t len = 0;

	while (isascii(text[len]) && (isalnum((unsigned char)text[len]) ||
				      (text[len] != '\0' && strchr("._-", text[len]) != NULL)))
		len++;
	if (len == 0 || len > NAME_LEN_MAX || text[len] != '\0')
		return not_accepted(key, why);
	return set_string(key, text, base, why);
}

static int set_log_target(const struct conf_key *key, const char *text, void *base, char *why)
{
	if (strcmp(text, "stderr") != 0 && strcmp(text, "syslog") != 0 &&
	    (text[0] != '/' || text[strlen(text) - 1] == '/'))
		return not_accepted(key, why);
	return set_string(key, text, base, why);
}

static int set_target(const struct conf_key *key, const char *text, void *base, char *why)
{
	int family = key->type == CONF_TYPE_IPV4_TARGET ? AF_INET : AF_INET6;
	struct addr target;
	const char *wrong;

	if (addr_parse(&target, text) < 0 || addr_family(&target) != family)
		return not_accepted(key, why);
	wrong = conf_addr_misuse(&target, false);
	if (wrong != NULL)
		return refuse(why, wrong);
	memcpy(conf_field_of(key, base), &target, sizeof(target));
	return 0;
}

static int set_address(const struct conf_key *key, const char *text, void *base, char *why)
{
	struct addr addr;
	const char *wrong;

	if (addr_parse(&addr, text) < 0)
		return not_accepted(key, why);
	wrong = conf_addr_misuse(&addr, true);
	if (wrong != NULL)
		return refuse(why, wrong);
	memcpy(conf_field_of(key, base), &addr, sizeof(addr));
	return 0;
}

static int set_admin(const struct conf_key *key, const char *text, void *base, char *why)
{
	const char *path = text + strlen(CONF_UNIX_PREFIX);
	char *copy;

	if (strncmp(text, CONF_UNIX_PREFIX, strlen(CONF_UNIX_PREFIX)) != 0)
		return set_address(key, text, base, why);
	if (path[0] != '/' || path[strlen(path) - 1] == '/' || strlen(path) > CONF_SOCKET_PATH_MAX)
		return not_accepted(key, why);
	copy = strdup(path);
	if (copy == NULL)
		return refuse(why, out_of_memory);
	conf_field_clear(key, base);
	*conf_field_path(key, base) = copy;
	return 0;
}

static int add_listen(const struct conf_key *key, const char *text, void *base, char *why)
{
	struct conf_listener *listener = base;
	struct addr *grown;
	struct addr first;
	const char *wrong;
	uint16_t port;
	uint16_t last;
	size_t count;

	if (conf_addr_parse_range(text, &first, &last) < 0) {
		not_accepted(key, why);
		if (text[0] == ':' && text[1] != ':') {
			size_t len = strlen(why);

			snprintf(why + len, CONF_WHY_MAX - len,
				 " (every address is \"0.0.0.0:PORT\" and \"[::]:PORT\")");
		}
		return -1;
	}
	wrong = conf_addr_misuse(&first, true);
	if (wrong != NULL)
		return refuse(why, wrong);
	port = addr_port(&first);
	if (last < port)
		return refuse(why, "is a range of ports whose last is below its first");

	count = (size_t)(last - port) + 1;
	if (listener->listen_count + count > CONF_ADDRESSES_MAX) {
		snprintf(why, CONF_WHY_MAX, "is too much: with it there are more than %d addresses",
			 CONF_ADDRESSES_MAX);
		return -1;
	}
	grown = reallocarray(listener->listen, listener->listen_count + count, sizeof(*grown));
	if (grown == NULL)
		return refuse(why, out_of_memory);
	listener->listen = grown;
	for (size_t i = 0; i < count; i++) {
		struct addr *added = &listener->listen[listener->listen_count++];

		*added = first;
		addr_set_port(added, (uint16_t)(port + i));
	}
	return 0;
}

static int add_subnet(const struct conf_key *key, const char *text, void *base, char *why)
{
	struct netset **set = conf_field_of(key, base);

	if (*set == NULL)
		*set = netset_new();
	if (*set == NULL)
		return refuse(why, out_of_memory);
	if (netset_add(*set, text) < 0)
		return errno == ENOMEM ? refuse(why, out_of_memory) : not_accepted(key, why);
	return 0;
}

int conf_value_set(const struct conf_key *key, const char *text, void *base,
		   char why[static CONF_WHY_MAX])
{
	if (key->planned_word != NULL && strcmp(text, key->planned_word) == 0)
		return not_built(key, why);
	switch (key->type) {
	case CONF_TYPE_BOOL:
		return set_bool(key, text, base, why);
	case CONF_TYPE_INTEGER:
		return set_integer(key, text, base, why);
	case CONF_TYPE_DURATION:
		return set_duration(key, text, base, why);
	case CONF_TYPE_BUFFER:
		return set_buffer(key, text, base, why);
	case CONF_TYPE_WORD:
		return set_word(key, text, base, why);
	case CONF_TYPE_ACCOUNT:
		return set_account(key, text, base, why);
	case CONF_TYPE_NAME:
		return set_name(key, text, base, why);
	case CONF_TYPE_LOG_TARGET:
		return set_log_target(key, text, base, why);
	case CONF_TYPE_IPV4_TARGET:
	case CONF_TYPE_IPV6_TARGET:
		return set_target(key, text, base, why);
	case CONF_TYPE_ADDRESS:
		return set_address(key, text, base, why);
	case CONF_TYPE_ADMIN:
		return set_admin(key, text, base, why);
	case CONF_TYPE_LISTEN:
		return add_listen(key, text, base, why);
	case CONF_TYPE_SUBNETS:
		return add_subnet(key, text, base, why);
	case CONF_TYPE_SUBNETS_FILE:
		break;
	}
	return not_accepted(key, why);
}

int conf_value_set_defaults(enum conf_scope scope, void *base)
{
	char why[CONF_WHY_MAX];

	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		/* Lists start empty, which is the default of those that have one. */
		if (key->scope != scope || key->planned || key->left_unset ||
		    key->fallback == NULL || conf_key_is_list(key))
			continue;
		if (conf_value_set(key, key->fallback, base, why) < 0)
			return -1;
	}
	return 0;
}
