/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields of a snapshot, whatever their types: to find, empty, compare and show them. */
#ifndef MMPROXY_CONF_FIELD_H
#define MMPROXY_CONF_FIELD_H

#include <stdbool.h>

#include "conf/conf_keys.h"

/* Before the path of a UNIX socket. */
#define CONF_UNIX_PREFIX "unix:"

/* Where the key's field is in base, a struct conf or struct conf_listener. */
void *conf_field_of(const struct conf_key *key, void *base);

/* The string beside the field, of a type that has a path as well. */
char **conf_field_path(const struct conf_key *key, void *base);

/* Free what the field owns and empty it: lists, sets, strings. */
void conf_field_clear(const struct conf_key *key, void *base);

/*
 * Whether both fields mean the same: sets by the networks that they hold, lists of addresses in
 * their order. A CONF_TYPE_SUBNETS_FILE is always equal, for the list of the same field tells.
 */
bool conf_field_equal(const struct conf_key *key, const void *a, const void *b);

/* The field as text, as conf_value_set() reads it, for types without lists; NULL: not set. */
#define CONF_TEXT_MAX 128
const char *conf_field_text(const struct conf_key *key, const void *base,
			    char buf[static CONF_TEXT_MAX]);

#endif
