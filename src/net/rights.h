/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors that a message over a UNIX socket carries (SCM_RIGHTS, unix(7)). */
#ifndef MMPROXY_RIGHTS_H
#define MMPROXY_RIGHTS_H

#include <stddef.h>
#include <sys/socket.h>

/* Bytes of a control buffer for so many; it is aligned as a struct cmsghdr. */
#define RIGHTS_SPACE(count) CMSG_SPACE((count) * sizeof(int))

/* Have a message carry these, which stay the sender's, by a control buffer with room for them. */
void rights_put(struct msghdr *message, void *control, const int *fds, size_t count);

/*
 * Take what a received message carries, at most max; further ones are closed. Returns how many
 * there are, which are the receiver's.
 */
size_t rights_take(struct msghdr *message, int *fds, size_t max);

#endif
