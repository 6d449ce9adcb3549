/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether this host has what a configuration names, as -t says. */
#ifndef MMPROXY_HOST_CHECK_H
#define MMPROXY_HOST_CHECK_H

#include <stdio.h>

#include "conf/conf.h"

/*
 * Check the user, the group and the log's target, and warn of listeners that trust every peer, and
 * of return routes that are missing, which set_up is the command for; one line each to out, behind
 * the source ("FILE" or "the command line"). Nothing is created, changed or sent. What only root
 * could tell or do is a warning for others. Returns how many mistakes there are; warnings are none.
 */
size_t host_check(const struct conf *conf, const char *source, const char *set_up, FILE *out)
    __attribute__((warn_unused_result));

#endif
