/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the daemon may ask of the kernel from its start on: what carrying connections, reloading,
 * logging and upgrading take (seccomp(2), by libseccomp). Everything else has the error EPERM, and
 * what is newer than this program ENOSYS, as on an older kernel. Nothing is ever killed for it.
 */
#ifndef MMPROXY_SANDBOX_H
#define MMPROXY_SANDBOX_H

#include <stdbool.h>

#include "conf/conf.h"

/*
 * For every thread of this process, and for all that it ever makes; there is no way back. With
 * carries_in_kernel, what the programs of fastpath_open() take is left as well. Sets no_new_privs.
 * Returns 0, or -1 with errno and no call refused: ENOSYS where mmproxy was built
 * without libseccomp, others where the kernel or the container around takes no filter.
 */
int sandbox_enter(bool carries_in_kernel) __attribute__((warn_unused_result));

/*
 * The same if it is configured. Where it cannot be had the daemon goes on without, with a warning.
 * Behind all that needs privileges, such as carrying_open(), and behind upgrade_prepare(): the
 * program that an upgrade starts would inherit it. Main thread.
 */
void sandbox_start(const struct conf *conf, bool carries_in_kernel);

#endif
