/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a UDP listener's target answers clients at all. */
#include "daemon/silence.h"

/* What stands for targets that headers name. */
#define DESTINATIONS "the destinations that headers name"

_Static_assert(sizeof(DESTINATIONS) <= ADDR_STRLEN, "both fit");

static const struct addr *target_of(const struct service *service, enum stats_family family)
{
	return family == STATS_IPV6 ? &service->conf->target_ipv6 : &service->conf->target_ipv4;
}

static const char *target_text(const struct service *service, enum stats_family family,
			       char buf[static ADDR_STRLEN])
{
	if (service->conf->dynamic_destination)
		return DESTINATIONS;
	return addr_format(target_of(service, family), buf);
}

static void warn(const struct service *service, enum stats_family family,
		 const struct silence_family *counts, const struct stats_answers *now)
{
	const char *version = family == STATS_IPV6 ? "IPv6" : "IPv4";
	unsigned long long asked = (unsigned long long)(stats_get(&now->asked) - counts->asked);
	char text[ADDR_STRLEN];

	if (stats_get(&now->refused) != counts->refused)
		log_msg(
		    LOG_LEVEL_WARN,
		    "listener %s: %s (%s) refuses datagrams: nothing listens there; none of %llu "
		    "from clients was answered",
		    service->conf->name, target_text(service, family, text), version, asked);
	else
		log_msg(
		    LOG_LEVEL_WARN,
		    "listener %s: %s (%s) has answered none of %llu datagrams from clients in %d "
		    "s; if it should, see whether it is up, answers from the address that it was "
		    "asked at, and what \"mmproxy --check-routing\" says of the way back",
		    service->conf->name, target_text(service, family, text), version, asked,
		    SILENCE_PATIENCE_MS / 1000);
}

void silence_begin(struct silence *silence, const struct service *service)
{
	if (service->conf->protocol != CONF_PROTOCOL_UDP)
		return;
	for (enum stats_family i = 0; i < STATS_FAMILIES; i++) {
		struct silence_family *family = &silence->families[i];
		const struct addr *target = target_of(service, i);
		struct stats_answers now = {0};

		/* At the start workers may have been asked before the main thread comes here. */
		if (silence->has_begun)
			ledger_sum_answers(service->ledger, i, &now);
		*family = (struct silence_family){
		    .target = *target,
		    .asked = stats_get(&now.asked),
		    .answered = stats_get(&now.answered),
		    .refused = stats_get(&now.refused),
		    .warned = family->warned && addr_equal(&family->target, target),
		};
	}
	silence->has_begun = true;
}

static bool look_at(struct silence_family *family, const struct service *service,
		    enum stats_family which, int64_t now_ms)
{
	struct stats_answers now = {0};

	if (family->heard || family->warned)
		return false;
	ledger_sum_answers(service->ledger, which, &now);
	family->heard = stats_get(&now.answered) != family->answered;
	if (family->heard || stats_get(&now.asked) == family->asked)
		return false;
	if (family->asked_ms == 0)
		family->asked_ms = now_ms;
	if (now_ms - family->asked_ms < SILENCE_PATIENCE_MS)
		return false;
	family->warned = true;
	warn(service, which, family, &now);
	return true;
}

bool silence_look(struct silence *silence, const struct service *service, int64_t now_ms)
{
	bool warned = false;

	if (service->conf->protocol != CONF_PROTOCOL_UDP)
		return false;
	for (enum stats_family i = 0; i < STATS_FAMILIES; i++)
		warned |= look_at(&silence->families[i], service, i, now_ms);
	return warned;
}
