/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the targets of a listener accept TCP connections, asked at most once a second however
 * many want to know.
 *
 * A probe connects from mmproxy's own address, never from a client's, and resets at once. The
 * acknowledgement that would end the handshake is held back until then, so that the server's kernel
 * has answered and the server itself mostly hears nothing of it, and logs nothing. Main thread.
 */
#ifndef MMPROXY_HEALTH_PROBE_H
#define MMPROXY_HEALTH_PROBE_H

#include <stdbool.h>

#include <event2/event.h>

#include "base/reason.h"
#include "conf/conf.h"

/* How old an answer may be. */
#define HEALTH_PROBE_INTERVAL_MS 1000

/* How long a target has for its answer; connect_timeout where that is shorter. */
#define HEALTH_PROBE_TIMEOUT_MS 2000

/* What became of a target: REASON_DONE if it accepted, REASON_NO_TARGET if there is none. */
struct health_result {
	enum close_reason ipv4;
	enum close_reason ipv6;
};

/* REASON_DONE when every target there is accepted, or else why one did not. */
enum close_reason health_result_reason(const struct health_result *result);

struct health_probe;

/*
 * NULL when memory is out. on_result is called when a probe that health_probe_ask() has said to be
 * under way is over; it must not free the probe.
 */
struct health_probe *health_probe_new(struct event_base *base, void (*on_result)(void *arg),
				      void *arg) __attribute__((warn_unused_result));

/* Without a call of on_result. NULL is fine. */
void health_probe_free(struct health_probe *probe);

/*
 * From now on the targets, the mark and connect_timeout of this listener are what counts; the
 * values are copied. Returns whether anything is another than before. If so, a probe under way is
 * given up, and the result that there is does not count when next asked.
 */
bool health_probe_set(struct health_probe *probe, const struct conf_listener *listener);

/*
 * Probe, unless the latest probe is younger than HEALTH_PROBE_INTERVAL_MS. Returns whether a probe
 * is under way now. If not, there is a result: on loopback mostly at once.
 */
bool health_probe_ask(struct health_probe *probe);

/* Whether a probe is under way. */
bool health_probe_is_under_way(const struct health_probe *probe);

/* Of the latest probe that is over; REASON_INTERNAL before there was one. */
const struct health_result *health_probe_result(const struct health_probe *probe);

#endif
