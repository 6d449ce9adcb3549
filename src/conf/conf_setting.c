/* SPDX-License-Identifier: BSD-2-Clause */
/* One libconfig setting: its place, its value as text, and its way into a field. */
#include "conf/conf_setting.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/conf_subnets.h"

/* A number or a bool as text. */
#define SCALAR_MAX 32

/* The value as conf_value_set() reads it; NULL for a group or list. */
static const char *text_of(const config_setting_t *setting, char buf[static SCALAR_MAX])
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
		snprintf(buf, SCALAR_MAX, "%d", config_setting_get_int(setting));
		return buf;
	case CONFIG_TYPE_INT64:
		/* 0xffffffffffffffff is stored as -1. */
		if (config_setting_get_format(setting) == CONFIG_FORMAT_HEX)
			snprintf(buf, SCALAR_MAX, "0x%llx",
				 (unsigned long long)config_setting_get_int64(setting));
		else
			snprintf(buf, SCALAR_MAX, "%lld", config_setting_get_int64(setting));
		return buf;
	case CONFIG_TYPE_FLOAT:
		/* The most digits that show 0.1 as itself. */
		snprintf(buf, SCALAR_MAX, "%.15g", config_setting_get_float(setting));
		return buf;
	case CONFIG_TYPE_BOOL:
		return config_setting_get_bool(setting) ? "true" : "false";
	case CONFIG_TYPE_STRING:
		return config_setting_get_string(setting);
	default:
		return NULL;
	}
}

/* Whether users write the type so: "5" is no integer, and 1 is not true. */
static bool is_written_so(enum conf_type type, const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_BOOL:
		return type == CONF_TYPE_BOOL;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return type == CONF_TYPE_INTEGER || type == CONF_TYPE_DURATION ||
		       type == CONF_TYPE_BUFFER;
	case CONFIG_TYPE_FLOAT:
		return type == CONF_TYPE_DURATION;
	case CONFIG_TYPE_STRING:
		return type != CONF_TYPE_BOOL && type != CONF_TYPE_INTEGER;
	default:
		return false;
	}
}

static void refuse_type(const struct conf_reading *reading, const struct conf_key *key,
			const config_setting_t *setting, const struct conf_place *place)
{
	char accepts[CONF_ACCEPTS_MAX];
	char shown[CONF_SHOWN_MAX];

	conf_errors_add(reading->errors, place, "%s is not %s%s", conf_setting_show(setting, shown),
			conf_key_accepts(key, accepts),
			conf_key_is_list(key) && place->element < 0 ? ", or a list of such" : "");
}

/* One value, or one entry of a list. */
static int read_value(const struct conf_reading *reading, const struct conf_key *key,
		      const config_setting_t *setting, void *base, struct conf_origin *origin,
		      const struct conf_place *place)
{
	char shown[CONF_SHOWN_MAX];
	char scalar[SCALAR_MAX];

	if (!is_written_so(key->type, setting)) {
		refuse_type(reading, key, setting, place);
		conf_draft_note(key, origin, place, CONF_STATE_REFUSED);
		return -1;
	}
	return conf_draft_set(key, text_of(setting, scalar), conf_setting_show(setting, shown),
			      base, origin, place, reading->errors);
}

static int read_list(const struct conf_reading *reading, const struct conf_key *key,
		     const config_setting_t *list, void *base, struct conf_origin *origin,
		     const struct conf_place *place)
{
	int length = config_setting_length(list);
	int result = 0;

	if (length == 0 && key->needs_content) {
		char accepts[CONF_ACCEPTS_MAX];

		conf_errors_add(reading->errors, place,
				"the list is empty: it needs one entry or more, each %s",
				conf_key_accepts(key, accepts));
		conf_draft_note(key, origin, place, CONF_STATE_REFUSED);
		return -1;
	}
	conf_draft_note(key, origin, place, CONF_STATE_GIVEN);
	for (int i = 0; i < length; i++) {
		const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);
		struct conf_place at =
		    conf_setting_place(reading, element, place->block, place->scope, place->name);

		at.element = i;
		if (read_value(reading, key, element, base, origin, &at) < 0)
			result = -1;
	}
	return result;
}

/* A file's path is relative to the file that names it. */
static int read_subnets_file(const struct conf_reading *reading, const struct conf_key *key,
			     const config_setting_t *setting, void *base,
			     struct conf_origin *origin, const struct conf_place *place)
{
	int result = -1;
	char *path;

	if (!is_written_so(key->type, setting)) {
		refuse_type(reading, key, setting, place);
	} else {
		path = conf_source_resolve(place->file, config_setting_get_string(setting));
		if (path == NULL)
			conf_errors_add(reading->errors, place, "memory is out");
		else
			result = conf_subnets_read(key, path, base, place, reading->errors);
		free(path);
	}
	conf_draft_note(key, origin, place, result < 0 ? CONF_STATE_REFUSED : CONF_STATE_GIVEN);
	return result;
}

struct conf_place conf_setting_place(const struct conf_reading *reading,
				     const config_setting_t *setting, int block,
				     enum conf_scope scope, const char *name)
{
	struct conf_place place = {.block = block, .scope = scope, .name = name, .element = -1};

	conf_source_locate(reading->source, config_setting_source_line(setting), &place);
	return place;
}

bool conf_setting_is_list(const config_setting_t *setting)
{
	return config_setting_is_list(setting) || config_setting_is_array(setting);
}

const char *conf_setting_show(const config_setting_t *setting, char buf[static CONF_SHOWN_MAX])
{
	char scalar[SCALAR_MAX];

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_STRING:
		return conf_quote(config_setting_get_string(setting), buf);
	case CONFIG_TYPE_GROUP:
		return "a group";
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		return "a list";
	default:
		snprintf(buf, CONF_SHOWN_MAX, "%s", text_of(setting, scalar));
		return buf;
	}
}

int conf_setting_read(const struct conf_reading *reading, const struct conf_key *key,
		      const config_setting_t *setting, void *base, struct conf_origin *origin,
		      const struct conf_place *place)
{
	if (key->type == CONF_TYPE_SUBNETS_FILE)
		return read_subnets_file(reading, key, setting, base, origin, place);
	if (conf_key_is_list(key) && conf_setting_is_list(setting))
		return read_list(reading, key, setting, base, origin, place);
	return read_value(reading, key, setting, base, origin, place);
}
