/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the targets of a listener accept TCP connections. */
#include "daemon/health_probe.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/event_struct.h>

#include "base/clock.h"
#include "net/dial.h"
#include "net/sock.h"

#define TARGETS 2

struct health_target {
	struct health_probe *probe;
	struct addr addr;
	int fd; /* -1 while it is not being probed */
	struct event answer;
	enum close_reason reason; /* of the probe under way */
};

struct health_probe {
	struct event_base *base;
	void (*on_result)(void *arg);
	void *arg;
	struct health_target targets[TARGETS]; /* IPv4, IPv6 */
	uint32_t mark;
	uint32_t timeout_ms;
	bool asked;	    /* at least once, of these targets */
	int64_t started_ms; /* the latest probe */
	struct health_result result;
};

enum close_reason health_result_reason(const struct health_result *result)
{
	if (result->ipv4 == REASON_DONE || result->ipv4 == REASON_NO_TARGET)
		return result->ipv6 == REASON_NO_TARGET ? result->ipv4 : result->ipv6;
	return result->ipv4;
}

/* With a reset, if there is a connection already. */
static void end(struct health_target *target)
{
	if (target->fd < 0)
		return;
	event_del(&target->answer);
	sock_abort(target->fd);
	target->fd = -1;
}

static void take_result(struct health_probe *probe)
{
	probe->result.ipv4 = probe->targets[0].reason;
	probe->result.ipv6 = probe->targets[1].reason;
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct health_target *target = arg;
	struct health_probe *probe = target->probe;
	int error = sock_take_error(fd);

	/* An answer that came in time may be read late: libevent tells of one of the two alone. */
	if ((what & EV_TIMEOUT) != 0 && error == 0 && !sock_is_connected(fd))
		error = ETIMEDOUT;
	/* One that resets has accepted before: it may talk to certain peers only. */
	if (error != 0 && dial_reason(error) != REASON_BACKEND_RESET)
		target->reason = dial_reason(error);
	end(target);
	if (health_probe_is_under_way(probe))
		return;
	take_result(probe);
	probe->on_result(probe->arg);
}

static void start(struct health_target *target)
{
	const struct health_probe *probe = target->probe;
	const struct timeval timeout = clock_timeval(probe->timeout_ms);
	const struct dial_request request = {
	    .target = target->addr, .mark = probe->mark, .unseen = true};

	target->reason = REASON_NO_TARGET;
	if (!addr_is_set(&target->addr))
		return;
	target->fd = dial(&request, &target->reason);
	if (target->fd < 0)
		return;
	target->reason = REASON_DONE;
	event_assign(&target->answer, probe->base, target->fd, EV_WRITE, on_answer, target);
	if (sock_is_connected(target->fd)) {
		end(target);
	} else if (event_add(&target->answer, &timeout) < 0) {
		target->reason = REASON_INTERNAL;
		end(target);
	}
}

struct health_probe *health_probe_new(struct event_base *base, void (*on_result)(void *arg),
				      void *arg)
{
	struct health_probe *probe = calloc(1, sizeof(*probe));

	if (probe == NULL)
		return NULL;
	probe->base = base;
	probe->on_result = on_result;
	probe->arg = arg;
	for (size_t i = 0; i < TARGETS; i++) {
		probe->targets[i].probe = probe;
		probe->targets[i].fd = -1;
	}
	probe->result = (struct health_result){REASON_INTERNAL, REASON_INTERNAL};
	return probe;
}

void health_probe_free(struct health_probe *probe)
{
	if (probe == NULL)
		return;
	for (size_t i = 0; i < TARGETS; i++)
		end(&probe->targets[i]);
	free(probe);
}

bool health_probe_set(struct health_probe *probe, const struct conf_listener *listener)
{
	uint32_t timeout_ms = listener->connect_timeout_ms < HEALTH_PROBE_TIMEOUT_MS
				  ? listener->connect_timeout_ms
				  : HEALTH_PROBE_TIMEOUT_MS;

	if (probe->mark == listener->mark && probe->timeout_ms == timeout_ms &&
	    addr_equal(&probe->targets[0].addr, &listener->target_ipv4) &&
	    addr_equal(&probe->targets[1].addr, &listener->target_ipv6))
		return false;
	for (size_t i = 0; i < TARGETS; i++)
		end(&probe->targets[i]);
	probe->targets[0].addr = listener->target_ipv4;
	probe->targets[1].addr = listener->target_ipv6;
	probe->mark = listener->mark;
	probe->timeout_ms = timeout_ms;
	probe->asked = false;
	return true;
}

bool health_probe_ask(struct health_probe *probe)
{
	int64_t now = clock_now_ms();

	if (health_probe_is_under_way(probe))
		return true;
	if (probe->asked && now - probe->started_ms < HEALTH_PROBE_INTERVAL_MS)
		return false;
	probe->asked = true;
	probe->started_ms = now;
	for (size_t i = 0; i < TARGETS; i++)
		start(&probe->targets[i]);
	if (health_probe_is_under_way(probe))
		return true;
	take_result(probe);
	return false;
}

bool health_probe_is_under_way(const struct health_probe *probe)
{
	for (size_t i = 0; i < TARGETS; i++)
		if (probe->targets[i].fd >= 0)
			return true;
	return false;
}

const struct health_result *health_probe_result(const struct health_probe *probe)
{
	return &probe->result;
}
