/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's own look at the way to its targets and back. */
#include "daemon/checkup.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_change.h"
#include "daemon/checkup_news.h"
#include "doctor/doctor.h"

/* Between two looks for the sake of what failed. */
#define PAUSE_MS 60000

/* As tools show it; 15 characters are the most that Linux takes. */
#define THREAD_NAME "mmproxy-look"

/* Four times what the doctor needs, for the frames of a sanitizer. What is not used costs nothing.
 */
#define STACK_SIZE (512 * 1024)

struct checkup {
	struct mail mail; /* first: what the thread sends when it is done */
	struct serving *serving;
	struct mailbox *mailbox;
	const char *set_up;
	struct checkup_news *news;
	struct conf *seen;    /* the snapshot of the latest checkup_begin(); NULL: none yet */
	uint64_t failures;    /* that there have been; each is seen once */
	bool has_failed;      /* something has, since the latest look for its sake */
	int64_t failed_ms;    /* when the latest look for the sake of a failure was; 0: none yet */
	bool is_due;	      /* a look was asked for while another one went on */
	bool has_ended;	      /* nothing is looked at any more */
	bool is_without_look; /* that there can be none has been said */

	/* Of a look; the thread's from its start until it has sent its mail. */
	pthread_t thread;
	bool is_looking;  /* the mail has not been opened yet */
	bool is_joinable; /* the thread has not been waited for yet */
	bool is_for_failure;
	struct conf *conf;	      /* a reference */
	struct doctor_report *report; /* NULL: memory was out */
	atomic_bool stop;
};

_Static_assert(offsetof(struct checkup, mail) == 0, "on_look_done() relies on it");

/* ---- a look ---- */

static void *look(void *arg)
{
	struct checkup *checkup = arg;
	const struct doctor_limits limits = {
	    .total_ms = CHECKUP_LOOK_MS,
	    .set_up = checkup->set_up,
	    .stop = &checkup->stop,
	};

	checkup->report = doctor_examine(checkup->conf, &limits);
	mailbox_send(checkup->mailbox, &checkup->mail);
	return NULL;
}

static int start_thread(struct checkup *checkup)
{
	pthread_attr_t attributes;
	sigset_t all;
	sigset_t before;
	int error;

	errno = pthread_attr_init(&attributes);
	if (errno != 0)
		return -1;
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&checkup->thread, &attributes, look, checkup);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (error == 0)
		(void)pthread_setname_np(checkup->thread, THREAD_NAME);
	errno = error;
	return error == 0 ? 0 : -1;
}

/* Once: who has no thread for it now mostly has none later. */
static void say_no_look(struct checkup *checkup, const char *why)
{
	if (!checkup->is_without_look)
		log_msg(LOG_LEVEL_WARN,
			"cannot look at the way to the targets and back (%s); \"mmproxy "
			"--check-routing\" does",
			why);
	checkup->is_without_look = true;
}

static void start_look(struct checkup *checkup, bool is_for_failure)
{
	checkup->is_for_failure = is_for_failure;
	checkup->report = NULL;
	checkup->conf = conf_ref(checkup->serving->conf);
	if (start_thread(checkup) == 0) {
		checkup->is_looking = true;
		checkup->is_joinable = true;
		return;
	}
	conf_unref(checkup->conf);
	checkup->conf = NULL;
	say_no_look(checkup, strerror(errno));
}

static void await_thread(struct checkup *checkup)
{
	if (checkup->is_joinable)
		pthread_join(checkup->thread, NULL);
	checkup->is_joinable = false;
}

static void finish_look(struct checkup *checkup)
{
	doctor_report_free(checkup->report);
	checkup->report = NULL;
	conf_unref(checkup->conf);
	checkup->conf = NULL;
	checkup->is_looking = false;
}

static void tell(struct checkup *checkup)
{
	const struct doctor_report *report = checkup->report;

	if (report == NULL ||
	    checkup_news_tell(checkup->news, checkup->conf, report, checkup->is_for_failure) < 0) {
		say_no_look(checkup, "memory is out");
		return;
	}
	log_msg(LOG_LEVEL_DEBUG,
		"looked at the way to the targets and back: %zu ok, %zu warnings, %zu failures",
		doctor_report_count_of(report, DOCTOR_OK),
		doctor_report_count_of(report, DOCTOR_WARN),
		doctor_report_count_of(report, DOCTOR_FAIL));
}

