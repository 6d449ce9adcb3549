/* SPDX-License-Identifier: BSD-2-Clause */
/* What a daemon and its successor say to each other. */
#include "daemon/handover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/rights.h"
#include "net/sock.h"
#include "service/deny_text.h"

#define CONTROL_MAX RIGHTS_SPACE(FLOW_BATCH_MAX)

struct iovec handover_part(const void *bytes, size_t len)
{
	struct iovec part = {.iov_len = len};

	/* The structure is that of reading, too, and has no const. */
	memcpy(&part.iov_base, &bytes, sizeof(part.iov_base));
	return part;
}

int handover_send(int fd, const struct handover_head *head, const void *bytes, size_t len,
		  const int *fds, size_t count)
{
	_Alignas(struct cmsghdr) char control[CONTROL_MAX];
	struct iovec parts[2] = {handover_part(head, sizeof(*head)), handover_part(bytes, len)};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	rights_put(&message, control, fds, count);
	return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int handover_say(int fd, enum handover_kind kind, uint32_t number)
{
	const struct handover_head head = {.kind = (uint32_t)kind, .number = number};

	return handover_send(fd, &head, NULL, 0, NULL, 0);
}

int handover_receive(int fd, struct handover_message *message)
{
	_Alignas(struct cmsghdr) char control[CONTROL_MAX];
	struct iovec parts[2] = {
	    {.iov_base = &message->head, .iov_len = sizeof(message->head)},
	    {.iov_base = message->bytes, .iov_len = sizeof(message->bytes)},
	};
	struct msghdr header = {
	    .msg_iov = parts,
	    .msg_iovlen = 2,
	    .msg_control = control,
	    .msg_controllen = sizeof(control),
	};
	ssize_t len;

	do
		len = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return errno == ECONNRESET ? 0 : -1;
	if (len == 0)
		return 0;
	message->count = rights_take(&header, message->fds, FLOW_BATCH_MAX);
	if (len >= (ssize_t)sizeof(message->head) &&
	    (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) {
		message->len = (size_t)len - sizeof(message->head);
		return 1;
	}
	for (size_t i = 0; i < message->count; i++)
		close(message->fds[i]);
	errno = EPROTO;
	return -1;
}

int handover_send_denied(int fd, struct deny_list *denied)
{
	const struct handover_head head = {.kind = HANDOVER_DENIED, .number = 1};
	int file = memfd_create("mmproxy-denied", MFD_CLOEXEC);
	FILE *out = file >= 0 ? fdopen(file, "w") : NULL;
	int result = -1;

	if (out == NULL)
		return sock_fail(file);
	if (deny_text_write(denied, out, deny_list_clock_ms()) == 0)
		result = handover_send(fd, &head, NULL, 0, &file, 1);
	(void)fclose(out);
	return result;
}

int handover_take_denied(const struct handover_message *message, struct deny_list *denied)
{
	FILE *in = NULL;
	size_t left_out = 1;

	/* The writer's place in the file is the reader's as well. */
	if (message->count == 1 && lseek(message->fds[0], 0, SEEK_SET) == 0)
		in = fdopen(message->fds[0], "r");
	if (in != NULL) {
		left_out = deny_text_read(denied, in, deny_list_clock_ms());
		(void)fclose(in);
		return left_out == 0 ? 0 : -1;
	}
	for (size_t i = 0; i < message->count; i++)
		close(message->fds[i]);
	return -1;
}
