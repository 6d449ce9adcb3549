/* SPDX-License-Identifier: BSD-2-Clause */
/* libconfig's tree of a configuration's settings, whole or not at all. */
#ifndef MMPROXY_CONF_TREE_H
#define MMPROXY_CONF_TREE_H

#include <libconfig.h>

#include "conf/conf_source.h"

/*
 * Parse the source. Returns 0 with a tree, for config_destroy(), in which every member of a group
 * has its name and every string its text; or -1, having destroyed it, with a mistake in errors.
 */
int conf_tree_read(config_t *config, const struct conf_source *source, struct conf_errors *errors)
    __attribute__((warn_unused_result));

#endif
