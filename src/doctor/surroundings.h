/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel and /proc tell at one moment of routes, rules, sockets and programs for
 * containers, and of a target in particular. Any thread.
 */
#ifndef MMPROXY_SURROUNDINGS_H
#define MMPROXY_SURROUNDINGS_H

#include "doctor/case.h"
#include "doctor/container_proxy.h"
#include "doctor/rule_list.h"
#include "doctor/socket_list.h"

struct surroundings {
	int route_fd;		       /* -1: routes cannot be asked for */
	struct rule_list rules[2];     /* IPv4, IPv6 */
	struct socket_list sockets[2]; /* by enum conf_protocol */
	struct container_proxies proxies;
	struct target_place *places; /* NULL: not known */
	struct addr clients[2]; /* IPv4, IPv6: an address of documentation that is nobody's here */
	uint32_t mark;		/* that return routes of mmproxy's give to answers */
};

/* Read them, and note in host what of them is not known. -1 when memory is out;
 * surroundings_fini() is right in any case. */
int surroundings_init(struct surroundings *around, struct case_host *host, const struct conf *conf,
		      int64_t deadline_ms) __attribute__((warn_unused_result));
void surroundings_fini(struct surroundings *around);

/* Where the target is, and who has its port there. */
void surroundings_place(const struct surroundings *around, struct case_leg *leg,
			int64_t deadline_ms);

/* Where its answers go to the client that it was probed from, and what is known of the probe. */
void surroundings_way_back(const struct surroundings *around, struct case_leg *leg,
			   int64_t deadline_ms);

#endif
