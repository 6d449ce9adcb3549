/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening a log file without being led elsewhere.
 *
 * The file's directory often belongs to the daemon's user, who could put a link to /etc/shadow
 * under the name of the log before root opens it. So root follows a symbolic link, anywhere in the
 * path, only where nobody else can have put it: in a directory that root alone may write to, or,
 * where that is sticky, if the link is root's own. Other users have the kernel's answer alone.
 */
#ifndef MMPROXY_LOG_FILE_H
#define MMPROXY_LOG_FILE_H

#include <sys/types.h>

/*
 * Open the file of an absolute path for appending, and create it (mode 0640) where there is none. A
 * named pipe is opened whether or not somebody reads it. Returns a descriptor that does not block
 * and is close-on-exec, or -1 with errno. For root, beside those of open(2): ELOOP for a link that
 * somebody else may have put there, EMLINK for a file that has another name besides, in a directory
 * that others may write to.
 */
int log_file_open(const char *path) __attribute__((warn_unused_result));

/*
 * As root, make an empty file that belongs to a user and group. Returns 0, or -1 with errno: EEXIST
 * where something is there already, which stays as it is.
 */
int log_file_create(const char *path, uid_t uid, gid_t gid) __attribute__((warn_unused_result));

/*
 * Whether log_file_open() could open or create it, as far as can be told without doing so. Returns
 * 0 or an errno value. Asks for the process's effective user.
 */
int log_file_test(const char *path) __attribute__((warn_unused_result));

#endif
