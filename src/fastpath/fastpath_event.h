/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs did with datagrams that looked like a flow's, and why they left some of them to
 * user space. For tests and metrics; the numbers are those of a kernel's array.
 */
#ifndef MMPROXY_FASTPATH_EVENT_H
#define MMPROXY_FASTPATH_EVENT_H

enum fastpath_event {
	FASTPATH_CARRIED_UP,
	FASTPATH_CARRIED_DOWN,
	/* Left to user space, up: */
	FASTPATH_EXPIRED,      /* (and down) nobody renewed the lease */
	FASTPATH_NO_FLOW,      /* a header of the right form, but no flow that is installed */
	FASTPATH_OTHER_HEADER, /* of an installed flow, with something other in its header */
	FASTPATH_MOVED,	     /* of an installed flow, from another balancer or by another device */
	FASTPATH_OTHER_FORM, /* no header of a form that is carried: TLVs, LOCAL, none */
	FASTPATH_SEGMENTS,   /* (and down) several datagrams in one packet: GSO, GRO */
	FASTPATH_UNUSUAL,    /* (and down) a VLAN tag, a fragment, options, a broken length */
	FASTPATH_UNABLE,     /* (and down) the kernel would not change the packet */
	/* Left to user space, down: */
	FASTPATH_TOO_LONG, /* a reply that the device could not send in one piece */
	FASTPATH_AWAY,	   /* a reply of a flow whose balancer or device is not what it was */
	/* Lost: */
	FASTPATH_BROKEN, /* the kernel failed in the middle of a change */
	FASTPATH_EVENTS
};

/* A word with underscores, as in metrics; FASTPATH_EVENTS and above have none (NULL). */
const char *fastpath_event_name(enum fastpath_event event);

#endif
