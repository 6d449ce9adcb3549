/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with the way to the targets of a configuration and with the way back. */
#include "doctor/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "doctor/case_host.h"
#include "doctor/judge.h"
#include "doctor/judge_host.h"
#include "doctor/judge_kernel.h"
#include "doctor/leg_list.h"
#include "doctor/surroundings.h"

/* What of the time is for probes to end in; the rest is for look-ups behind them. */
#define PROBES_PERCENT 80

struct examination {
	const struct conf *conf;
	const struct doctor_limits *limits;
	int64_t deadline_ms;
	struct case_host host;
	struct surroundings around;
	struct leg_list legs;
	struct probe *probes; /* two for each leg: from this host's own address, from a client's */
};

/* Whether it is probed: a UDP server on loopback is not disturbed, for the socket tells enough. */
static bool is_probed(const struct examination *examination, const struct case_leg *leg)
{
	if (leg->dynamic || leg->caught || examination->limits->only_asks)
		return false;
	if (leg->protocol == CONF_PROTOCOL_TCP)
		return true;
	return examination->limits->thorough && !addr_is_loopback(&leg->target) &&
	       leg->socket != CASE_SOCKET_NONE;
}

static void add_probe(struct probe *probes, size_t *count, const struct case_leg *leg,
		      const struct addr *source)
{
	struct probe *probe = &probes[(*count)++];

	probe->target = leg->target;
	probe->mark = leg->mark;
	probe->datagrams = leg->protocol == CONF_PROTOCOL_UDP;
	if (source != NULL)
		probe->source = *source;
}

/* All at the same time, however many there are. */
static void probe_legs(struct examination *examination)
{
	const struct case_host *host = &examination->host;
	const int64_t now_ms = clock_now_ms();
	struct probe *probes = examination->probes;
	size_t count = 0;

	for (size_t i = 0; i < examination->legs.count; i++) {
		struct case_leg *leg = &examination->legs.legs[i];

		if (!is_probed(examination, leg) || (leg->mark != 0 && !host->may_mark))
			continue;
		add_probe(probes, &count, leg, NULL);
		if (host->may_spoof)
			add_probe(
			    probes, &count, leg,
			    &examination->around.clients[addr_family(&leg->target) == AF_INET6]);
	}
	probe_all(probes, count,
		  now_ms + (examination->deadline_ms - now_ms) * PROBES_PERCENT / 100,
		  examination->limits->stop);
	/* Back to their legs, in the same order. */
	count = 0;
	for (size_t i = 0; i < examination->legs.count; i++) {
		struct case_leg *leg = &examination->legs.legs[i];

		if (!is_probed(examination, leg) || (leg->mark != 0 && !host->may_mark))
			continue;
		leg->plain = probes[count++];
		if (host->may_spoof)
			leg->spoofed = probes[count++];
	}
}

static bool is_here(const struct examination *examination, size_t listener)
{
	for (size_t i = 0; i < LEG_LIST_EACH; i++) {
		size_t leg = examination->legs.of[listener * LEG_LIST_EACH + i];

		if (leg != SIZE_MAX && examination->legs.legs[leg].place == RETURN_PLACE_HERE)
			return true;
	}
	return false;
}

static void judge_all(const struct examination *examination, struct doctor_report *report)
{
	judge_host(&examination->host, examination->conf, report);
	judge_kernel_host(&examination->host, examination->conf, report);
	for (size_t i = 0; i < examination->conf->listeners_count; i++) {
		const struct conf_listener *listener = &examination->conf->listeners[i];

		for (size_t j = 0; j < LEG_LIST_EACH; j++) {
			size_t leg = examination->legs.of[i * LEG_LIST_EACH + j];

			if (leg == SIZE_MAX)
				continue;
			judge_leg(&examination->host, listener, &examination->legs.legs[leg],
				  report);
			judge_kernel_leg(&examination->host, listener, &examination->legs.legs[leg],
					 report);
		}
		judge_listener(&examination->host, listener, is_here(examination, i), report);
	}
}

static int examine(struct examination *examination)
{
	struct leg_list *legs = &examination->legs;

	case_host_read(&examination->host, examination->conf, examination->limits->set_up,
		       examination->limits->thorough);
	if (surroundings_init(&examination->around, &examination->host, examination->conf,
			      examination->deadline_ms) < 0 ||
	    leg_list_init(legs, examination->conf) < 0)
		return -1;
	examination->probes = calloc(2 * legs->count + 1, sizeof(*examination->probes));
	if (examination->probes == NULL)
		return -1;
	case_host_find_clash(&examination->host, examination->conf,
			     &examination->around.sockets[CONF_PROTOCOL_TCP]);
	for (size_t i = 0; i < legs->count; i++)
		surroundings_place(&examination->around, &legs->legs[i], examination->deadline_ms);
	probe_legs(examination);
	if (probe_is_stopped(examination->limits->stop))
		return 0;
	for (size_t i = 0; i < legs->count; i++)
		surroundings_way_back(&examination->around, &legs->legs[i],
				      examination->deadline_ms);
	return 0;
}

struct doctor_report *doctor_examine(const struct conf *conf, const struct doctor_limits *limits)
{
	struct examination examination = {.conf = conf,
					  .limits = limits,
					  .deadline_ms = clock_now_ms() + limits->total_ms,
					  .around = {.route_fd = -1}};
	struct doctor_report *report = doctor_report_new();
	int result = -1;

	if (report != NULL)
		result = examine(&examination);
	if (result == 0)
		judge_all(&examination, report);
	free(examination.probes);
	leg_list_fini(&examination.legs);
	surroundings_fini(&examination.around);
	if (result == 0 && doctor_report_is_whole(report))
		return report;
	doctor_report_free(report);
	return NULL;
}
