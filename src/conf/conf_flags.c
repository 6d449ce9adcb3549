/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the flags of the drop-in form to a snapshot.
 *
 * The flags are go-mmproxy's, and those of Cloudflare's mmproxy. As in Go's flag package, the last
 * of several equal flags holds, and a flag without a value may be switched off:
 * -dynamic-destination=false.
 */
#include "conf/conf.h"

#include "conf/conf_check.h"
#include "conf/conf_draft.h"
#include "conf/conf_errors.h"
#include "conf/conf_keys.h"
#include "conf/conf_subnets.h"

#include <stdlib.h>
#include <string.h>

enum flag_kind {
	FLAG_KEY,     /* sets a key to its value */
	FLAG_SWITCH,  /* sets a key to true */
	FLAG_LOGGING, /* sets log.level and log.connections */
	FLAG_WORKERS, /* sets workers, but never to 0, which means something else there */
	FLAG_SECONDS, /* sets a duration to a whole number of seconds */
	FLAG_NOTHING  /* accepted for the sake of old command lines */
};

struct flag {
	const char *name;
	enum flag_kind kind;
	enum conf_scope scope;
	const char *key;
};

/* What one way to ask for more or fewer lines means. */
struct verbosity {
	const char *flag;
	const char *value; /* NULL: the flag has none */
	const char *level;
	const char *connections;
};

static const struct flag table[] = {
    {"l", FLAG_KEY, CONF_SCOPE_LISTENER, "listen"},
    {"listen", FLAG_KEY, CONF_SCOPE_LISTENER, "listen"},
    {"p", FLAG_KEY, CONF_SCOPE_LISTENER, "protocol"},
    {"4", FLAG_KEY, CONF_SCOPE_TARGETS, "ipv4"},
    {"target-v4", FLAG_KEY, CONF_SCOPE_TARGETS, "ipv4"},
    {"6", FLAG_KEY, CONF_SCOPE_TARGETS, "ipv6"},
    {"target-v6", FLAG_KEY, CONF_SCOPE_TARGETS, "ipv6"},
    {"listeners", FLAG_WORKERS, CONF_SCOPE_TOP, "workers"},
    {"mark", FLAG_KEY, CONF_SCOPE_LISTENER, "mark"},
    {"a", FLAG_KEY, CONF_SCOPE_LISTENER, "allowed_subnets_file"},
    {"allowed-networks", FLAG_KEY, CONF_SCOPE_LISTENER, "allowed_subnets_file"},
    {"allowed-subnets", FLAG_KEY, CONF_SCOPE_LISTENER, "allowed_subnets_file"},
    {"dynamic-destination", FLAG_SWITCH, CONF_SCOPE_LISTENER, "dynamic_destination"},
    {"listen-transparent", FLAG_SWITCH, CONF_SCOPE_LISTENER, "listen_transparent"},
    {"close-after", FLAG_SECONDS, CONF_SCOPE_LISTENER, "close_after"},
    {"table", FLAG_KEY, CONF_SCOPE_ROUTING, "table"},
    {"v", FLAG_LOGGING, CONF_SCOPE_LOG, "level"},
    {"q", FLAG_LOGGING, CONF_SCOPE_LOG, "level"},
    {"quiet", FLAG_LOGGING, CONF_SCOPE_LOG, "level"},
    {"verbose", FLAG_LOGGING, CONF_SCOPE_LOG, "level"},
    {"force-real-client-port", FLAG_NOTHING, CONF_SCOPE_LISTENER, "source_port"},
    {"do-not-sandbox", FLAG_NOTHING, CONF_SCOPE_TOP, ""},
};

/* go-mmproxy's defaults; everything else is the default of its key. */
static const struct conf_flag defaults[] = {
    {"l", "0.0.0.0:8443"}, {"4", "127.0.0.1:443"}, {"6", "[::1]:443"}, {"listeners", "1"}};

static const struct verbosity verbosities[] = {
    {"v", "0", "info", "false"},      {"v", "1", "warn", "true"},
    {"v", "2", "debug", "true"},      {"q", NULL, "warn", "false"},
    {"quiet", NULL, "warn", "false"}, {"verbose", NULL, "info", "true"},
};

static const struct flag *find(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

static bool takes_value(const struct flag *flag)
{
	switch (flag->kind) {
	case FLAG_SWITCH:
	case FLAG_NOTHING:
		return false;
	case FLAG_LOGGING:
		return strcmp(flag->name, "v") == 0;
	case FLAG_KEY:
	case FLAG_WORKERS:
	case FLAG_SECONDS:
		break;
	}
	return true;
}

/* The value of a switch in the words of Go's strconv.ParseBool(): 1, 0, or -1 for another word. */
static int parse_switch(const char *value)
{
	static const char *const yes[] = {"true", "TRUE", "True", "t", "T", "1"};
	static const char *const no[] = {"false", "FALSE", "False", "f", "F", "0"};

	if (value == NULL)
		return 1;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(value, yes[i]) == 0)
			return 1;
		if (strcmp(value, no[i]) == 0)
			return 0;
	}
	return -1;
}

static bool is_whole_number(const char *value)
{
	size_t digits = strspn(value, "0123456789");

	return digits > 0 && value[digits] == '\0';
}

