/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages into a thread that runs an event base. */
#include "worker/mailbox.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void take_signals(struct mailbox *mailbox)
{
	unsigned pending = atomic_exchange(&mailbox->pending, 0);

	while (pending != 0) {
		unsigned signal = pending & -pending;

		pending &= ~signal;
		mailbox->handler(signal, mailbox->arg);
	}
}

static void take_mail(struct mailbox *mailbox)
{
	STAILQ_HEAD(, mail) mail = STAILQ_HEAD_INITIALIZER(mail);

	pthread_mutex_lock(&mailbox->lock);
	STAILQ_CONCAT(&mail, &mailbox->mail);
	pthread_mutex_unlock(&mailbox->lock);
	while (!STAILQ_EMPTY(&mail)) {
		struct mail *first = STAILQ_FIRST(&mail);

		/* Before it is opened, which may free it or send it on. */
		STAILQ_REMOVE_HEAD(&mail, entry);
		first->open(first, mailbox->arg);
	}
}

static void on_ring(evutil_socket_t fd, short what, void *arg)
{
	struct mailbox *mailbox = arg;
	uint64_t count;

	(void)what;
	/* Emptied before anything is taken: what is posted in between rings again. */
	(void)!read(fd, &count, sizeof(count));
	take_signals(mailbox);
	take_mail(mailbox);
}

static void ring(const struct mailbox *mailbox)
{
	const uint64_t one = 1;

	(void)!write(mailbox->fd, &one, sizeof(one));
}

int mailbox_init(struct mailbox *mailbox, struct event_base *base, mailbox_handler handler,
		 void *arg)
{
	atomic_init(&mailbox->pending, 0);
	pthread_mutex_init(&mailbox->lock, NULL);
	STAILQ_INIT(&mailbox->mail);
	mailbox->handler = handler;
	mailbox->arg = arg;
	mailbox->event = NULL;
	mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mailbox->fd < 0)
		return -1;
	mailbox->event = event_new(base, mailbox->fd, EV_READ | EV_PERSIST, on_ring, mailbox);
	if (mailbox->event == NULL || event_add(mailbox->event, NULL) < 0)
		return -1;
	return 0;
}

void mailbox_fini(struct mailbox *mailbox)
{
	if (mailbox->event != NULL)
		event_free(mailbox->event);
	mailbox->event = NULL;
	if (mailbox->fd < 0)
		return;
	close(mailbox->fd);
	mailbox->fd = -1;
	pthread_mutex_destroy(&mailbox->lock);
}

void mailbox_signal(struct mailbox *mailbox, unsigned signals)
{
	atomic_fetch_or(&mailbox->pending, signals);
	ring(mailbox);
}

void mailbox_send(struct mailbox *mailbox, struct mail *mail)
{
	pthread_mutex_lock(&mailbox->lock);
	STAILQ_INSERT_TAIL(&mailbox->mail, mail, entry);
	pthread_mutex_unlock(&mailbox->lock);
	ring(mailbox);
}
