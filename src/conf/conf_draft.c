/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot in the making. */
#include "conf/conf_draft.h"

#include <stdlib.h>
#include <string.h>

#include "conf/conf_field.h"
#include "conf/conf_value.h"

static const enum conf_scope top_scopes[] = {CONF_SCOPE_TOP, CONF_SCOPE_LOG, CONF_SCOPE_ADMIN,
					     CONF_SCOPE_ROUTING};

/* Remember which addresses the entry that was just added to "listen" stands for. */
static int note_span(const struct conf_listener *listener, struct conf_origin *origin,
		     const struct conf_place *place)
{
	struct conf_span *grown =
	    reallocarray(origin->listen, origin->listen_count + 1, sizeof(*grown));

	if (grown == NULL)
		return -1;
	origin->listen = grown;
	grown[origin->listen_count++] =
	    (struct conf_span){.place = *place, .end = listener->listen_count};
	return 0;
}

static size_t row_of(const struct conf_key *key)
{
	return (size_t)(key - conf_keys);
}

struct conf_draft *conf_draft_new(size_t count)
{
	struct conf_draft *draft = calloc(1, sizeof(*draft));
	struct conf *conf;

	if (draft == NULL)
		return NULL;
	conf = draft->conf = calloc(1, sizeof(*conf));
	if (conf == NULL)
		goto fail;
	atomic_init(&conf->refs, 1);
	conf->listeners = calloc(count + 1, sizeof(*conf->listeners));
	draft->listeners = calloc(count + 1, sizeof(*draft->listeners));
	if (conf->listeners == NULL || draft->listeners == NULL)
		goto fail;
	for (size_t i = 0; i < sizeof(top_scopes) / sizeof(top_scopes[0]); i++) {
		if (conf_value_set_defaults(top_scopes[i], conf) < 0)
			goto fail;
	}
	for (size_t i = 0; i < count; i++) {
		conf->listeners_count++;
		if (conf_draft_init_listener(&conf->listeners[i], &draft->listeners[i]) < 0)
			goto fail;
	}
	return draft;

fail:
	conf_draft_free(draft);
	return NULL;
}

void conf_draft_free(struct conf_draft *draft)
{
	if (draft != NULL)
		conf_unref(conf_draft_take(draft));
}

struct conf *conf_draft_take(struct conf_draft *draft)
{
	struct conf *conf = draft->conf;

	for (size_t i = 0; draft->listeners != NULL && i < conf->listeners_count; i++)
		free(draft->listeners[i].listen);
	free(draft->listeners);
	free(draft);
	return conf;
}

int conf_draft_init_listener(struct conf_listener *listener, struct conf_origin *origin)
{
	memset(listener, 0, sizeof(*listener));
	memset(origin, 0, sizeof(*origin));
	for (enum conf_scope scope = CONF_SCOPE_LISTENER; scope < CONF_SCOPE_COUNT; scope++) {
		if (conf_value_set_defaults(scope, listener) < 0)
			return -1;
	}
	return 0;
}

void conf_draft_fini_listener(struct conf_listener *listener, struct conf_origin *origin)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		if (conf_scope_is_listeners(conf_keys[i].scope))
			conf_field_clear(&conf_keys[i], listener);
	}
	free(origin->listen);
	origin->listen = NULL;
}

int conf_draft_set(const struct conf_key *key, const char *text, const char *shown, void *base,
		   struct conf_origin *origin, const struct conf_place *place,
		   struct conf_errors *errors)
{
	char why[CONF_WHY_MAX];
	int result = conf_value_set(key, text, base, why);

	if (result < 0) {
		conf_errors_add(errors, place, "%s %s", shown, why);
	} else if (key->type == CONF_TYPE_LISTEN && note_span(base, origin, place) < 0) {
		/* Every address belongs to a span. */
		conf_draft_clear(key, base, origin);
		conf_errors_add(errors, place, "memory is out");
		result = -1;
	}
	if (result < 0 ||
	    conf_draft_state(origin, key->scope, key->name, NULL) != CONF_STATE_REFUSED)
		conf_draft_note(key, origin, place,
				result < 0 ? CONF_STATE_REFUSED : CONF_STATE_GIVEN);
	return result;
}

void conf_draft_note(const struct conf_key *key, struct conf_origin *origin,
		     const struct conf_place *place, enum conf_state state)
{
	origin->keys[row_of(key)] = *place;
	origin->keys[row_of(key)].element = -1;
	origin->states[row_of(key)] = state;
}

void conf_draft_clear(const struct conf_key *key, void *base, struct conf_origin *origin)
{
	conf_field_clear(key, base);
	conf_draft_forget(key, origin);
	if (key->type == CONF_TYPE_LISTEN)
		origin->listen_count = 0;
}

void conf_draft_forget(const struct conf_key *key, struct conf_origin *origin)
{
	origin->states[row_of(key)] = CONF_STATE_ABSENT;
}

enum conf_state conf_draft_state(const struct conf_origin *origin, enum conf_scope scope,
				 const char *name, const struct conf_place **place)
{
	size_t row = row_of(conf_key_find(scope, name));

	if (place != NULL)
		*place = &origin->keys[row];
	return origin->states[row];
}
