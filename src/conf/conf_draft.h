/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot in the making, beside it where each setting came from. */
#ifndef MMPROXY_CONF_DRAFT_H
#define MMPROXY_CONF_DRAFT_H

#include "conf/conf.h"
#include "conf/conf_errors.h"
#include "conf/conf_keys.h"

enum conf_state {
	CONF_STATE_ABSENT, /* the default holds, and the key's place is not filled in */
	CONF_STATE_GIVEN,
	CONF_STATE_REFUSED /* reported already; the field may be anything */
};

/* The addresses that one entry of "listen" stands for: those up to, not including, end. */
struct conf_span {
	struct conf_place place;
	size_t end;
	const struct conf_span *overlaps; /* reported already, with this one */
};

/* Where the settings of one block came from; keys and states go by the row in conf_keys. */
struct conf_origin {
	struct conf_place block;
	bool refused; /* it is no block at all, which is reported already */
	struct conf_place keys[CONF_KEYS_MAX];
	enum conf_state states[CONF_KEYS_MAX];
	struct conf_span *listen;
	size_t listen_count;
};

struct conf_draft {
	struct conf *conf;
	struct conf_origin top;	       /* of everything that is not a listener's */
	struct conf_origin *listeners; /* one for each of conf->listeners */
	bool from_flags;
};

/* A draft that holds the defaults and count listeners; NULL when memory is out. */
struct conf_draft *conf_draft_new(size_t count) __attribute__((warn_unused_result));
void conf_draft_free(struct conf_draft *draft);

/* Take the snapshot out of the draft and free the draft. */
struct conf *conf_draft_take(struct conf_draft *draft);

/* The defaults of a listener, and an empty origin; -1 when memory is out. */
int conf_draft_init_listener(struct conf_listener *listener, struct conf_origin *origin)
    __attribute__((warn_unused_result));
void conf_draft_fini_listener(struct conf_listener *listener, struct conf_origin *origin);

/*
 * Set a key of base (a list: add an entry), or add a mistake that shows the value as shown. Keeps
 * place and state in origin. Returns 0, or -1 when the value was refused.
 */
int conf_draft_set(const struct conf_key *key, const char *text, const char *shown, void *base,
		   struct conf_origin *origin, const struct conf_place *place,
		   struct conf_errors *errors);

/* Note that the key was given at the place, or refused there. */
void conf_draft_note(const struct conf_key *key, struct conf_origin *origin,
		     const struct conf_place *place, enum conf_state state);

/* Empty the field and forget where it came from, for a key that is about to be given anew. */
void conf_draft_clear(const struct conf_key *key, void *base, struct conf_origin *origin);

/* Pass what is in the field off as the default. */
void conf_draft_forget(const struct conf_key *key, struct conf_origin *origin);

/* What origin knows of a key, which must be in the table. */
enum conf_state conf_draft_state(const struct conf_origin *origin, enum conf_scope scope,
				 const char *name, const struct conf_place **place);

#endif
