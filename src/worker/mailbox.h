/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages into a thread that runs an event base: an eventfd and a set of bits.
 *
 * mailbox_post() is for any thread; the rest belongs to the thread of the base. Messages of one
 * kind that were posted before any was taken are one message.
 */
#ifndef MMPROXY_MAILBOX_H
#define MMPROXY_MAILBOX_H

#include <stdatomic.h>

#include <event2/event.h>

typedef void (*mailbox_handler)(unsigned message, void *arg);

struct mailbox {
	int fd; /* eventfd(2), Linux 2.6.27 */
	atomic_uint pending;
	struct event *event;
	mailbox_handler handler;
	void *arg;
};

/*
 * Call handler in the base's thread for each message, a single bit, lowest first. Returns 0, or -1
 * with errno. A mailbox that failed to open may be closed.
 */
int mailbox_init(struct mailbox *mailbox, struct event_base *base, mailbox_handler handler,
		 void *arg) __attribute__((warn_unused_result));
void mailbox_fini(struct mailbox *mailbox);

/* Leave a message: one bit, or several. */
void mailbox_post(struct mailbox *mailbox, unsigned messages);

#endif
