/* SPDX-License-Identifier: BSD-2-Clause */
/* What the log says of a look at the way to the targets and back. */
#include "daemon/checkup_news.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct checkup_news {
	uint64_t *said; /* what the latest report had, as fingerprint() has it */
	size_t count;
};

/* FNV-1a. Nobody but the configuration's author chooses what goes in. */
#define HASH_START 0xcbf29ce484222325u
#define HASH_PRIME 0x100000001b3u

static uint64_t hash_on(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * HASH_PRIME;
	/* So that two texts are not as good as one. */
	return hash * HASH_PRIME;
}

/* What a finding is about. Its sentence may have figures that differ from look to look. */
static uint64_t fingerprint(const struct doctor_finding *finding)
{
	char text[ADDR_STRLEN];
	uint64_t hash = HASH_START;

	hash = (hash ^ (uint64_t)finding->level) * HASH_PRIME;
	hash = (hash ^ (uint64_t)finding->cause) * HASH_PRIME;
	hash = (hash ^ (uint64_t)finding->protocol) * HASH_PRIME;
	if (finding->listener != NULL)
		hash = hash_on(hash, finding->listener);
	return hash_on(hash, addr_format(&finding->target, text));
}

static const struct conf_listener *find_listener(const struct conf *conf,
						 const struct doctor_finding *finding)
{
	for (size_t i = 0; i < conf->listeners_count && finding->listener != NULL; i++)
		if (conf->listeners[i].protocol == finding->protocol &&
		    strcmp(conf->listeners[i].name, finding->listener) == 0)
			return &conf->listeners[i];
	return NULL;
}

static bool is_for_log(const struct conf *conf, const struct doctor_finding *finding,
		       bool has_failed)
{
	const struct conf_listener *listener;

	if (finding->level == DOCTOR_OK)
		return false;
	switch (finding->cause) {
	case DOCTOR_OPEN_TO_ALL:
		/* Without a list the daemon has said so at its start. */
		listener = find_listener(conf, finding);
		return listener != NULL && listener->allowed_subnets != NULL;
	case DOCTOR_NO_CAPABILITY:
	case DOCTOR_USER_MISSING:
	case DOCTOR_ROUTES_AT_START:
		/* The daemon has started. */
		return false;
	case DOCTOR_ANSWERS_ELSEWHERE:
		/* Most servers on a wildcard do not. */
		return has_failed;
	case DOCTOR_BEHIND_DOCKER_PROXY:
		/* Or it may be, which only root could tell. */
		return finding->level == DOCTOR_FAIL;
	case DOCTOR_NOT_PERMITTED:
	case DOCTOR_NOT_EXAMINED:
		/* What cannot be looked at is no sign of a mistake. */
		return false;
	default:
		return true;
	}
}

static bool has_been_said(const struct checkup_news *news, uint64_t print)
{
	for (size_t i = 0; i < news->count; i++)
		if (news->said[i] == print)
			return true;
	return false;
}

static void say(const struct doctor_finding *finding)
{
	bool has_listener = finding->listener != NULL;
	bool has_mend = finding->mend[0] != '\0';

	log_msg(LOG_LEVEL_WARN, "%s%s%s%s (%s)%s%s", has_listener ? "listener " : "",
		has_listener ? finding->listener : "", has_listener ? ": " : "", finding->sentence,
		doctor_cause_name(finding->cause), has_mend ? "; to mend it: " : "", finding->mend);
}

struct checkup_news *checkup_news_new(void)
{
	return calloc(1, sizeof(struct checkup_news));
}

void checkup_news_forget(struct checkup_news *news)
{
	free(news->said);
	news->said = NULL;
	news->count = 0;
}

void checkup_news_free(struct checkup_news *news)
{
	if (news == NULL)
		return;
	checkup_news_forget(news);
	free(news);
}

int checkup_news_tell(struct checkup_news *news, const struct conf *conf,
		      const struct doctor_report *report, bool has_failed)
{
	size_t findings = doctor_report_count(report);
	struct checkup_news now = {.said = calloc(findings + 1, sizeof(*now.said))};
	size_t new = 0;

	if (now.said == NULL)
		return -1;
	for (size_t i = 0; i < findings; i++) {
		const struct doctor_finding *finding = doctor_report_get(report, i);
		uint64_t print;

		if (!is_for_log(conf, finding, has_failed))
			continue;
		print = fingerprint(finding);
		if (!has_been_said(news, print) && ++new <= CHECKUP_NEWS_MAX)
			say(finding);
		now.said[now.count++] = print;
	}
	if (new > CHECKUP_NEWS_MAX)
		log_msg(LOG_LEVEL_WARN, "%zu more: mmproxy --check-routing",
			new - CHECKUP_NEWS_MAX);
	checkup_news_forget(news);
	*news = now;
	return 0;
}
