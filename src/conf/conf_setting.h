/* SPDX-License-Identifier: BSD-2-Clause */
/* One libconfig setting: its place, its value as text, and its way into a field. */
#ifndef MMPROXY_CONF_SETTING_H
#define MMPROXY_CONF_SETTING_H

#include <libconfig.h>

#include "conf/conf_draft.h"
#include "conf/conf_source.h"

/* One file being read, includes and all. */
struct conf_reading {
	struct conf_source *source;
	struct conf_errors *errors;
};

/* Where the setting stands; name is borrowed. */
struct conf_place conf_setting_place(const struct conf_reading *reading,
				     const config_setting_t *setting, int block,
				     enum conf_scope scope, const char *name);

/* A list in either of libconfig's brackets. */
bool conf_setting_is_list(const config_setting_t *setting);

/* The value as messages show it; what is returned may be buf. */
const char *conf_setting_show(const config_setting_t *setting, char buf[static CONF_SHOWN_MAX]);

/*
 * Read the setting into the key's field of base, and note place and state in origin. Returns 0, or
 * -1 with a mistake for each bad value.
 */
int conf_setting_read(const struct conf_reading *reading, const struct conf_key *key,
		      const config_setting_t *setting, void *base, struct conf_origin *origin,
		      const struct conf_place *place);

#endif
