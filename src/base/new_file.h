/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a file could be made, without making it. Any thread. */
#ifndef MMPROXY_NEW_FILE_H
#define MMPROXY_NEW_FILE_H

/*
 * Whether the process's effective user could make a file of this absolute path, where there is none
 * yet. Returns 0 or an errno value.
 */
int new_file_test(const char *path) __attribute__((warn_unused_result));

#endif