static void on_look_done(struct mail *mail, void *arg)
{
	struct checkup *checkup = (struct checkup *)(void *)mail;

	(void)arg;
	await_thread(checkup);
	/* What was found out about another configuration is news to nobody. */
	if (!checkup->has_ended && checkup->conf == checkup->serving->conf)
		tell(checkup);
	finish_look(checkup);
	if (checkup->is_due && !checkup->has_ended) {
		checkup->is_due = false;
		start_look(checkup, false);
	}
}

/* ---- when to look ---- */

/* What a target has not answered, since the start. */
static uint64_t count_failures(const struct serving *serving)
{
	const struct roster_entry *entry;
	uint64_t sum = 0;

	TAILQ_FOREACH(entry, &serving->roster.entries, entry)
	{
		sum += ledger_lost(entry->ledger, REASON_BACKEND_TIMEOUT);
		sum += ledger_lost(entry->ledger, REASON_BACKEND_UNREACHABLE);
	}
	return sum;
}

/* Whether a look could find something else than the one for the former snapshot did. */
static bool has_changed(const struct conf *before, const struct conf *after)
{
	struct conf_change change;
	bool changed;

	if (conf_change_init(&change, before, after) < 0)
		return true;
	changed = change.counts[CONF_CHANGE_ADDED] + change.counts[CONF_CHANGE_CHANGED] > 0 ||
		  conf_change_has(change.keys, CONF_SCOPE_ROUTING, "manage") ||
		  conf_change_has(change.keys, CONF_SCOPE_ROUTING, "table");
	conf_change_fini(&change);
	return changed;
}

/* Returns whether a UDP target that answers nobody was warned of now. */
static bool look_at_silence(struct serving *serving, int64_t now_ms)
{
	struct roster_entry *entry;
	bool warned = false;

	TAILQ_FOREACH(entry, &serving->roster.entries, entry)
	if (entry->configured)
		warned |= silence_look(&entry->silence, entry->service, now_ms);
	return warned;
}

struct checkup *checkup_new(struct serving *serving, struct mailbox *mailbox, const char *set_up)
{
	struct checkup *checkup = calloc(1, sizeof(*checkup));

	if (checkup == NULL)
		return NULL;
	checkup->news = checkup_news_new();
	if (checkup->news == NULL) {
		free(checkup);
		return NULL;
	}
	checkup->mail.open = on_look_done;
	checkup->serving = serving;
	checkup->mailbox = mailbox;
	checkup->set_up = set_up;
	atomic_init(&checkup->stop, false);
	return checkup;
}

void checkup_begin(struct checkup *checkup)
{
	struct serving *serving;
	struct roster_entry *entry;
	struct conf *before;

	if (checkup == NULL || checkup->has_ended)
		return;
	serving = checkup->serving;
	before = checkup->seen;
	if (before == serving->conf)
		return;
	TAILQ_FOREACH(entry, &serving->roster.entries, entry)
	if (entry->configured)
		silence_begin(&entry->silence, entry->service);
	checkup->seen = conf_ref(serving->conf);
	if (before == NULL || has_changed(before, serving->conf)) {
		checkup_news_forget(checkup->news);
		checkup->is_due = checkup->is_looking;
		if (!checkup->is_looking)
			start_look(checkup, false);
	}
	conf_unref(before);
}

void checkup_tick(struct checkup *checkup, int64_t now_ms)
{
	uint64_t failures;

	if (checkup == NULL || checkup->has_ended || checkup->seen == NULL)
		return;
	checkup->has_failed |= look_at_silence(checkup->serving, now_ms);
	failures = count_failures(checkup->serving);
	/* Fewer where a listener has gone. */
	checkup->has_failed |= failures > checkup->failures;
	checkup->failures = failures;
	if (!checkup->has_failed || checkup->is_looking ||
	    (checkup->failed_ms != 0 && now_ms - checkup->failed_ms < PAUSE_MS))
		return;
	checkup->has_failed = false;
	checkup->failed_ms = now_ms;
	start_look(checkup, true);
}

void checkup_end(struct checkup *checkup)
{
	if (checkup == NULL)
		return;
	checkup->has_ended = true;
	atomic_store(&checkup->stop, true);
}

void checkup_join(struct checkup *checkup)
{
	if (checkup == NULL)
		return;
	checkup_end(checkup);
	await_thread(checkup);
}

void checkup_free(struct checkup *checkup)
{
	if (checkup == NULL)
		return;
	checkup_join(checkup);
	finish_look(checkup);
	conf_unref(checkup->seen);
	checkup_news_free(checkup->news);
	free(checkup);
}
