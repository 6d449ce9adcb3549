/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether targets answer, from this host's own address or from a client's. */
#include "doctor/probe.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "net/dial.h"
#include "net/sock.h"

/* Time for the first packet and another one after a second; more would tell no more. */
#define WAIT_MAX_MS 2500

/* Where there are many: a target on this host or beside it answers within this time. */
#define WAIT_MIN_MS 200

/* How often it is looked whether to stop. */
#define STOP_LOOK_MS 100

/* That a datagram is refused is heard of soon or never. */
#define WAIT_UDP_MS 400

struct round {
	struct probe *probes;
	size_t count;
	size_t next; /* not begun yet */
	struct probe *flying[PROBE_IN_FLIGHT];
	size_t flying_count;
	int64_t deadline_ms;
	const atomic_bool *stop;
};

static void finish(struct probe *probe, int error)
{
	probe->error = error;
	switch (error) {
	case 0:
	case ECONNRESET: /* it has accepted before */
	case EPIPE:
		probe->end = PROBE_ANSWERED;
		break;
	case ECONNREFUSED:
		probe->end = PROBE_REFUSED;
		break;
	case ETIMEDOUT:
		probe->end = PROBE_SILENT;
		break;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EACCES:
		probe->end = PROBE_UNREACHABLE;
		break;
	case ECANCELED:
	case EMFILE:
	case ENFILE:
		probe->end = PROBE_NOT_TRIED;
		break;
	default:
		probe->end = PROBE_FAILED;
		break;
	}
	sock_abort(probe->fd);
	probe->fd = -1;
}

/* Each wave of probes that are silent takes an equal part of the time that is left. */
static int64_t choose_wait_ms(const struct round *round, bool datagrams, int64_t now_ms)
{
	size_t waves = 1 + (round->count - round->next) / PROBE_IN_FLIGHT;
	int64_t wait_ms = (round->deadline_ms - now_ms) / (int64_t)waves;
	int64_t max_ms = datagrams ? WAIT_UDP_MS : WAIT_MAX_MS;

	if (wait_ms < WAIT_MIN_MS)
		wait_ms = WAIT_MIN_MS;
	return wait_ms < max_ms ? wait_ms : max_ms;
}

/* Returns false when it has to wait for a descriptor. */
static bool begin(struct round *round, struct probe *probe, int64_t now_ms)
{
	const struct dial_request request = {.source = probe->source,
					     .any_port = true,
					     .target = probe->target,
					     .mark = probe->mark,
					     .datagrams = probe->datagrams,
					     .unseen = true};
	enum close_reason reason;

	probe->fd = dial(&request, &reason);
	if (probe->fd < 0) {
		if ((errno == EMFILE || errno == ENFILE) && round->flying_count > 0)
			return false;
		finish(probe, errno);
		return true;
	}
	(void)sock_local_addr(probe->fd, &probe->from);
	if (probe->datagrams ? send(probe->fd, "", 0, MSG_NOSIGNAL) < 0
			     : sock_is_connected(probe->fd)) {
		finish(probe, probe->datagrams ? errno : 0);
		return true;
	}
	probe->until_ms = now_ms + choose_wait_ms(round, probe->datagrams, now_ms);
	if (probe->until_ms > round->deadline_ms)
		probe->until_ms = round->deadline_ms;
	round->flying[round->flying_count++] = probe;
	return true;
}

static void begin_some(struct round *round)
{
	int64_t now_ms = clock_now_ms();

	while (round->next < round->count && round->flying_count < PROBE_IN_FLIGHT &&
	       now_ms < round->deadline_ms && begin(round, &round->probes[round->next], now_ms))
		round->next++;
}

/* Wait for the next answer, or until the next one has waited long enough. */
static void wait_for_some(struct round *round)
{
	struct pollfd fds[PROBE_IN_FLIGHT];
	int64_t now_ms = clock_now_ms();
	int64_t until_ms = round->deadline_ms;
	size_t kept = 0;

	for (size_t i = 0; i < round->flying_count; i++) {
		const struct probe *probe = round->flying[i];

		fds[i] =
		    (struct pollfd){.fd = probe->fd, .events = probe->datagrams ? POLLIN : POLLOUT};
		if (probe->until_ms < until_ms)
			until_ms = probe->until_ms;
	}
	if (round->stop != NULL && until_ms > now_ms + STOP_LOOK_MS)
		until_ms = now_ms + STOP_LOOK_MS;
	if (poll(fds, round->flying_count, until_ms > now_ms ? (int)(until_ms - now_ms) : 0) < 0)
		memset(fds, 0, sizeof(fds));
	now_ms = clock_now_ms();
	for (size_t i = 0; i < round->flying_count; i++) {
		struct probe *probe = round->flying[i];

		if (fds[i].revents != 0)
			finish(probe, sock_take_error(probe->fd));
		else if (probe->until_ms <= now_ms)
			finish(probe, ETIMEDOUT);
		else
			round->flying[kept++] = probe;
	}
	round->flying_count = kept;
}

static void give_up(const struct round *round)
{
	for (size_t i = 0; i < round->flying_count; i++)
		finish(round->flying[i], ECANCELED);
}

bool probe_is_stopped(const atomic_bool *stop)
{
	return stop != NULL && atomic_load_explicit(stop, memory_order_relaxed);
}

void probe_all(struct probe *probes, size_t count, int64_t deadline_ms, const atomic_bool *stop)
{
	struct round round = {
	    .probes = probes, .count = count, .deadline_ms = deadline_ms, .stop = stop};

	for (size_t i = 0; i < count; i++) {
		probes[i].end = PROBE_NOT_TRIED;
		probes[i].fd = -1;
	}
	if (probe_is_stopped(stop))
		return;
	begin_some(&round);
	while (round.flying_count > 0 && !probe_is_stopped(stop)) {
		wait_for_some(&round);
		begin_some(&round);
	}
	give_up(&round);
}
