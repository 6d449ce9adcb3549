/* SPDX-License-Identifier: BSD-2-Clause */
/* From a libconfig file to a snapshot. */
#include "conf/conf.h"

#include <string.h>

#include <libconfig.h>

#include "conf/conf_check.h"
#include "conf/conf_draft.h"
#include "conf/conf_errors.h"
#include "conf/conf_keys.h"
#include "conf/conf_setting.h"
#include "conf/conf_source.h"
#include "conf/conf_tree.h"

/* A block of listener keys: a listener's or "defaults". */
struct block {
	struct conf_reading *reading;
	int index; /* a listener's or CONF_BLOCK_DEFAULTS */
	/* The block, by CONF_SCOPE_LISTENER, and the groups in it; NULL: it has none. */
	const config_setting_t *groups[CONF_SCOPE_COUNT];
	struct conf_listener *listener;
	struct conf_origin *origin;
};

/* Say what an unknown name could have been meant to be. */
static void refuse_name(const struct conf_reading *reading, enum conf_scope scope,
			const struct conf_place *place)
{
	static const char *const homes[CONF_SCOPE_COUNT] = {
	    [CONF_SCOPE_TOP] = "at the top level of the file",
	    [CONF_SCOPE_LOG] = "in the group \"log\"",
	    [CONF_SCOPE_ADMIN] = "in the group \"admin\"",
	    [CONF_SCOPE_ROUTING] = "in the group \"routing\"",
	    [CONF_SCOPE_LISTENER] = "in a listener or in \"defaults\"",
	    [CONF_SCOPE_TARGETS] = "in a listener's group \"targets\"",
	    [CONF_SCOPE_HEALTH] = "in a listener's group \"health\"",
	};
	/* A name that several groups have is most likely meant for the first of them here. */
	static const enum conf_scope likely[] = {
	    CONF_SCOPE_TOP,	CONF_SCOPE_LISTENER, CONF_SCOPE_TARGETS, CONF_SCOPE_LOG,
	    CONF_SCOPE_ROUTING, CONF_SCOPE_ADMIN,    CONF_SCOPE_HEALTH};
	const char *nearest = conf_key_nearest(scope, place->name);

	if (nearest != NULL) {
		conf_errors_add(reading->errors, place,
				"unknown key; did you mean \"%s\"? mmproxy.conf(5) has them all",
				nearest);
		return;
	}
	for (size_t i = 0; i < sizeof(likely) / sizeof(likely[0]); i++) {
		if (conf_key_find(likely[i], place->name) != NULL) {
			conf_errors_add(reading->errors, place,
					"unknown key here; \"%s\" belongs %s", place->name,
					homes[likely[i]]);
			return;
		}
	}
	conf_errors_add(reading->errors, place, "unknown key: mmproxy.conf(5) has them all");
}

/* Refuse a setting that was spelled in another way further up in the group. */
static bool has_twin(const struct conf_reading *reading, const config_setting_t *group,
		     const struct conf_key *key, const struct conf_place *place)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *other = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(other);
		const struct conf_key *other_key = conf_key_find(key->scope, name);

		if (other_key == key)
			return false;
		if (other_key != NULL && !other_key->planned && other_key->offset == key->offset) {
			struct conf_place other_place =
			    conf_setting_place(reading, other, place->block, place->scope, name);
			char where[CONF_WHERE_MAX];

			conf_errors_add(reading->errors, place,
					"%s is given already (%s), and both mean one setting", name,
					conf_where(&other_place, where));
			return true;
		}
	}
	return false;
}

/* The key of a member of a group, or NULL after saying why it is not to be read. */
static const struct conf_key *key_of(const struct conf_reading *reading,
				     const config_setting_t *group, const struct conf_place *place)
{
	const struct conf_key *key = conf_key_find(place->scope, place->name);

	if (key == NULL) {
		refuse_name(reading, place->scope, place);
		return NULL;
	}
	if (key->planned) {
		conf_errors_add(reading->errors, place,
				"is not supported by this version of mmproxy");
		return NULL;
	}
	return has_twin(reading, group, key, place) ? NULL : key;
}

static bool is_group(const struct conf_reading *reading, const config_setting_t *setting,
		     const struct conf_place *place)
{
	char shown[CONF_SHOWN_MAX];

	if (config_setting_is_group(setting))
		return true;
	conf_errors_add(reading->errors, place, "%s is not a group: %s = { KEY = VALUE; ... };",
			conf_setting_show(setting, shown), place->name);
	return false;
}

/* The members of the file itself or of one of its groups. */
static void read_group(const struct conf_reading *reading, struct conf_draft *draft,
		       const config_setting_t *group, enum conf_scope scope);

static void read_top_setting(const struct conf_reading *reading, struct conf_draft *draft,
			     const config_setting_t *group, const config_setting_t *setting,
			     enum conf_scope scope)
{
	const char *name = config_setting_name(setting);
	struct conf_place place = conf_setting_place(reading, setting, CONF_BLOCK_TOP, scope, name);
	const struct conf_key *key;

