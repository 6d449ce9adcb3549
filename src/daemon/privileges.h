/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process may do, and giving up the rest. Main thread, before others are started. */
#ifndef MMPROXY_PRIVILEGES_H
#define MMPROXY_PRIVILEGES_H

#include "conf/conf.h"

/*
 * Whether the process may do what the configuration needs (IP_TRANSPARENT; SO_MARK where a listener
 * has a mark). Returns 0, or -1 when not, having logged what to grant and how.
 */
int privileges_check(const struct conf *conf) __attribute__((warn_unused_result));

/* Raise the soft limit on descriptors to the hard one. */
void privileges_raise_descriptors(void);

/*
 * As root, become the configured user and group, keeping the capabilities that dialling and
 * listening need and no other. The default user may be missing, which leaves root with a warning; a
 * configured one may not. Built without libcap-ng, root stays root with a warning, and a configured
 * user or group is an error. Returns 0, or -1 having logged why.
 */
int privileges_drop(const struct conf *conf) __attribute__((warn_unused_result));

/*
 * Before execve(2), as an ordinary user: have the next program get the capabilities that this one
 * has (ambient ones, Linux 4.3, which no_new_privs allows). Root's program has them anyway. What
 * fails is for that program to find out.
 */
void privileges_pass_on(void);

/* In that program, before there are threads: keep them, but pass them on to no other. */
void privileges_keep_to_itself(void);

#endif
