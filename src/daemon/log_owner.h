/* SPDX-License-Identifier: BSD-2-Clause */
/* The log file of a daemon that gives up root: its later user has to be able to open it again. */
#ifndef MMPROXY_LOG_OWNER_H
#define MMPROXY_LOG_OWNER_H

#include <stdbool.h>

#include "conf/conf.h"
#include "daemon/account.h"

/*
 * log_open() of what the configuration says. Root opens a file as the user that it will become, so
 * that nothing is opened that this user could not open itself. Where that user may make no file,
 * root makes an empty one for it. A file that is not the user's to write is opened as root, with a
 * warning. Returns 0, or -1 with errno as log_open() and log_file_open() have it.
 */
int log_owner_open(const struct conf *conf) __attribute__((warn_unused_result));

/*
 * Whether that could be done with a file, as far as can be told without doing it: 0 or an errno
 * value, and in *reopens whether the user could do without root.
 */
int log_owner_test(const char *path, const struct account *account, bool *reopens)
    __attribute__((warn_unused_result));

#endif
