/* SPDX-License-Identifier: BSD-2-Clause */
/* What the UDP listeners of one worker share. */
#include "udp/udp_context.h"

#include <stdlib.h>
#include <sys/mman.h>

/*
 * From one buffer to the next: a message, and some lines of cache more, since buffers that begin at
 * one offset of their pages compete for the same few lines.
 */
#define STRIDE (UDP_CONTEXT_MESSAGE_MAX + 1 + 5 * 64)

#define BUFFERS_LEN ((size_t)UDP_CONTEXT_MESSAGES * STRIDE)

struct udp_context *udp_context_new(void)
{
	struct udp_context *context = calloc(1, sizeof(*context));

	if (context == NULL)
		return NULL;
	/* Pages are there from their first use on: small datagrams never touch most of them. */
	context->buffers = mmap(NULL, BUFFERS_LEN, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (context->buffers == MAP_FAILED) {
		free(context);
		return NULL;
	}
	for (size_t i = 0; i < UDP_CONTEXT_MESSAGES; i++) {
		struct msghdr *message = &context->in[i].msg_hdr;

		context->in_pieces[i].iov_base = context->buffers + i * STRIDE;
		context->in_pieces[i].iov_len = UDP_CONTEXT_MESSAGE_MAX;
		message->msg_iov = &context->in_pieces[i];
		message->msg_iovlen = 1;
		message->msg_control = context->in_controls[i];
	}
	outbox_init(&context->up);
	outbox_init(&context->down);
	return context;
}

void udp_context_free(struct udp_context *context)
{
	if (context == NULL)
		return;
	munmap(context->buffers, BUFFERS_LEN);
	free(context);
}

int udp_context_receive(struct udp_context *context, int fd, size_t first, size_t want, bool names)
{
	struct mmsghdr *in = &context->in[first];
	ssize_t got;

	for (size_t i = 0; i < want; i++) {
		struct msghdr *message = &in[i].msg_hdr;

		message->msg_name = names ? &context->in_names[first + i] : NULL;
		message->msg_namelen = names ? sizeof(struct addr) : 0;
		message->msg_controllen = UDP_SOCK_CONTROL_MAX;
		message->msg_flags = 0;
	}
	if (want > 1)
		return recvmmsg(fd, in, (unsigned)want, MSG_DONTWAIT, NULL);
	got = recvmsg(fd, &in->msg_hdr, MSG_DONTWAIT);
	if (got < 0)
		return -1;
	in->msg_len = (unsigned)got;
	return 1;
}
