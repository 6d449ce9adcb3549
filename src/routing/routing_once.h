/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Return routes for scripts: what a configuration needs, whether or not it has routing.manage, set
 * up or taken away once. Main thread.
 */
#ifndef MMPROXY_ROUTING_ONCE_H
#define MMPROXY_ROUTING_ONCE_H

#include <stdio.h>

#include "conf/conf.h"

/* Set up what is missing, and remove what is mmproxy's own and not needed. -1: logged. */
int routing_once_set_up(struct conf *conf) __attribute__((warn_unused_result));

/* Remove all that is mmproxy's own, in the routing table of the configuration. -1: logged. */
int routing_once_clear(struct conf *conf) __attribute__((warn_unused_result));

/* Write the commands that do what routing_once_set_up() does where nothing of it is there. */
int routing_once_print(struct conf *conf, FILE *out) __attribute__((warn_unused_result));

#endif
