/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where lines go: standard error, a file, or syslog.
 *
 * One thread at a time writes. The others belong to the main thread; all but log_target_close() may
 * be called while another thread writes.
 */
#ifndef MMPROXY_LOG_TARGET_H
#define MMPROXY_LOG_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log_line.h"

/*
 * Open "stderr", "syslog" or a path, for log_target_commit() or log_target_undo(). A path
 * is opened by log_file_open(). The target that
 * is in use is not opened again. Returns 0, or -1 with errno, and then there is nothing to commit.
 */
int log_target_prepare(const char *target) __attribute__((warn_unused_result));

/*
 * Use what was prepared. A writer that waits for the former target goes on with the new one, unless
 * it is stuck in standard error or syslog.
 */
void log_target_commit(void);

/* Close it; nothing happens when there is none. */
void log_target_undo(void);

/* Both steps at once. Returns as log_target_prepare(); the former target then stays. */
int log_target_open(const char *target) __attribute__((warn_unused_result));

/*
 * Open the file again under its name; nothing to do for others. A writer that waits for the former
 * file goes on with the new one. Returns 0, or -1 with errno; the former file then stays.
 */
int log_target_reopen(void) __attribute__((warn_unused_result));

/* Close, and go back to standard error. */
void log_target_close(void);

/* How often the target was opened anew: what follows a line's first bytes must go to one file. */
unsigned log_target_generation(void);

/* What lines have to carry there, of what nobody else adds. */
enum log_stamp log_target_stamp(void);

/* Lines then go to log_target_syslog() instead of log_target_write(). */
bool log_target_is_syslog(void);

/*
 * Write lines, waiting for as long as the target can take more later. Returns how many bytes were
 * taken: fewer than len when it cannot (a full disk, a closed pipe), with errno. The wait is the
 * one place where the calling thread can be cancelled.
 */
size_t log_target_write(const char *text, size_t len);

/* Send one line; waits as log_target_write() does. Returns false when it could not be sent. */
bool log_target_syslog(enum log_level level, const char *text, size_t len);

/* The path that a target stands for, as messages about it name it. */
const char *log_target_place(const char *target);

#endif
