/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages into a thread that runs an event base: signals, which say nothing but their own name,
 * and mail, which brings something along.
 *
 * mailbox_signal() and mailbox_send() are for any thread; the rest belongs to the thread of the
 * base. Neither allocates, and neither waits for longer than it takes to link one mail.
 */
#ifndef MMPROXY_MAILBOX_H
#define MMPROXY_MAILBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include <event2/event.h>

typedef void (*mailbox_handler)(unsigned signal, void *arg);

/* Embedded in what it brings, which is the receiver's until open() hands it on. */
struct mail {
	STAILQ_ENTRY(mail) entry;
	void (*open)(struct mail *mail, void *arg); /* arg is the mailbox's */
};

struct mailbox {
	int fd; /* eventfd(2), Linux 2.6.27 */
	atomic_uint pending;
	pthread_mutex_t lock; /* of mail */
	STAILQ_HEAD(, mail) mail;
	struct event *event;
	mailbox_handler handler;
	void *arg;
};

/*
 * Call handler in the base's thread for each signal, a single bit, lowest first, and then open the
 * mail in its order. Returns 0, or -1 with errno. A mailbox that failed to open may be closed.
 */
int mailbox_init(struct mailbox *mailbox, struct event_base *base, mailbox_handler handler,
		 void *arg) __attribute__((warn_unused_result));

/* Mail that is in there is not opened any more. Fine for one that is all zero but for fd = -1. */
void mailbox_fini(struct mailbox *mailbox);

/* One bit, or several. Those of one kind that nobody has taken yet are one. */
void mailbox_signal(struct mailbox *mailbox, unsigned signals);

/* Each mail is opened once, in the order of sending. */
void mailbox_send(struct mailbox *mailbox, struct mail *mail);

#endif
