/* SPDX-License-Identifier: BSD-2-Clause */
/* The mistakes of a configuration: where each one is, and its line of text. */
#ifndef MMPROXY_CONF_ERRORS_H
#define MMPROXY_CONF_ERRORS_H

#include <stddef.h>

#include "conf/conf.h"
#include "conf/conf_keys.h"

/* Mistakes kept; a binary file given as a subnet file would otherwise fill the screen for hours. */
#define CONF_ERRORS_MAX 1000

/* Room for a value shown in a message, with quotes, escapes and "..." where it was cut. */
#define CONF_SHOWN_MAX 128

/* Blocks that are not a listener's; listeners are 0, 1, 2 ... in the order of the file. */
enum conf_block { CONF_BLOCK_TOP = -2, CONF_BLOCK_DEFAULTS = -1 };

/* Where a setting stands. Strings are borrowed and must outlive the place. */
struct conf_place {
	const char *file;      /* NULL: a flag, and name is the flag's */
	unsigned line;	       /* 0: the file as a whole */
	unsigned order;	       /* sorts mistakes as the files read, includes in their place */
	int block;	       /* a listener's index or enum conf_block */
	enum conf_scope scope; /* of name */
	const char *name;      /* NULL: the block itself */
	int element;	       /* index in a list; -1: the whole value */
};

/*
 * Add "FILE:LINE: listeners[0].KEY: message", or "mmproxy: -FLAG: message". A line that is there
 * already is not added again. Running out of memory is itself kept as a mistake.
 */
void conf_errors_add(struct conf_errors *errors, const struct conf_place *place, const char *format,
		     ...) __attribute__((format(printf, 3, 4)));

/* Add "PATH:LINE: message" (in a file that the place names), sorted where the place is. */
void conf_errors_add_inside(struct conf_errors *errors, const struct conf_place *place,
			    const char *path, unsigned line, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Put the lines into the order of the files. */
void conf_errors_sort(struct conf_errors *errors);

/* Write value in double quotes, escaped and cut to fit; returns buf. */
const char *conf_quote(const char *value, char buf[static CONF_SHOWN_MAX]);

/* "FILE:LINE", or "-FLAG", for a message about two places; returns buf. */
#define CONF_WHERE_MAX 512
const char *conf_where(const struct conf_place *place, char buf[static CONF_WHERE_MAX]);

#endif
