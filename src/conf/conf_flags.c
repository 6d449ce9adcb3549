/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the flags of the drop-in form to a snapshot.
 *
 * The flags are go-mmproxy's, and those of Cloudflare's mmproxy, whose defaults hold on a command
 * line with a flag that only it has. As in Go's flag package, the last of several equal flags
 * holds, and a flag without a value may be switched off: -dynamic-destination=false.
 */
#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>

#include "conf/conf_check.h"
#include "conf/conf_draft.h"
#include "conf/conf_errors.h"
#include "conf/conf_keys.h"
#include "conf/conf_subnets.h"

enum flag_kind {
	FLAG_KEY,     /* sets a key to its value */
	FLAG_SWITCH,  /* sets a key to true */
	FLAG_LOGGING, /* sets log.level and log.connections */
	FLAG_WORKERS, /* sets workers, but never to 0, which means something else there */
	FLAG_SECONDS, /* sets a duration to a whole number of seconds */
	FLAG_PORT,    /* sets source_port: the client's in every case, or if it is free */
	FLAG_NOT      /* sets a key to false */
};

struct flag {
	const char *name;
	enum flag_kind kind;
	enum conf_scope scope;
	const char *key;
	bool cloudflare; /* go-mmproxy has no such flag */
};

/* What one way to ask for more or fewer lines means. */
struct verbosity {
	const char *flag;
	const char *value; /* NULL: the flag has none */
	const char *level;
	const char *connections;
};

static const struct flag table[] = {
    {"l", FLAG_KEY, CONF_SCOPE_LISTENER, "listen", false},
    {"listen", FLAG_KEY, CONF_SCOPE_LISTENER, "listen", true},
    {"p", FLAG_KEY, CONF_SCOPE_LISTENER, "protocol", false},
    {"4", FLAG_KEY, CONF_SCOPE_TARGETS, "ipv4", false},
    {"target-v4", FLAG_KEY, CONF_SCOPE_TARGETS, "ipv4", true},
    {"6", FLAG_KEY, CONF_SCOPE_TARGETS, "ipv6", false},
    {"target-v6", FLAG_KEY, CONF_SCOPE_TARGETS, "ipv6", true},
    {"listeners", FLAG_WORKERS, CONF_SCOPE_TOP, "workers", false},
    {"mark", FLAG_KEY, CONF_SCOPE_LISTENER, "mark", false},
    {"m", FLAG_KEY, CONF_SCOPE_LISTENER, "mark", true},
    {"a", FLAG_KEY, CONF_SCOPE_LISTENER, "allowed_subnets_file", true},
    {"allowed-networks", FLAG_KEY, CONF_SCOPE_LISTENER, "allowed_subnets_file", true},
    {"allowed-subnets", FLAG_KEY, CONF_SCOPE_LISTENER, "allowed_subnets_file", false},
    {"dynamic-destination", FLAG_SWITCH, CONF_SCOPE_LISTENER, "dynamic_destination", false},
    {"listen-transparent", FLAG_SWITCH, CONF_SCOPE_LISTENER, "listen_transparent", false},
    {"close-after", FLAG_SECONDS, CONF_SCOPE_LISTENER, "close_after", false},
    {"t", FLAG_KEY, CONF_SCOPE_ROUTING, "table", true},
    {"table", FLAG_KEY, CONF_SCOPE_ROUTING, "table", true},
    {"v", FLAG_LOGGING, CONF_SCOPE_LOG, "level", false},
    {"q", FLAG_LOGGING, CONF_SCOPE_LOG, "level", true},
    {"quiet", FLAG_LOGGING, CONF_SCOPE_LOG, "level", true},
    {"verbose", FLAG_LOGGING, CONF_SCOPE_LOG, "level", true},
    {"P", FLAG_PORT, CONF_SCOPE_LISTENER, "source_port", true},
    {"force-real-client-port", FLAG_PORT, CONF_SCOPE_LISTENER, "source_port", true},
    {"N", FLAG_NOT, CONF_SCOPE_TOP, "sandbox", true},
    {"do-not-sandbox", FLAG_NOT, CONF_SCOPE_TOP, "sandbox", true},
};

/* go-mmproxy's defaults; everything else is the default of its key. */
static const struct conf_flag defaults[] = {
    {"l", "0.0.0.0:8443"}, {"4", "127.0.0.1:443"}, {"6", "[::1]:443"}, {"listeners", "1"}};

/*
 * What differs in Cloudflare's. Its clients have any port unless --force-real-client-port is given,
 * so that no connection is refused for the sake of a port.
 */
static const struct conf_flag cloudflare_defaults[] = {
    {"m", "123"}, {"table", "100"}, {"P", "false"}};

static const struct verbosity verbosities[] = {
    {"v", "0", "info", "false"},       {"v", "1", "warn", "true"},
    {"v", "2", "debug", "true"},       {"v", NULL, "info", "true"},
    {"q", NULL, "warn", "false"},      {"quiet", NULL, "warn", "false"},
    {"verbose", NULL, "info", "true"},
};