	if (scope == CONF_SCOPE_TOP) {
		if (strcmp(name, "defaults") == 0 || strcmp(name, "listeners") == 0)
			return;
		for (enum conf_scope inner = CONF_SCOPE_LOG; inner < CONF_SCOPE_LISTENER; inner++) {
			if (strcmp(name, conf_scope_name(inner)) != 0)
				continue;
			if (is_group(reading, setting, &place))
				read_group(reading, draft, setting, inner);
			return;
		}
	}
	key = key_of(reading, group, &place);
	if (key != NULL)
		conf_setting_read(reading, key, setting, draft->conf, &draft->top, &place);
}

static void read_group(const struct conf_reading *reading, struct conf_draft *draft,
		       const config_setting_t *group, enum conf_scope scope)
{
	for (int i = 0; i < config_setting_length(group); i++)
		read_top_setting(reading, draft, group, config_setting_get_elem(group, (unsigned)i),
				 scope);
}

/* Whether the name is that of a group in a listener. */
static bool is_inner_group(const char *name)
{
	for (enum conf_scope scope = CONF_SCOPE_LISTENER + 1; scope < CONF_SCOPE_COUNT; scope++) {
		if (strcmp(name, conf_scope_name(scope)) == 0)
			return true;
	}
	return false;
}

/* Read the members of a listener block or of a group in it that have a key of that scope. */
static void read_members(const struct block *block, const config_setting_t *group,
			 enum conf_scope scope)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(setting);
		struct conf_place place =
		    conf_setting_place(block->reading, setting, block->index, scope, name);
		const struct conf_key *key;

		if (scope == CONF_SCOPE_LISTENER && is_inner_group(name))
			continue;
		key = key_of(block->reading, group, &place);
		if (key != NULL)
			conf_setting_read(block->reading, key, setting, block->listener,
					  block->origin, &place);
	}
}

/* Whether the block has its own value for what the key means, in whatever spelling. */
static bool overrides(const struct block *block, const struct conf_key *key)
{
	if (key->scope != CONF_SCOPE_LISTENER)
		return block->groups[key->scope] != NULL;
	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *other = &conf_keys[i];

		if (other->scope == key->scope && !other->planned && other->offset == key->offset &&
		    config_setting_get_member(block->groups[CONF_SCOPE_LISTENER], other->name) !=
			NULL)
			return true;
	}
	return false;
}

/* Take over from "defaults" what the block does not say itself; mistakes are reported there. */
static void inherit(const struct block *block, const struct block *defaults)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		const struct conf_place *place;
		enum conf_state state;

		if (!conf_scope_is_listeners(key->scope))
			continue;
		state = conf_draft_state(defaults->origin, key->scope, key->name, &place);
		if (state == CONF_STATE_ABSENT || overrides(block, key))
			continue;
		if (state == CONF_STATE_REFUSED)
			conf_draft_note(key, block->origin, place, state);
		else
			conf_setting_read(
			    block->reading, key,
			    config_setting_get_member(defaults->groups[key->scope], key->name),
			    block->listener, block->origin, place);
	}
}

static void read_inner_group(struct block *block, enum conf_scope scope)
{
	const char *name = conf_scope_name(scope);
	const config_setting_t *group =
	    config_setting_get_member(block->groups[CONF_SCOPE_LISTENER], name);
	struct conf_place place;

	block->groups[scope] = group;
	if (group == NULL)
		return;
	place = conf_setting_place(block->reading, group, block->index, CONF_SCOPE_LISTENER, name);
	if (is_group(block->reading, group, &place)) {
		read_members(block, group, scope);
		return;
	}
	/* None of its keys is missing: what was meant is not known. */
	place.scope = scope;
	for (size_t i = 0; i < conf_keys_count; i++) {
		if (conf_keys[i].scope == scope)
			conf_draft_note(&conf_keys[i], block->origin, &place, CONF_STATE_REFUSED);
	}
}

static void read_block(struct block *block)
{
	read_members(block, block->groups[CONF_SCOPE_LISTENER], CONF_SCOPE_LISTENER);
	for (enum conf_scope scope = CONF_SCOPE_LISTENER + 1; scope < CONF_SCOPE_COUNT; scope++)
		read_inner_group(block, scope);
}

