/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The option table: everything there is to know about a key, in one row.
 *
 * File, flags, --show-config and the lint against the manual page all read this table. A new key is
 * a row here, a field in conf.h, and a paragraph in mmproxy.conf.5 and in the sample file.
 */
#ifndef MMPROXY_CONF_KEYS_H
#define MMPROXY_CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

/*
 * Where a key may stand. LISTENER keys may also stand in "defaults"; TARGETS and what follows are
 * groups there.
 */
enum conf_scope {
	CONF_SCOPE_TOP,
	CONF_SCOPE_LOG,
	CONF_SCOPE_ADMIN,
	CONF_SCOPE_ROUTING,
	CONF_SCOPE_LISTENER,
	CONF_SCOPE_TARGETS,
	CONF_SCOPE_HEALTH,
	CONF_SCOPE_COUNT
};

/* What a value is, and the type of the field that holds it. */
enum conf_type {
	CONF_TYPE_BOOL,	       /* bool */
	CONF_TYPE_INTEGER,     /* uint32_t */
	CONF_TYPE_DURATION,    /* uint32_t, milliseconds */
	CONF_TYPE_BUFFER,      /* uint32_t, bytes; 0: the system's; CONF_BUFFER_AUTO */
	CONF_TYPE_WORD,	       /* an enum: the index in words */
	CONF_TYPE_ACCOUNT,     /* char *, the name of a user or group */
	CONF_TYPE_NAME,	       /* char *, a listener's name */
	CONF_TYPE_LOG_TARGET,  /* char * */
	CONF_TYPE_IPV4_TARGET, /* struct addr */
	CONF_TYPE_IPV6_TARGET, /* struct addr */
	CONF_TYPE_ADDRESS,     /* struct addr, to listen on */
	CONF_TYPE_ADMIN,       /* struct addr, or else the path of a UNIX socket in another field */
	CONF_TYPE_LISTEN,      /* listen and listen_count of struct conf_listener; a list */
	CONF_TYPE_SUBNETS,     /* struct netset *; a list */
	CONF_TYPE_SUBNETS_FILE /* the same field, filled from the file whose path is in another */
};

/* Listeners of which protocol read the key. */
enum conf_only { CONF_ONLY_ANY, CONF_ONLY_TCP, CONF_ONLY_UDP };

/*
 * Rows of one scope with one offset are two spellings of one setting: a group may hold one of them,
 * and either replaces what is inherited.
 */
struct conf_key {
	enum conf_scope scope;
	const char *name;
	enum conf_type type;
	size_t offset; /* in struct conf, or in struct conf_listener for a listener's scopes */
	size_t path;   /* the offset of a char *, likewise, of a type that has a path as well */

	/*
	 * The default as a user would write it (a string without its quotes), read by the parser
	 * that reads what users write. NULL: the key is absent.
	 */
	const char *fallback;
	bool left_unset; /* the field stays NULL; what reads it knows the fallback */

	uint32_t min; /* of integers, and of durations in milliseconds */
	uint32_t max;
	bool or_never; /* a duration may also be 0: never */

	const char *const *words; /* NULL-terminated; of a bool, only beside planned_word */
	const char *planned_word; /* known, but refused by this version; NULL: none */
	bool planned;		  /* the whole key is */

	bool needs_content; /* an empty list would lock everyone out or let everyone in: refused */
	enum conf_only only;
	bool needs_restart; /* a reload cannot change it */
};

/* The rows, in the order of the manual page; those of a listener stand together. */
extern const struct conf_key conf_keys[];
extern const size_t conf_keys_count;

/* No fewer than conf_keys_count, for arrays beside the table. */
#define CONF_KEYS_MAX 64

/* NULL when the scope has no such key. */
const struct conf_key *conf_key_find(enum conf_scope scope, const char *name);

/* The key or group of the scope that name is probably a misspelling of, or NULL. */
const char *conf_key_nearest(enum conf_scope scope, const char *name);

/*
 * Listeners of a configuration, and listening addresses of them all: every port of both families,
 * and so more than descriptors. A slip such as a range too many must not cost a process that is at
 * work its memory, or minutes.
 */
#define CONF_LISTENERS_MAX 4096
#define CONF_ADDRESSES_MAX 131072

/* The longest path of a UNIX socket (sun_path in unix(7)), without its NUL. */
#define CONF_SOCKET_PATH_MAX 107

/* Whether listeners of the protocol read the key. */
bool conf_key_is_for(const struct conf_key *key, enum conf_protocol protocol);

/* Whether the value is a list of what the type describes. */
bool conf_key_is_list(const struct conf_key *key);

/* The key of a file that fills the same field as this list, or NULL. */
const struct conf_key *conf_key_file_of(const struct conf_key *key);

/* Whether the scope is that of a listener or of a group in one. */
bool conf_scope_is_listeners(enum conf_scope scope);

/* The group that holds the scope: "log", "targets" ...; else "top", "listener". */
const char *conf_scope_name(enum conf_scope scope);

/* Room for what conf_key_accepts() writes. */
#define CONF_ACCEPTS_MAX 256

/* Write what the key accepts, as in "an integer from 0 to 1024"; returns buf. */
const char *conf_key_accepts(const struct conf_key *key, char buf[static CONF_ACCEPTS_MAX]);

/* Write a duration with the largest unit that divides it, "90s" and "2h"; returns buf. */
#define CONF_DURATION_MAX 24
const char *conf_duration_format(uint32_t duration_ms, char buf[static CONF_DURATION_MAX]);

#endif
