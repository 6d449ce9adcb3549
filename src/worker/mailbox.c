/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages into a thread that runs an event base. */
#include "worker/mailbox.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct mailbox *mailbox = arg;
	uint64_t count;
	unsigned pending;

	(void)what;
	/* Emptied before the bits are taken: a message posted in between rings again. */
	(void)!read(fd, &count, sizeof(count));
	pending = atomic_exchange(&mailbox->pending, 0);
	while (pending != 0) {
		unsigned message = pending & -pending;

		pending &= ~message;
		mailbox->handler(message, mailbox->arg);
	}
}

int mailbox_init(struct mailbox *mailbox, struct event_base *base, mailbox_handler handler,
		 void *arg)
{
	atomic_init(&mailbox->pending, 0);
	mailbox->handler = handler;
	mailbox->arg = arg;
	mailbox->event = NULL;
	mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mailbox->fd < 0)
		return -1;
	mailbox->event = event_new(base, mailbox->fd, EV_READ | EV_PERSIST, on_mail, mailbox);
	if (mailbox->event == NULL || event_add(mailbox->event, NULL) < 0)
		return -1;
	return 0;
}

void mailbox_fini(struct mailbox *mailbox)
{
	if (mailbox->event != NULL)
		event_free(mailbox->event);
	mailbox->event = NULL;
	if (mailbox->fd >= 0)
		close(mailbox->fd);
	mailbox->fd = -1;
}

void mailbox_post(struct mailbox *mailbox, unsigned messages)
{
	const uint64_t one = 1;

	atomic_fetch_or(&mailbox->pending, messages);
	(void)!write(mailbox->fd, &one, sizeof(one));
}
