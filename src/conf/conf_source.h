/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of a configuration file, with its @include lines replaced by what they name.
 *
 * libconfig 1.5 could include files itself, but it ends the process when one is a directory, wants
 * their paths relative to the working directory, and silently cuts integers to 32 bits unless they
 * end in "L". So the text is prepared here: paths are relative to the including file, and integers
 * that need more than 32 bits get their "L".
 */
#ifndef MMPROXY_CONF_SOURCE_H
#define MMPROXY_CONF_SOURCE_H

#include "conf/conf_errors.h"

/* The deepest nesting of @include, which also ends a circle of files. */
#define CONF_INCLUDE_DEPTH 10

struct conf_source;

/* Read the file and what it includes; NULL with what cannot be read in errors. */
struct conf_source *conf_source_read(const char *path, struct conf_errors *errors)
    __attribute__((warn_unused_result));
void conf_source_free(struct conf_source *source);

/* The whole text, which ends with a NUL. */
const char *conf_source_text(const struct conf_source *source);

/* Fill in file, line and order of the place for a line (1, 2, ...) of the whole text. */
void conf_source_locate(const struct conf_source *source, unsigned line, struct conf_place *place);

/*
 * What a path in a file means: relative to where that file is, unless it starts with "/". A new
 * string, or NULL when memory is out.
 */
char *conf_source_resolve(const char *file, const char *path) __attribute__((warn_unused_result));

#endif
