/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of the host and of one way to a target: all that a judgement follows from. */
#ifndef MMPROXY_CASE_H
#define MMPROXY_CASE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "conf/conf.h"
#include "doctor/container_proxy.h"
#include "doctor/probe.h"
#include "doctor/tracked_flow.h"
#include "doctor/way_back.h"
#include "fastpath/fastpath.h"
#include "fastpath/fastpath_needs.h"
#include "routing/return_plan.h"

enum case_user {
	CASE_USER_KEPT, /* the process is not root, or stays what it is */
	CASE_USER_THERE,
	CASE_USER_DEFAULT_MISSING, /* root stays root */
	CASE_USER_MISSING
};

/* Whether the kernel takes the programs that udp_relay asks for. */
enum case_kernel { CASE_KERNEL_NOT_TRIED, CASE_KERNEL_TAKES, CASE_KERNEL_REFUSES };

/* What holds for all listeners. */
struct case_host {
	bool root;
	bool may_spoof;
	bool may_mark;
	bool may_bind_low; /* ports that are for root */
	uint16_t low_port; /* the first one that is for all */
	enum case_user user;
	bool routing_known;    /* routes could be asked for */
	bool sockets_known[2]; /* by enum conf_protocol */
	bool manage;	       /* the daemon sets up routes, */
	bool holder;	       /* and one does so now */
	bool can_set_up;       /* --setup-routing was built, */
	bool can_mark;	       /* with marks */
	bool foreign_table[2]; /* IPv4, IPv6: somebody else uses the routing table */
	bool local_table[2];   /* likewise: it takes all for local already */
	uint32_t table;
	const char *set_up;	 /* the command */
	char localnet[IFNAMSIZ]; /* an interface with route_localnet, or "all"; "": none */
	enum case_kernel kernel;
	char kernel_why[FASTPATH_WHY_MAX];
	uint16_t clash_port; /* a TCP port of a wildcard socket that clients are likely to have */
};

enum case_socket { CASE_SOCKET_UNKNOWN, CASE_SOCKET_NONE, CASE_SOCKET_EXACT, CASE_SOCKET_WILDCARD };

/* One target, as the listeners with the same protocol and mark reach it. */
struct case_leg {
	enum conf_protocol protocol;
	struct addr target; /* without a port: any destination of a header, of which this is one */
	uint32_t mark;
	bool dynamic;
	enum return_place place;
	char interface[IFNAMSIZ]; /* that leads to it, where it is not this host */
	uint8_t rp_filter;	  /* of that interface: 1 is strict */
	bool caught; /* with its mark it seems to be this host, and without it is not */
	enum case_socket socket;
	/* Sysctls without which the kernel carries to it nothing that comes by a device. */
	const char *sysctls[FASTPATH_NEEDS_MAX];
	size_t sysctls_count;
	struct addr elsewhere; /* on this host, where there is a socket with the port instead */
	bool in_proxy;	       /* a program for containers has the socket */
	bool maybe_proxy;      /* root's, and there is a bridge of Docker's */
	char proxy_name[CONTAINER_PROXY_NAME_MAX];
	struct addr container;
	struct probe plain;
	struct probe spoofed;
	struct way_back back;
	struct tracked_flow tracked;
};

#endif
