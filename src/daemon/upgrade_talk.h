/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The talk with a successor: its socket, and how long an answer may take. daemon/handover has the
 * words. Main thread.
 */
#ifndef MMPROXY_UPGRADE_TALK_H
#define MMPROXY_UPGRADE_TALK_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "daemon/handover.h"

/* Who listens. Each may stop or close the talk. */
struct upgrade_talk_ears {
	void (*on_message)(const struct handover_message *message, void *arg);
	/* What was expected did not come in time. */
	void (*on_silence)(const char *reason, void *arg);
	/* The successor has closed its socket, or, with an errno value, cannot be heard. */
	void (*on_gone)(int error, void *arg);
};

struct upgrade_talk {
	int fd; /* -1: there is none */
	const struct upgrade_talk_ears *ears;
	void *arg;
	struct event_base *base;
	bool stopped;
	struct event *heard;
	struct event *deadline;
	const char *late; /* the reason then */
	struct handover_message *message;
};

/* Returns 0, or -1 when memory is out; fini is fine then. */
int upgrade_talk_init(struct upgrade_talk *talk, struct event_base *base,
		      const struct upgrade_talk_ears *ears, void *arg)
    __attribute__((warn_unused_result));
void upgrade_talk_fini(struct upgrade_talk *talk);

/*
 * Begin one. Returns the successor's end, which is the caller's to close, or -1 with errno;
 * upgrade_talk_close() is due in both cases.
 */
int upgrade_talk_open(struct upgrade_talk *talk) __attribute__((warn_unused_result));

/* Something is to come within this time, from now on; or nothing in particular. */
void upgrade_talk_expect(struct upgrade_talk *talk, int64_t ms, const char *late);
void upgrade_talk_expect_nothing(struct upgrade_talk *talk);

/* The successor is about to end, and has this long; what it said before is not lost. */
void upgrade_talk_await_end(struct upgrade_talk *talk, int64_t ms, const char *late);

/* The successor has ended: hear what it said last. */
void upgrade_talk_hear(struct upgrade_talk *talk);

/* Hear no more, whatever comes, and leave the socket open. */
void upgrade_talk_stop(struct upgrade_talk *talk);
void upgrade_talk_close(struct upgrade_talk *talk);

#endif
