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
 * Where root is going to be given up: close what whoever started the process had open, but for
 * standard input, output and error, and for what has been taken over. Before any library is used
 * that may open descriptors of its own.
 */
void privileges_close_inherited(const struct conf *conf);

/*
 * Become the user and group of account_find(), without supplementary groups; and, whoever the
 * process is then, keep the capabilities that it has and the configuration has a use for and no
 * other, get none by execve(2) that it has not (no_new_privs), be closed to debuggers and core
 * dumps of anybody but root (PR_SET_DUMPABLE), and create files that are nobody else's to read. One
 * that stays root keeps CAP_DAC_OVERRIDE as well, for its files.
 *
 * The environment's MMPROXY_DUMPABLE leaves debuggers and core dumps, unless the program's file has
 * capabilities. Returns 0, or -1 having logged why.
 */
int privileges_drop(const struct conf *conf) __attribute__((warn_unused_result));

/*
 * Log once in the life of the process what the configuration cannot have of all that mmproxy does,
 * for want of capabilities. Any time in the main thread.
 */
void privileges_report(const struct conf *conf);

/*
 * When the configuration is read again: whether it may still be used, with what was kept. Returns
 * 0, or -1 having logged what is missing.
 */
int privileges_check_again(const struct conf *conf) __attribute__((warn_unused_result));

/*
 * What to say behind the error of bind(2) on the address: "" or a sentence part that begins with
 * "; ". Any time in the main thread; valid until the next call.
 */
const char *privileges_bind_hint(int error, const struct addr *addr);

/*
 * Before execve(2), as an ordinary user: have the next program get the capabilities that this one
 * has (ambient ones, Linux 4.3, which no_new_privs allows). Root's program has them anyway. What
 * fails is for that program to find out.
 */
void privileges_pass_on(void);

#endif
