/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a configuration needs so that backends' answers to clients come back to this host: routes,
 * policy rules (ip-rule(8)) and connection marks. A plan is a value: making one asks about the host
 * through struct return_host only, and changes nothing.
 *
 *   - A target on loopback: in the table "local default dev lo", and a rule that sends there what
 *     leaves its address and port; of UDP also the ICMP errors that its address sends.
 *   - A target at another address of this host, or in a guest (container, virtual machine) whose
 *     way out leads through this host: a mark on connections from clients' addresses, which
 *     connection tracking puts on their answers, and a rule for that mark.
 *   - A target on another host: nothing, but a remark.
 */
#ifndef MMPROXY_RETURN_PLAN_H
#define MMPROXY_RETURN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "conf/conf.h"

/*
 * The number of mmproxy in /etc/iproute2/rt_protos, which every route and rule of its own bears
 * (RTA_PROTOCOL, FRA_PROTOCOL). The kernel and iproute2 name none above 192, FRRouting none above
 * 199.
 */
#define RETURN_PLAN_PROTOCOL 223

/*
 * The preference of its rules: behind the table of local addresses (0, or 100 where Cilium has
 * moved it), before what VPNs and container networks add (512 and more), which may catch every
 * packet.
 */
#define RETURN_PLAN_PREFERENCE 123

enum return_kind {
	RETURN_ROUTE, /* "local default dev lo" in the table */
	RETURN_RULE   /* what leads into the table */
};

/* One route or rule; what does not hold for it is 0. */
struct return_item {
	enum return_kind kind;
	int family; /* AF_INET or AF_INET6 */
	uint32_t table;
	/* Of rules for what programs of this host send ("iif lo"). */
	struct addr from;  /* AF_UNSPEC: the rule is one for a mark */
	uint8_t from_bits; /* length of the prefix */
	uint8_t ipproto;   /* 0: any */
	uint16_t port;	   /* that it is sent from; 0: any */
	/* Of rules for marked packets, wherever they come from. */
	uint32_t mark;
};

/* Connections from clients' addresses that are marked. */
struct return_marking {
	int family;
	uint8_t ipproto;	/* IPPROTO_TCP or IPPROTO_UDP */
	char to[ADDR_STRLEN];	/* address or network; "": any */
	uint16_t port;		/* 0: any */
	uint32_t listener_mark; /* which they have already; 0: any */
	uint32_t mark;		/* that they get */
	uint32_t table;
};

/* A target that nothing is set up for. */
struct return_remark {
	const char *listener; /* its name; the configuration's */
	struct addr target;
	bool has_route; /* to another host; false: there is no way to it now */
};

struct return_plan {
	struct return_item *items; /* each route before the rules that lead to it */
	size_t items_count;
	struct return_marking *markings;
	size_t markings_count;
	struct return_remark *remarks;
	size_t remarks_count;
	bool asked_about_places; /* so that changes of the network may change the plan */
};

/* Where a target is that is not on loopback. */
enum return_place {
	RETURN_PLACE_HERE,  /* an address of this host */
	RETURN_PLACE_GUEST, /* behind an interface that leads to containers or virtual machines only
			     */
	RETURN_PLACE_OTHER, /* another host */
	RETURN_PLACE_NONE   /* there is no route to it */
};

/* What a plan depends on besides the configuration. */
struct return_host {
	bool ipv6; /* IPv6 works on loopback: without it, the plan has nothing of IPv6 */
	/* Rules can name IP protocol and port (Linux 4.17); without it they name the address only.
	 */
	bool rule_ports;
	enum return_place (*place)(void *arg, const struct addr *target, uint32_t mark);
	void *arg;
};

/*
 * Plan for the configuration, as if it had routing.manage. It borrows names from the snapshot.
 * Returns 0, or -1 when memory is out, with nothing to free.
 */
int return_plan_init(struct return_plan *plan, const struct conf *conf,
		     const struct return_host *host) __attribute__((warn_unused_result));

/*
 * The mark that plans for the configuration give to connections: the number behind the table's, or
 * the next one that no listener's own packets have.
 */
uint32_t return_plan_mark(const struct conf *conf);

/* All zero is fine. */
void return_plan_fini(struct return_plan *plan);

bool return_item_equal(const struct return_item *a, const struct return_item *b);
bool return_marking_equal(const struct return_marking *a, const struct return_marking *b);

/* Whether the plan has an equal one. */
bool return_plan_has_item(const struct return_plan *plan, const struct return_item *item);
bool return_plan_has_marking(const struct return_plan *plan, const struct return_marking *marking);

/* Add what the other plan has and this one lacks, but for its remarks. -1: memory is out. */
int return_plan_add(struct return_plan *plan, const struct return_plan *other)
    __attribute__((warn_unused_result));

/* Whether both want the same, in any order; remarks do not count. */
bool return_plan_equal(const struct return_plan *a, const struct return_plan *b);

#endif