/* The list of listeners, or NULL after saying what is wrong with it. */
static const config_setting_t *find_listeners(const struct conf_reading *reading,
					      const config_setting_t *root)
{
	const config_setting_t *list = config_setting_get_member(root, "listeners");
	struct conf_place place = {.block = CONF_BLOCK_TOP, .name = "listeners", .element = -1};
	char shown[CONF_SHOWN_MAX];

	conf_source_locate(reading->source, 1, &place);
	if (list == NULL) {
		conf_errors_add(reading->errors, &place,
				"missing: mmproxy needs listeners = ( { ... }, { ... } );");
		return NULL;
	}
	place = conf_setting_place(reading, list, CONF_BLOCK_TOP, CONF_SCOPE_TOP, "listeners");
	if (!conf_setting_is_list(list))
		conf_errors_add(reading->errors, &place,
				"%s is not a list of groups: listeners = ( { ... }, { ... } );",
				conf_setting_show(list, shown));
	else if (config_setting_length(list) == 0)
		conf_errors_add(reading->errors, &place,
				"the list is empty: mmproxy needs one listener or more");
	else if (config_setting_length(list) > CONF_LISTENERS_MAX)
		conf_errors_add(reading->errors, &place,
				"the list has %d listeners: there may be %d",
				config_setting_length(list), CONF_LISTENERS_MAX);
	else
		return list;
	return NULL;
}

static void read_listeners(struct conf_reading *reading, struct conf_draft *draft,
			   const config_setting_t *list, const struct block *defaults)
{
	size_t addresses = 0;

	for (size_t i = 0; i < draft->conf->listeners_count; i++) {
		const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
		struct block block = {.reading = reading,
				      .index = (int)i,
				      .groups[CONF_SCOPE_LISTENER] = group,
				      .listener = &draft->conf->listeners[i],
				      .origin = &draft->listeners[i]};
		char shown[CONF_SHOWN_MAX];

		block.origin->block =
		    conf_setting_place(reading, group, (int)i, CONF_SCOPE_LISTENER, NULL);
		if (!config_setting_is_group(group)) {
			conf_errors_add(reading->errors, &block.origin->block,
					"%s is not a group: { KEY = VALUE; ... }",
					conf_setting_show(group, shown));
			block.origin->refused = true;
			continue;
		}
		/* With the first one that is too much this is said, and the others are not read. */
		if (addresses > CONF_ADDRESSES_MAX) {
			block.origin->refused = true;
			continue;
		}
		read_block(&block);
		if (defaults != NULL)
			inherit(&block, defaults);
		addresses += block.listener->listen_count;
		if (addresses > CONF_ADDRESSES_MAX)
			conf_errors_add(reading->errors, &block.origin->block,
					"with this listener there are more than %d listening "
					"addresses in all",
					CONF_ADDRESSES_MAX);
	}
}

/* A draft of what the file says, before checks across keys; NULL when memory is out. */
static struct conf_draft *read_root(struct conf_reading *reading, const config_setting_t *root)
{
	const config_setting_t *list = find_listeners(reading, root);
	const config_setting_t *group = config_setting_get_member(root, "defaults");
	size_t count = list != NULL ? (size_t)config_setting_length(list) : 0;
	struct conf_draft *draft = conf_draft_new(count);
	struct conf_listener listener;
	struct conf_origin origin;
	struct block defaults = {.reading = reading,
				 .index = CONF_BLOCK_DEFAULTS,
				 .groups[CONF_SCOPE_LISTENER] = group,
				 .listener = &listener,
				 .origin = &origin};
	struct conf_place place;
	bool inherits = false;

	if (draft == NULL)
		return NULL;
	read_group(reading, draft, root, CONF_SCOPE_TOP);
	if (conf_draft_init_listener(&listener, &origin) < 0) {
		conf_draft_fini_listener(&listener, &origin);
		conf_draft_free(draft);
		return NULL;
	}
	if (group != NULL) {
		place =
		    conf_setting_place(reading, group, CONF_BLOCK_TOP, CONF_SCOPE_TOP, "defaults");
		inherits = is_group(reading, group, &place);
	}
	if (inherits)
		read_block(&defaults);
	if (list != NULL)
		read_listeners(reading, draft, list, inherits ? &defaults : NULL);
	conf_draft_fini_listener(&listener, &origin);
	return draft;
}

struct conf *conf_load(const char *path, struct conf_errors *errors)
{
	struct conf_reading reading = {.errors = errors};
	struct conf_place whole = {.file = path, .block = CONF_BLOCK_TOP, .element = -1};
	struct conf_draft *draft = NULL;
	struct conf *conf = NULL;
	size_t before = conf_errors_count(errors);
	config_t config;

	reading.source = conf_source_read(path, errors);
	if (reading.source == NULL)
		return NULL;
	if (conf_tree_read(&config, reading.source, errors) < 0)
		goto free_source;
	draft = read_root(&reading, config_root_setting(&config));
	if (draft == NULL) {
		conf_errors_add(errors, &whole, "memory is out");
		goto free_tree;
	}
	conf_check(draft, errors);
	conf_errors_sort(errors);
	conf = conf_draft_take(draft);
	if (conf_errors_count(errors) != before) {
		conf_unref(conf);
		conf = NULL;
	}
free_tree:
	config_destroy(&config);
free_source:
	conf_source_free(reading.source);
	return conf;
}
