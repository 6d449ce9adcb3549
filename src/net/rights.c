/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors that a message over a UNIX socket carries. */
#include "net/rights.h"

#include <string.h>
#include <unistd.h>

void rights_put(struct msghdr *message, void *control, const int *fds, size_t count)
{
	struct cmsghdr *cmsg = control;

	if (count == 0)
		return;
	memset(control, 0, RIGHTS_SPACE(count));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	message->msg_control = control;
	message->msg_controllen = RIGHTS_SPACE(count);
}

size_t rights_take(struct msghdr *message, int *fds, size_t max)
{
	size_t taken = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(message, cmsg)) {
		size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			if (taken < max)
				fds[taken++] = fd;
			else
				close(fd);
		}
	}
	return taken;
}