static void set_key(struct conf_draft *draft, enum conf_scope scope, const char *name,
		    const char *value, const struct conf_place *place, struct conf_errors *errors)
{
	const struct conf_key *key = conf_key_find(scope, name);
	bool of_listener = scope == CONF_SCOPE_LISTENER || scope == CONF_SCOPE_TARGETS;
	struct conf_origin *origin = of_listener ? &draft->listeners[0] : &draft->top;
	void *base = of_listener ? (void *)&draft->conf->listeners[0] : draft->conf;
	char shown[CONF_SHOWN_MAX];

	conf_draft_clear(key, base, origin);
	if (key->type != CONF_TYPE_SUBNETS_FILE)
		conf_draft_set(key, value, conf_quote(value, shown), base, origin, place, errors);
	else if (conf_subnets_read(key, value, base, place, errors) < 0)
		conf_draft_note(key, origin, place, CONF_STATE_REFUSED);
}

static void set_logging(struct conf_draft *draft, const struct conf_flag *given, bool on,
			const struct conf_place *place, struct conf_errors *errors)
{
	char shown[CONF_SHOWN_MAX];

	for (size_t i = 0; on && i < sizeof(verbosities) / sizeof(verbosities[0]); i++) {
		const struct verbosity *verbosity = &verbosities[i];

		if (strcmp(verbosity->flag, given->name) != 0 ||
		    (verbosity->value != NULL && strcmp(verbosity->value, given->value) != 0))
			continue;
		set_key(draft, CONF_SCOPE_LOG, "level", verbosity->level, place, errors);
		set_key(draft, CONF_SCOPE_LOG, "connections", verbosity->connections, place,
			errors);
		return;
	}
	if (on)
		conf_errors_add(errors, place, "%s is not 0, 1 or 2",
				conf_quote(given->value, shown));
}

static void apply(struct conf_draft *draft, const struct flag *flag, const struct conf_flag *given,
		  const struct conf_place *place, struct conf_errors *errors)
{
	char shown[CONF_SHOWN_MAX];
	int on = 1;

	if (takes_value(flag)) {
		if (given->value == NULL) {
			conf_errors_add(errors, place, "a value is missing");
			return;
		}
	} else {
		on = parse_switch(given->value);
		if (on < 0) {
			conf_errors_add(errors, place, "%s is not true or false",
					conf_quote(given->value, shown));
			return;
		}
	}
	switch (flag->kind) {
	case FLAG_SWITCH:
		set_key(draft, flag->scope, flag->key, on != 0 ? "true" : "false", place, errors);
		break;
	case FLAG_LOGGING:
		set_logging(draft, given, on != 0, place, errors);
		break;
	case FLAG_WORKERS:
		if (is_whole_number(given->value) && strtoul(given->value, NULL, 10) == 0)
			conf_errors_add(errors, place, "%s is not an integer from 1 to 1024",
					conf_quote(given->value, shown));
		else
			set_key(draft, flag->scope, flag->key, given->value, place, errors);
		break;
	case FLAG_SECONDS:
		if (!is_whole_number(given->value))
			conf_errors_add(errors, place, "%s is not a whole number of seconds",
					conf_quote(given->value, shown));
		else
			set_key(draft, flag->scope, flag->key, given->value, place, errors);
		break;
	case FLAG_KEY:
		set_key(draft, flag->scope, flag->key, given->value, place, errors);
		break;
	case FLAG_NOTHING:
		break;
	}
}

struct conf *conf_from_flags(const struct conf_flag *flags, size_t count,
			     struct conf_errors *errors)
{
	struct conf_place place = {.name = "l", .element = -1};
	size_t before = conf_errors_count(errors);
	struct conf_draft *draft = conf_draft_new(1);
	struct conf *conf;

	if (draft == NULL) {
		conf_errors_add(errors, &place, "memory is out");
		return NULL;
	}
	draft->from_flags = true;
	draft->listeners[0].block = place;
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		place.name = defaults[i].name;
		apply(draft, find(defaults[i].name), &defaults[i], &place, errors);
	}
	/* The targets are there, but nobody asked for them: conf_check() may drop one. */
	conf_draft_forget(conf_key_find(CONF_SCOPE_TARGETS, "ipv4"), &draft->listeners[0]);
	conf_draft_forget(conf_key_find(CONF_SCOPE_TARGETS, "ipv6"), &draft->listeners[0]);
	for (size_t i = 0; i < count; i++) {
		const struct flag *flag = find(flags[i].name);

		place.name = flags[i].name;
		place.order = (unsigned)i + 1;
		if (flag == NULL)
			conf_errors_add(errors, &place,
					"unknown flag: mmproxy --help has them all");
		else
			apply(draft, flag, &flags[i], &place, errors);
	}
	conf_check(draft, errors);
	conf_errors_sort(errors);
	conf = conf_draft_take(draft);
	if (conf_errors_count(errors) != before) {
		conf_unref(conf);
		return NULL;
	}
	return conf;
}

int conf_flag_known(const char *name)
{
	const struct flag *flag = find(name);

	if (flag == NULL)
		return 0;
	return takes_value(flag) ? 2 : 1;
}
