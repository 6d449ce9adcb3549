/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of a configuration file, with its @include lines replaced by what they name.
 *
 * What libconfig 1.5, the oldest that is built with, cannot do itself, and nothing else:
 * - Include a file relative to the one that includes it. It knows one directory for all, and a name
 *   of a directory, or a device without an end, ends or stops the process. From 1.7 on a function
 * of ours could find the files, but libconfig would still open them.
 * - Tell which file a line is of, since it then reads all as one text.
 * - Refuse a comment without an end, which would take the rest of the file with it in silence; and
 * a NUL byte, likewise.
 * - Read integers of more than 32 bits unless they end in "L": it cuts them, in silence. They get
 *   their "L" here.
 * - Skip a byte order mark.
 */
#ifndef MMPROXY_CONF_SOURCE_H
#define MMPROXY_CONF_SOURCE_H

#include "conf/conf_errors.h"

/* The deepest nesting of @include, which also ends a circle of files. */
#define CONF_INCLUDE_DEPTH 10

struct conf_source;

/*
 * Read the file and what it includes, 16 MiB at most in all; NULL with what cannot be read in
 * errors.
 */
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