static const struct flag *find(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

static enum conf_flag_kind kind_of(const struct flag *flag)
{
	switch (flag->kind) {
	case FLAG_SWITCH:
	case FLAG_PORT:
	case FLAG_NOT:
		return CONF_FLAG_SWITCH;
	case FLAG_LOGGING:
		/* go-mmproxy's, or Cloudflare's. */
		return strcmp(flag->name, "v") == 0 ? CONF_FLAG_NUMBER : CONF_FLAG_SWITCH;
	case FLAG_KEY:
		/* Cloudflare's short form of --table; alone it is --test. */
		return strcmp(flag->name, "t") == 0 ? CONF_FLAG_NUMBER : CONF_FLAG_VALUE;
	case FLAG_WORKERS:
	case FLAG_SECONDS:
		break;
	}
	return CONF_FLAG_VALUE;
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

/* Whether it is this verbosity's value; that of a switch is known to be "on". */
static bool is_value(const struct verbosity *verbosity, const struct conf_flag *given)
{
	if (strcmp(given->name, "v") != 0)
		return true;
	if (verbosity->value == NULL || given->value == NULL)
		return verbosity->value == given->value;
	return strcmp(verbosity->value, given->value) == 0;
}

static void set_logging(struct conf_draft *draft, const struct conf_flag *given, bool on,
			const struct conf_place *place, struct conf_errors *errors)
{
	char shown[CONF_SHOWN_MAX];

	for (size_t i = 0; on && i < sizeof(verbosities) / sizeof(verbosities[0]); i++) {
		const struct verbosity *verbosity = &verbosities[i];

		if (strcmp(verbosity->flag, given->name) != 0 || !is_value(verbosity, given))
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

	if (given->value == NULL && kind_of(flag) != CONF_FLAG_SWITCH &&
	    flag->kind != FLAG_LOGGING) {
		conf_errors_add(errors, place, "a value is missing");
		return;
	}
	if (kind_of(flag) == CONF_FLAG_SWITCH) {
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
	case FLAG_PORT:
		set_key(draft, flag->scope, flag->key, on != 0 ? "preserve" : "fallback", place,
			errors);
		break;
	case FLAG_NOT:
		/* Turned off it leaves the default, which may be no other. */
		if (on != 0)
			set_key(draft, flag->scope, flag->key, "false", place, errors);
		break;
	}
}

/* Whether the flag is one that only Cloudflare's mmproxy has, or -v in the way that it has it. */
static bool is_cloudflares(const struct conf_flag *given)
{
	const struct flag *flag = find(given->name);

	return flag != NULL &&
	       (flag->cloudflare || (flag->kind == FLAG_LOGGING && given->value == NULL));
}

/* Cloudflare's --quiet silences advice, which --verbose has nothing to do with: not the last of the
 * two holds, but --verbose. */
static bool is_overruled(const struct conf_flag *given, const struct conf_flag *flags, size_t count)
{
	if (strcmp(given->name, "q") != 0 && strcmp(given->name, "quiet") != 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (flags[i].value == NULL &&
		    (strcmp(flags[i].name, "v") == 0 || strcmp(flags[i].name, "verbose") == 0))
			return true;
	}
	return false;
}

static void apply_defaults(struct conf_draft *draft, const struct conf_flag *flags, size_t count,
			   struct conf_errors *errors)
{
	struct conf_place place = {.name = "l", .element = -1};

	for (size_t i = 0; i < count; i++) {
		place.name = flags[i].name;
		apply(draft, find(flags[i].name), &flags[i], &place, errors);
	}
}

static bool is_given(const struct conf_draft *draft, const char *family)
{
	const struct conf_place *place;

	return conf_draft_state(&draft->listeners[0], CONF_SCOPE_TARGETS, family, &place) ==
	       CONF_STATE_GIVEN;
}

/* Of two defaults neither is the one that nobody means. */
static void note_assumed(const struct conf_draft *draft)
{
	struct conf_listener *listener = &draft->conf->listeners[0];
	bool ipv4 = is_given(draft, "ipv4");
	bool ipv6 = is_given(draft, "ipv6");

	listener->target_ipv4_assumed = ipv6 && !ipv4;
	listener->target_ipv6_assumed = ipv4 && !ipv6;
}

struct conf *conf_from_flags(const struct conf_flag *flags, size_t count,
			     struct conf_errors *errors)
{
	struct conf_place place = {.name = "l", .element = -1};
	size_t before = conf_errors_count(errors);
	struct conf_draft *draft = conf_draft_new(1);
	bool cloudflare = false;
	struct conf *conf;

	if (draft == NULL) {
		conf_errors_add(errors, &place, "memory is out");
		return NULL;
	}
	draft->from_flags = true;
	draft->listeners[0].block = place;
	apply_defaults(draft, defaults, sizeof(defaults) / sizeof(defaults[0]), errors);
	for (size_t i = 0; i < count && !cloudflare; i++)
		cloudflare = is_cloudflares(&flags[i]);
	if (cloudflare)
		apply_defaults(draft, cloudflare_defaults,
			       sizeof(cloudflare_defaults) / sizeof(cloudflare_defaults[0]),
			       errors);
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
		else if (!is_overruled(&flags[i], flags, count))
			apply(draft, flag, &flags[i], &place, errors);
	}
	note_assumed(draft);
	conf_check(draft, errors);
	conf_errors_sort(errors);
	conf = conf_draft_take(draft);
	if (conf_errors_count(errors) != before) {
		conf_unref(conf);
		return NULL;
	}
	return conf;
}

enum conf_flag_kind conf_flag_kind(const char *name)
{
	const struct flag *flag = find(name);

	return flag == NULL ? CONF_FLAG_UNKNOWN : kind_of(flag);
}
