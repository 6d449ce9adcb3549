/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of a file that a person writes: a configuration, an included part, a list of networks.
 */
#ifndef MMPROXY_CONF_TEXT_H
#define MMPROXY_CONF_TEXT_H

#include <stddef.h>

/* More than any configuration or list of networks. */
#define CONF_TEXT_FILE_MAX ((size_t)16 * 1024 * 1024)

/*
 * Read a whole regular file, with a NUL behind its last byte, without ever waiting: a FIFO has no
 * writer perhaps, and a device no end. A file that is written to meanwhile is read again, a few
 * times, so that the text is not half of one version and half of another. Returns NULL with the
 * text, to be freed, and its length; or why it cannot be read, as words to be read behind "cannot
 * be read: ".
 */
const char *conf_text_read(const char *path, char **text, size_t *len)
    __attribute__((warn_unused_result));

/* Bytes of UTF-8's byte order mark at the start of the text, which some editors leave there. */
size_t conf_text_mark_len(const char *text);

#endif
