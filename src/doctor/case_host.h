/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of the host, before any target is looked at. */
#ifndef MMPROXY_CASE_HOST_H
#define MMPROXY_CASE_HOST_H

#include "conf/conf.h"
#include "doctor/case.h"
#include "doctor/socket_list.h"

/* The command that sets up return routes; thorough: look up the user as well. */
void case_host_read(struct case_host *host, const struct conf *conf, const char *set_up,
		    bool thorough);

/* Note a wildcard socket whose port clients are likely to have: one of the list, or to be. */
void case_host_find_clash(struct case_host *host, const struct conf *conf,
			  const struct socket_list *tcp);

/* An integer of /proc/sys, such as "net/ipv4/conf/all/rp_filter"; otherwise when there is none. */
long case_host_sysctl(const char *name, long otherwise);

#endif
