/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is wrong with the way to the targets of a configuration and with the way back, and the
 * command that mends it.
 *
 * Nothing is changed, no port of a listener is bound, and nothing is logged. What is sent: the
 * handshake of one connection from an own address and of one from a client's to each TCP target,
 * both reset at once; and, if limits say so, one empty datagram to each UDP target that is not on
 * loopback. There is no state besides the call's own, so it may run on a thread of its own beside
 * those of a daemon that serves; it needs no more than 64 descriptors and 128 KiB of stack.
 */
#ifndef MMPROXY_DOCTOR_H
#define MMPROXY_DOCTOR_H

#include <stdatomic.h>
#include <stdbool.h>

#include "conf/conf.h"
#include "doctor/doctor_report.h"

struct doctor_limits {
	/* All of it ends within this time; what there was no time for is a finding, not_examined.
	 */
	unsigned total_ms;
	/*
	 * For somebody who asked: send datagrams to UDP targets, and look up the user of the
	 * configuration, which may wait for a directory service.
	 */
	bool thorough;
	/* Send nothing: what can be told without is told, and the rest is not_examined. */
	bool only_asks;
	/* True as soon as nobody wants the report any more: it then comes as it is, within half a
	 * second; NULL: never. */
	const atomic_bool *stop;
	/* How return routes are set up, for the findings: "mmproxy -c FILE --setup-routing"; NULL:
	 * "mmproxy --setup-routing". */
	const char *set_up;
};

/*
 * Examine the host for a configuration, with the privileges that the calling thread has. The
 * snapshot is borrowed for the time of the call; the report owns what it says. NULL when memory is
 * out.
 */
struct doctor_report *doctor_examine(const struct conf *conf, const struct doctor_limits *limits)
    __attribute__((warn_unused_result));

#endif
